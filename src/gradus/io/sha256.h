// SHA-256 (FIPS 180-4): the checksum of checkpoints and configurations.
#pragma once

#include <gradus/io/bytes.h>

#include <string>

namespace gradus {

// 64 hexadecimal digits.
std::string sha256_hex(Bytes bytes);

}  // namespace gradus
