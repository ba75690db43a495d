// The guide as web pages that read without scripts: one a lesson, MathML for formulas, SVG for
// pictures; index.html, search.json and llms.txt beside them.
#pragma once

#include <gradus/lessons/guide.h>

#include <string>
#include <vector>

namespace gradus::lessons {

// One page, whole; needs no other file.
std::string lesson_html(const Guide& guide, const Lesson& lesson, const Page& page);
std::string index_html(const Guide& guide);

// Writes all of it and returns the names of the files. The folder is made when it is missing.
std::vector<std::string> write_site(const Guide& guide, const std::string& folder);

}  // namespace gradus::lessons
