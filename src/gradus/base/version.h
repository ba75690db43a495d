// The version of the library and the program; CMake reads it from here.
#pragma once

#define GRADUS_VERSION "0.1.0"
