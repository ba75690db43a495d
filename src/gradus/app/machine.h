// The JSON-lines forms of grad, eval, optimise and rng: one object in, one out. An answer may be
// {"unsupported":"..."} or {"error":"..."}; nothing is thrown.
#pragma once

#include <string>
#include <string_view>

namespace gradus::app {

// {"expr":"sum(x^2)","vars":{"x":[0,1]},"wrt":["x"],"order":1} -> {"value":1,"grad":{"x":[0,2]}}
std::string grad_answer(std::string_view line);
// {"f":"erf","args":[0.5]} -> {"y":0.52049987781304652}
std::string eval_answer(std::string_view line);
// {"expr":E,"x0":[..],"method":"adam","hyper":{..},"steps":N} -> {"x":[[..],..]}, a point a step;
// {"residuals":[..],"x0":[..],"method":"lm","tol":1e-14} -> {"x":[..],"f":sum of squares,
// "iterations":n}; the same with "expr" and a method of minimise(), where f is its value.
std::string optimise_answer(std::string_view line);
// {"kind":"philox4x32-10","ctr":[4 hex],"key":[2 hex]} -> {"y":[4 hex]}
std::string rng_answer(std::string_view line);

}  // namespace gradus::app
