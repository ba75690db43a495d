# gradus_guide: every guide/NUMBER-SLUG/lesson.cpp compiled, its text and lesson.md embedded, and
# one list of them all. A folder without both files is no lesson yet.
file(GLOB codes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/guide/*/lesson.cpp)
list(SORT codes COMPARE NATURAL)
set(sources)
set(declarations)
set(entries)

foreach(code ${codes})
  get_filename_component(folder ${code} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  set(page ${PROJECT_SOURCE_DIR}/guide/${folder}/lesson.md)
  if(NOT EXISTS ${page} OR NOT folder MATCHES "^[0-9A-Z.]+-(.+)$")
    continue()
  endif()
  string(REPLACE "-" "_" name "lesson_${CMAKE_MATCH_1}")
  gradus_embed(${name}_page ${page})
  gradus_embed(${name}_code ${code})
  # A page quotes its code: a lambda's w beside the reader's w reads better than a second name.
  set_source_files_properties(${code} PROPERTIES COMPILE_DEFINITIONS "GRADUS_LESSON=${name}"
                              COMPILE_OPTIONS -Wno-shadow)
  list(APPEND sources ${code})
  string(APPEND declarations "void ${name}(Page&);\n")
  string(APPEND entries "      {\"${folder}\", ${name}_page, ${name}_code, ${name}},\n")
endforeach()
foreach(file glossary goals)
  set(text ${PROJECT_SOURCE_DIR}/guide/${file}.txt)
  if(NOT EXISTS ${text})
    set(text ${PROJECT_BINARY_DIR}/guide/empty.txt)
    file(WRITE ${text} "")
  endif()
  gradus_embed(guide_${file} ${text})
endforeach()
file(GLOB ignored CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/guide/*.txt
     ${PROJECT_SOURCE_DIR}/guide/*/lesson.md)

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/guide/guide.cpp @ONLY CONTENT [[
// Written by cmake/guide.cmake.
#include <gradus/lessons/guide.h>

namespace gradus::lessons {

@declarations@
GuideSource embedded_guide() {
  static const std::vector<LessonSource> lessons = {
@entries@  };
  return {lessons, guide_glossary, guide_goals};
}

}  // namespace gradus::lessons
]])
add_library(gradus_guide STATIC ${sources} ${PROJECT_BINARY_DIR}/guide/guide.cpp)
target_link_libraries(gradus_guide PUBLIC gradus_room_lessons PRIVATE gradus_flags)
target_link_libraries(gradus_room_app PRIVATE gradus_guide)
