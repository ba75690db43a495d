// A trace as a picture: a graph for Graphviz, or one page that needs no network and reads without
// scripts.
#pragma once

#include <gradus/diff/trace.h>

namespace gradus {

// A directed graph in the DOT language: values and adjoints in the nodes, local derivatives on the
// edges, a box around each part of the model.
std::string to_dot(const Trace& trace);

struct TracePage {
  std::string title;  // empty: "A computation, forward and backward"
  std::string note;   // a sentence beneath it, such as how the gradient was checked
  bool fold = false;  // one node and one closed table a group, even where the trace is short
};
// One HTML page: the graph as a drawing, and every step with its value, adjoint and reasons. The
// arrow keys step through it.
std::string to_html(const Trace& trace, const TracePage& page = {});

}  // namespace gradus
