// The last line of a learner's file: hands the function to `gradus exercise check`.
#pragma once

#define GRADUS_ANSWER(...)                                                  \
  extern "C" __attribute__((visibility("default"))) void* gradus_answer() { \
    return reinterpret_cast<void*>(&__VA_ARGS__);                           \
  }
