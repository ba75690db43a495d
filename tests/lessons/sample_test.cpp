// The sample's numbers, compiled as the build compiles a lesson of guide/.
#define GRADUS_LESSON sample_lesson
#include "sample/lesson.cpp"
