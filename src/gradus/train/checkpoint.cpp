#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/sha256.h>
#include <gradus/train/checkpoint.h>

#include <algorithm>

namespace gradus {

namespace fs = std::filesystem;

std::string metadata_of(const SafeTensors& file, std::string_view key) {
  for (const auto& [k, v] : file.metadata)
    if (k == key) return v;
  return {};
}

namespace {

constexpr size_t epoch_numbers = 8;  // of an epoch, before the norms of its gradients

std::string checksum_of(const SafeTensors& file) {
  std::string all = metadata_of(file, "config");
  for (const auto& [name, x] : file.tensors)
    all += name + to_string(x.type()) + sha256_hex(bytes_of(x));
  return sha256_hex(as_bytes(all));
}

}  // namespace

SafeTensors pack(const TrainingState& s, const std::string& config) {
  SafeTensors file;
  file.tensors.emplace_back("parameters", s.params);
  for (size_t i = 0; i < s.carried.size(); ++i)
    file.tensors.emplace_back("state." + std::to_string(i), s.carried[i]);
  std::vector<double> numbers{
      static_cast<double>(s.step),     s.epoch_loss,   static_cast<double>(s.epoch_steps),
      static_cast<double>(s.measured), s.update_ratio, s.start_loss};
  numbers.insert(numbers.end(), s.grad_norm.begin(), s.grad_norm.end());
  file.tensors.emplace_back("progress", from_vector(numbers));
  file.tensors.emplace_back("step_loss", from_vector(s.step_loss));
  std::vector<double> epochs, more;
  for (const EpochRecord& e : s.epochs) {
    for (double v : {static_cast<double>(e.epoch), static_cast<double>(e.step), e.train_loss,
                     e.train_accuracy, e.val_loss, e.val_accuracy, e.update_ratio, e.seconds})
      epochs.push_back(v);
    epochs.insert(epochs.end(), e.grad_norm.begin(), e.grad_norm.end());
    more.insert(more.end(), e.train_more.begin(), e.train_more.end());
    more.insert(more.end(), e.val_more.begin(), e.val_more.end());
  }
  file.tensors.emplace_back("epochs", from_vector(epochs));
  if (!more.empty()) file.tensors.emplace_back("metrics", from_vector(more));
  const PlateauState& p = s.plateau;
  file.tensors.emplace_back(
      "course", from_vector(std::vector<double>{p.best, p.scale, static_cast<double>(p.seen),
                                                static_cast<double>(p.without_progress),
                                                static_cast<double>(s.clipped)}));
  if (!s.best.params.is_absent()) {
    file.tensors.emplace_back("best.parameters", s.best.params);
    for (size_t i = 0; i < s.best.statistics.size(); ++i)
      file.tensors.emplace_back("best.statistics." + std::to_string(i), s.best.statistics[i]);
    file.tensors.emplace_back(
        "best", from_vector(std::vector<double>{s.best.loss, static_cast<double>(s.best.epoch),
                                                static_cast<double>(s.best.without)}));
  }
  file.metadata = {{"format", "gradus checkpoint"}, {"config", config}};
  file.metadata.emplace_back("sha256", checksum_of(file));
  return file;
}

SafeTensors read_checkpoint(const std::string& path) {
  SafeTensors file = read_safetensors(path);
  if (metadata_of(file, "sha256") != checksum_of(file))
    raise(ErrorKind::file, path + ": its checksum does not match");
  return file;
}

void unpack(const SafeTensors& file, const std::string& path, TrainingState& s) {
  const auto find_if = [&](const std::string& name) -> const Tensor* {
    for (const auto& [n, t] : file.tensors)
      if (n == name) return &t;
    return nullptr;
  };
  const auto find = [&](const std::string& name) -> const Tensor& {
    if (const Tensor* x = find_if(name)) return *x;
    raise(ErrorKind::file, path + ": '" + name + "' is missing");
  };
  s.params = find("parameters");
  for (size_t i = 0; i < s.carried.size(); ++i) s.carried[i] = find("state." + std::to_string(i));
  const std::vector<double> numbers = values<double>(find("progress"));
  const size_t layers = s.grad_norm.size();
  if (numbers.size() != 6 + layers)
    raise(ErrorKind::file, path + ": 'progress' has the wrong length");
  s.step = static_cast<int64_t>(numbers[0]);
  s.epoch_loss = numbers[1];
  s.epoch_steps = static_cast<int64_t>(numbers[2]);
  s.measured = static_cast<int64_t>(numbers[3]);
  s.update_ratio = numbers[4];
  s.start_loss = numbers[5];
  s.grad_norm.assign(numbers.begin() + 6, numbers.end());
  s.step_loss = values<double>(find("step_loss"));
  const std::vector<double> course = values<double>(find("course"));
  if (course.size() != 5) raise(ErrorKind::file, path + ": 'course' has the wrong length");
  s.plateau = {course[0], course[1], static_cast<int64_t>(course[2]),
               static_cast<int64_t>(course[3])};
  s.clipped = static_cast<int64_t>(course[4]);
  const std::vector<double> epochs = values<double>(find("epochs"));
  const size_t width = epoch_numbers + layers;
  s.epochs.clear();
  for (size_t at = 0; at + width <= epochs.size(); at += width) {
    EpochRecord e;
    const double* v = epochs.data() + at;
    e.epoch = static_cast<int64_t>(v[0]);
    e.step = static_cast<int64_t>(v[1]);
    e.train_loss = v[2], e.train_accuracy = v[3], e.val_loss = v[4], e.val_accuracy = v[5],
    e.update_ratio = v[6], e.seconds = v[7];
    e.grad_norm.assign(v + epoch_numbers, v + width);
    s.epochs.push_back(std::move(e));
  }
  if (find_if("metrics")) {
    const std::vector<double> more = values<double>(find("metrics"));
    const size_t each = more.size() / std::max<size_t>(s.epochs.size(), 1);
    for (size_t i = 0; i < s.epochs.size(); ++i) {
      const auto own = std::span(more).subspan(i * each, each);
      const auto half = own.begin() + static_cast<std::ptrdiff_t>(each / 2);
      s.epochs[i].train_more.assign(own.begin(), half);
      s.epochs[i].val_more.assign(half, own.end());
    }
  }
  if (find_if("best.parameters")) {
    s.best.params = find("best.parameters");
    s.best.statistics.clear();
    for (size_t i = 0; const Tensor* x = find_if("best.statistics." + std::to_string(i)); ++i)
      s.best.statistics.push_back(*x);
    const std::vector<double> best = values<double>(find("best"));
    if (best.size() != 3) raise(ErrorKind::file, path + ": 'best' has the wrong length");
    s.best.loss = best[0];
    s.best.epoch = static_cast<int64_t>(best[1]);
    s.best.without = static_cast<int64_t>(best[2]);
  }
}

// Checkpoint files, newest first.
std::vector<std::pair<int64_t, fs::path>> checkpoints_in(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view before = "step-", after = ".safetensors";
    if (!name.starts_with(before) || !name.ends_with(after)) continue;
    const auto step = text::parse_int64(
        std::string_view(name).substr(before.size(), name.size() - before.size() - after.size()));
    if (step) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found, std::greater<>());
  return found;
}

}  // namespace gradus
