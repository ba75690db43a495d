// Any model behind one type: its tensors by name, and what it computes. A recipe, a plan of
// training or a summary need not be templates.
#pragma once

#include <gradus/nn/module.h>

#include <functional>
#include <string>

namespace gradus {

class Model {
 public:
  Model() = default;
  // `module` is a struct with fields, callable as module(x, pass) or module(x).
  template <class Module>
  requires requires(Module m) {
    each_field(m, [](const std::string&, auto&) {});
  }
  Model(std::string says, Module module) : says_(std::move(says)) {
    each_parameter(module, [&](const std::string& path, const Tensor& x) {
      parameters_.emplace_back(path, x);
    });
    each_statistic(module, [&](const std::string& path, const Statistic& x) {
      statistics_.emplace_back(path, x);
    });
    call_ = [module = std::move(module)](const Model& self, const Tensor& x, Pass& pass) {
      std::vector<Tensor> own, kept;
      for (const auto& [path, p] : self.parameters_) own.push_back(p);
      for (const auto& [path, s] : self.statistics_) kept.push_back(s.value);
      const Module now = with_statistics(with_parameters(module, own), kept);
      const Tensor y = [&] {
        if constexpr (requires { now(x, pass); })
          return now(x, pass);
        else
          return now(x);
      }();
      // Statistics are told apart by their places, and those of `now` end here.
      size_t i = 0;
      each_statistic(now, [&](const std::string&, const Statistic& s) {
        pass.move_update(s, self.statistics_[i++].second);
      });
      return y;
    };
  }

  // In one line, such as "LeNet-5".
  const std::string& says() const { return says_; }
  Tensor operator()(const Tensor& x, Pass& pass) const { return call_(*this, x, pass); }
  // Evaluating.
  Tensor operator()(const Tensor& x) const {
    Pass pass;
    return (*this)(x, pass);
  }

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (auto& [path, x] : self.parameters_) visit(path, x);
    for (auto& [path, s] : self.statistics_) visit(path, s);
  }

 private:
  std::string says_;
  std::vector<std::pair<std::string, Tensor>> parameters_;
  std::vector<std::pair<std::string, Statistic>> statistics_;
  std::function<Tensor(const Model&, const Tensor&, Pass&)> call_;
};

}  // namespace gradus
