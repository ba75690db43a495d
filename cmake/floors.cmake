# gradus_room_<room> for each folder, from the table in floors.txt; then libgradus from all of them.

# How our own files are compiled. Designated initialisers leave fields out on purpose.
add_library(gradus_flags INTERFACE)
target_compile_options(gradus_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
                       -Wno-missing-field-initializers $<$<BOOL:${GRADUS_WERROR}>:-Werror>)
# SSSE3 and AVX3_DL would add compile time and no machine we know. The baseline is one lane at a
# time with both compilers: clang's emulated vectors (EMU128) take it minutes under sanitizers.
set(GRADUS_SIMD_OFF "HWY_SSSE3|HWY_AVX3_DL" CACHE STRING "SIMD targets that are not compiled")
target_compile_definitions(gradus_flags INTERFACE "HWY_DISABLED_TARGETS=(${GRADUS_SIMD_OFF})"
                           HWY_BROKEN_EMU128=1 $<$<BOOL:${GRADUS_POISON}>:GRADUS_POISON>)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "wasm32")  # Highway 1.0.3 has no f64 vectors there
  target_compile_definitions(gradus_flags INTERFACE HWY_COMPILE_ONLY_SCALAR)
endif()

# What whoever includes our headers needs: no contraction of a*b+c, or the bits would differ.
add_library(gradus_headers INTERFACE)
target_compile_features(gradus_headers INTERFACE cxx_std_20)
target_compile_options(gradus_headers INTERFACE -ffp-contract=off)
target_include_directories(gradus_headers INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(gradus_headers INTERFACE ${gradus_core_needs})

# FILE as std::string_view NAME, in a source of its own.
function(gradus_embed name file)
  set(to ${PROJECT_BINARY_DIR}/guide/${name}.cpp)
  add_custom_command(OUTPUT ${to}
    COMMAND ${CMAKE_COMMAND} -DFROM=${file} -DTO=${to} -DNAME=${name}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  set(sources ${sources} ${to} PARENT_SCOPE)
  set(declarations "${declarations}extern const std::string_view ${name};\n" PARENT_SCOPE)
endfunction()

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/floors.txt table REGEX "^[0-9]")
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${PROJECT_SOURCE_DIR}/cmake/floors.txt)
set(gradus_rooms)  # rooms that exist, bottom up
set(objects)
set(below)
set(same)
set(last 0)
foreach(line ${table})
  separate_arguments(line)
  list(GET line 0 floor)
  list(GET line 1 room)
  list(GET line 2 part)
  if((GRADUS_CORE_ONLY AND NOT part STREQUAL "core") OR (part STREQUAL "program" AND NOT GRADUS_APP))
    continue()
  endif()
  if(NOT floor EQUAL last)
    list(APPEND below ${same})
    set(same)
    set(last ${floor})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/gradus/${room}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/app/main\\.cpp$")
  if(room STREQUAL "train")
    gradus_embed(frozen_lessons ${PROJECT_SOURCE_DIR}/src/gradus/train/lessons.txt)
  endif()
  set(target gradus_room_${room})
  if(sources)
    add_library(${target} STATIC ${sources})
    set_target_properties(${target} PROPERTIES VISIBILITY_INLINES_HIDDEN ON)
    # A section a function: a program that links with --gc-sections holds only what it calls.
    target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
    if(room MATCHES "^(base|ops)$")
      # Unoptimised, g++ 12 places vectors on the stack without their alignment, and AVX-512 traps.
      target_compile_options(${target} PRIVATE $<$<OR:$<CONFIG:>,$<CONFIG:Debug>>:-O2>)
    endif()
    if(GRADUS_SO)  # made of the same objects
      set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
      target_compile_options(${target} PRIVATE -fno-semantic-interposition)
    endif()
    target_link_libraries(${target} PUBLIC gradus_headers ${below} PRIVATE gradus_flags)
    if(NOT part STREQUAL "core")
      target_link_libraries(${target} PRIVATE ${gradus_native_needs} ${gradus_${part}_needs})
    endif()
    if(NOT part STREQUAL "program")
      list(APPEND objects $<TARGET_OBJECTS:${target}>)
    endif()
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE gradus_headers ${below})
  endif()
  list(APPEND gradus_rooms ${room})
  list(APPEND same ${target})
endforeach()

# Plain loops over numbers: g++ 12 vectorises them fully from -O3 on.
set_source_files_properties(src/gradus/ops/reduce.cpp src/gradus/ops/select.cpp PROPERTIES
                            COMPILE_OPTIONS $<$<CONFIG:Release>:-O3>)

# What only calls operations: half the size, and a program that trains XOR stays below 2 MB.
set_source_files_properties(src/gradus/optim/optimiser.cpp src/gradus/nn/losses.cpp
                            src/gradus/nn/init.cpp src/gradus/nn/mlp.cpp PROPERTIES
                            COMPILE_OPTIONS $<$<CONFIG:Release>:-Os>)

# One archive: the linker takes from it what is used, so gradus::core asks for Highway alone.
if(objects)
  add_library(gradus_core STATIC ${objects})
  set_target_properties(gradus_core PROPERTIES OUTPUT_NAME gradus EXPORT_NAME core
                        LINKER_LANGUAGE CXX)
  target_link_libraries(gradus_core PUBLIC gradus_headers)
  add_library(gradus_io INTERFACE)
  set_target_properties(gradus_io PROPERTIES EXPORT_NAME io)
  target_link_libraries(gradus_io INTERFACE gradus_core ${gradus_io_needs})
  add_library(gradus_all INTERFACE)
  set_target_properties(gradus_all PROPERTIES EXPORT_NAME gradus)
  target_link_libraries(gradus_all INTERFACE gradus_io)
  add_library(gradus::core ALIAS gradus_core)
  add_library(gradus::io ALIAS gradus_io)
  add_library(gradus::gradus ALIAS gradus_all)

  if(GRADUS_SO AND NOT GRADUS_CORE_ONLY)
    # What it exports is namespace gradus, by the map: headers need no macro, and no symbol of
    # another library's templates leaks.
    add_library(gradus_so SHARED ${objects})
    set_target_properties(gradus_so PROPERTIES OUTPUT_NAME gradus EXPORT_NAME shared
                          LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_link_libraries(gradus_so PUBLIC gradus_headers PRIVATE ${gradus_native_needs})
    target_link_options(gradus_so PRIVATE
                        -Wl,--version-script=${PROJECT_SOURCE_DIR}/packaging/libgradus.map)
    set_property(TARGET gradus_so PROPERTY LINK_DEPENDS
                 ${PROJECT_SOURCE_DIR}/packaging/libgradus.map)
    add_library(gradus::shared ALIAS gradus_so)
  endif()
endif()
