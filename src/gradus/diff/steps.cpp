#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/steps.h>

#include <algorithm>
#include <string_view>

namespace gradus {

NamedSteps::NamedSteps(const Recording& recording, size_t inputs, ValueId last,
                       const std::vector<bool>& needed)
    : recording_(recording) {
  const size_t count = size_t{last} + 1;
  constant_.resize(count);
  names_.resize(count);
  size_t next = 0;
  for (ValueId id = 0; id < count; ++id) {
    const bool input = id < inputs;
    constant_[id] = !input && std::ranges::all_of(recording.inputs(recording.step_of(id)),
                                                  [&](ValueId in) { return constant_[in]; });
    const bool shown = needed.empty() || (id < needed.size() && needed[id]);
    if (input || (shown && !constant_[id])) names_[id] = "v" + std::to_string(next++);
  }
}

std::string NamedSteps::name(ValueId id) const {
  if (const std::string& label = recording_.label(id); !label.empty()) return label;
  if (!names_[id].empty()) return names_[id];
  const Value& v = recording_.value(id);
  if (!v.has_numbers() || element_count(v.type.shape) == 0) return to_string(v.type);
  // One number, or one that broadcasting repeats.
  const Tensor x(v.type, v.buffer);
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape()[i] != 1 && v.buffer.strides[i] != 0) return to_string(v.type);
  return text::number(element_as_double(view_of(x), 0));
}

std::string NamedSteps::text(ValueId id) const {
  const Step& s = recording_.step_of(id);
  const auto in = recording_.inputs(s);
  if (in.empty()) return name(id);
  std::string out;
  if (s.op->form) {
    const std::string_view form = s.op->form;
    for (size_t i = 0; i < form.size(); ++i) {
      if (form[i] != '{') {
        out += form[i];
        continue;
      }
      out += name(in[static_cast<size_t>(form[i + 1] - '0')]);
      i += 2;
    }
    return out;
  }
  constexpr size_t most = 4;
  out = std::string(s.op->name) + "(";
  for (size_t i = 0; i < std::min(in.size(), most); ++i) out += (i > 0 ? ", " : "") + name(in[i]);
  return out + (in.size() > most ? ", ...)" : ")");
}

std::string NamedSteps::whole(ValueId id) const {
  const std::string& own = names_[id];
  const std::string& label = recording_.label(id);
  if (recording_.inputs(recording_.step_of(id)).empty()) return name(id);
  return (own.empty() ? "" : own + " = ") + text(id) + (label.empty() ? "" : " '" + label + "'");
}

std::vector<bool> needed_for(const Recording& recording, ValueId output) {
  std::vector<bool> needed(size_t{output} + 1);
  needed[output] = true;
  for (ValueId id = output + 1; id-- > 0;)
    if (needed[id])
      for (ValueId in : recording.inputs(recording.step_of(id))) needed[in] = true;
  return needed;
}

}  // namespace gradus
