// Whole files: read through a map of memory, written so that a crash leaves the old or the new one.
#pragma once

#include <gradus/io/bytes.h>

#include <string>
#include <vector>

namespace gradus {

// A regular file, mapped read-only. Folders, devices and pipes are refused; empty files are fine.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  Bytes bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Bytes bytes_;
};

// Gives back the memory of mapped pages that lie wholly within; they are read again when touched.
// Only for parts of a FileBytes.
void release_pages(Bytes bytes);

// Temporary file in the same folder, fsync, rename, fsync of the folder. Through a link its target
// is written; folders, devices and pipes are refused, as a rename would replace them.
void write_file_atomically(const std::string& path, Bytes bytes);

// gzip (RFC 1952), several members in a row included.
bool is_gzip(Bytes bytes);
// Unpacks into exactly what it needs, after a first pass that keeps nothing: a broken stream, or
// one longer than `most` bytes, costs no memory.
std::vector<std::byte> gunzip(Bytes packed, std::int64_t most, std::string_view name);
// The first `count` unpacked bytes, fewer if the stream ends or breaks before.
std::vector<std::byte> gunzip_start(Bytes packed, std::size_t count);

}  // namespace gradus
