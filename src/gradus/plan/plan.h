// A graph after every decision: steps in order, all memory in one arena, a flat array of kernel
// calls. Running a plan decides nothing and allocates nothing; its bits are the interpreter's.
#pragma once

#include <gradus/core/tape.h>

#include <functional>
#include <initializer_list>

namespace gradus {

using PlanFunction = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

struct Argument {
  std::string name;
  Type type;
};

// After each run, output `from` becomes input `to` of the next. Where nothing reads the old value
// any more, the result is made in the argument's place.
struct Carry {
  int from, to;
};

struct Limits;

struct InstructionNote {
  std::string ops;       // "matmul add relu"
  std::string where;     // the types it reads and writes
  std::string why;       // it is fused as it is
  double flops = 0;      // operations of a run
  int64_t bytes = 0;     // read and written, scratch not counted
  int64_t offset = -1;   // of its last result in the arena
  bool doubles = false;  // it computes in f64
  // What it takes at best: the slower of its operations at peak and its bytes at the speed of the
  // memory that holds them.
  double seconds_at(const Limits& limits) const;
};

class Plan {
 public:
  explicit Plan(Graph graph, std::vector<std::string> names = {},
                std::span<const Carry> carries = {});

  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;

  // Copies numbers into argument `input`. The type must be exactly the argument's.
  void set(int input, const Tensor& x);
  // The memory of an argument or a result, row-major.
  template <class T>
  std::span<T> input(int i) {
    return span_of<T>(inputs_[static_cast<size_t>(i)]);
  }
  template <class T>
  std::span<const T> output(int i) const {
    return span_of<T>(outputs_[static_cast<size_t>(i)]);
  }
  // A copy of an argument as it now is, or of a result.
  Tensor input_tensor(int i) const { return copy_of(inputs_[static_cast<size_t>(i)]); }
  Tensor output_tensor(int i) const { return copy_of(outputs_[static_cast<size_t>(i)]); }

  // Computes the results from the arguments as they are, then carries. Under a NonFiniteGuard the
  // interpreter goes first, so that what is not finite is found where it was made.
  void run();
  // Sets all arguments, runs, and copies the results.
  std::vector<Tensor> operator()(std::span<const Tensor> args);

  const Graph& graph() const { return graph_; }
  size_t instruction_count() const { return code_.size(); }
  size_t arena_bytes() const { return arena_bytes_; }
  // What each instruction is and does, in order.
  const std::vector<InstructionNote>& notes() const { return notes_; }
  // One line an instruction: ops, types, place in the arena.
  std::string describe() const;
  // A page for people: what was fused and why, the arena, bytes, operations and, with limits, what
  // each instruction should cost on that machine. With seconds, as time_each gives them, what it
  // does cost.
  std::string explain(const Limits* limits = nullptr, std::span<const double> seconds = {}) const;
  // The median time of each instruction over so many runs, which are real: they carry.
  std::vector<double> time_each(int runs);

 private:
  friend class PlanWriter;
  struct Instruction {
    void (*go)(const void*) = nullptr;
    const void* what = nullptr;
  };
  struct Work;

  template <class T>
  std::span<T> span_of(const View& v) const {
    require_type(v, dtype_of<T>::value);
    return {v.as<T>(), static_cast<size_t>(element_count(v.shape))};
  }
  void require_type(const View& v, DType wanted) const;
  Tensor copy_of(const View& v) const;
  void look_inside() const;

  Graph graph_;
  std::vector<std::string> names_;
  std::shared_ptr<Block> arena_;
  size_t arena_bytes_ = 0;
  int64_t value_bytes_ = 0;           // of arguments and of all that is computed, side by side
  std::shared_ptr<const Work> work_;  // what the instructions point to
  std::vector<Instruction> code_;
  std::vector<InstructionNote> notes_;
  std::vector<View> inputs_, outputs_;
  struct Release {  // for the poison build: memory that is free after an instruction
    size_t instruction;
    int64_t offset, bytes;
  };
  std::vector<Release> releases_;
};

// The graph of f on shapes alone, simplified. Inside, every op is recorded: a tensor that existed
// before is an error unless wrapped in constant(...).
Graph record(const PlanFunction& f, std::span<const Argument> arguments);

// The plan of f for arguments of these types.
Plan compile(const PlanFunction& f, std::span<const Argument> arguments,
             std::span<const Carry> carries = {});
// Arguments named and typed like these tensors, with their numbers set.
Plan compile(const PlanFunction& f, std::initializer_list<Tensor> args,
             std::initializer_list<Carry> carries = {});

// One function with a plan for each list of argument types it has met. Carried arguments go from
// the plan that was used last to the next.
class Plans {
 public:
  explicit Plans(PlanFunction f, std::vector<Carry> carries = {})
      : f_(std::move(f)), carries_(std::move(carries)) {}

  // The plan for arguments of these types; made when they are new.
  Plan& of(std::span<const Argument> arguments);
  // Sets all arguments, runs, and copies the results.
  std::vector<Tensor> operator()(std::span<const Tensor> args);
  std::vector<Tensor> operator()(std::initializer_list<Tensor> args) {
    return (*this)(std::span<const Tensor>(args.begin(), args.size()));
  }
  size_t size() const { return plans_.size(); }

 private:
  PlanFunction f_;
  std::vector<Carry> carries_;
  std::vector<std::pair<std::vector<Type>, Plan>> plans_;
  size_t last_ = 0;
};

// f for any shapes: planned when it meets them.
inline Plans compile(PlanFunction f) {
  return Plans(std::move(f));
}

// Exact rewrites: operations with a neutral number disappear.
Graph simplify(const Graph& graph);

}  // namespace gradus
