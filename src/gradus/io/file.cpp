#include <gradus/io/file.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

namespace gradus {
namespace {

[[noreturn]] void refuse_with_errno(const std::string& path, const std::string& what) {
  const int code = errno;
  refuse(path, what + ": " + std::generic_category().message(code) + ".");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // False, with errno, when the system reports a late write error.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

void refuse_unless_regular(const std::string& path, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return;
  const char* kind = S_ISDIR(status.st_mode)    ? "a folder"
                     : S_ISCHR(status.st_mode)  ? "a device"
                     : S_ISBLK(status.st_mode)  ? "a device"
                     : S_ISFIFO(status.st_mode) ? "a pipe"
                     : S_ISSOCK(status.st_mode) ? "a socket"
                                                : "no regular file";
  refuse(path, std::string("is ") + kind + ". Give a regular file.");
}

// Where links lead, one after another: a file that is there, or the one that a link means to make.
std::string behind_links(const std::string& path) {
  std::filesystem::path at = path;
  std::error_code no_link;
  constexpr int most_links = 40;  // as Linux
  for (int i = 0; i < most_links; ++i) {
    const std::filesystem::path to = std::filesystem::read_symlink(at, no_link);
    if (no_link) return at.string();
    at = at.parent_path() / to;
  }
  errno = ELOOP;
  refuse_with_errno(path, "cannot be written");
}

// Unpacks member after member, a part at a time.
class Inflater {
 public:
  enum class State { more, done, broken };

  explicit Inflater(Bytes packed) : rest_(packed) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, gzip_only) != Z_OK) state_ = State::broken;
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  State state() const { return state_; }
  std::string reason() const {
    if (trailing_) return "after its end come bytes that are no gzip stream";
    return stream_.msg != nullptr ? stream_.msg : "it ends too early";
  }

  // Fills `out` from its start and returns how much; less than all only where the stream ends.
  std::size_t read(std::span<std::byte> out) {
    std::size_t filled = 0;
    while (state_ == State::more && filled < out.size()) {
      constexpr std::size_t step = std::size_t{1} << 30;  // zlib counts in 32 bits
      const std::size_t in_now = std::min(rest_.size(), step);
      const std::size_t out_now = std::min(out.size() - filled, step);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));
      stream_.avail_in = static_cast<uInt>(in_now);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      stream_.avail_out = static_cast<uInt>(out_now);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t taken = in_now - stream_.avail_in;
      const std::size_t given = out_now - stream_.avail_out;
      rest_ = rest_.subspan(taken);
      filled += given;
      if (status == Z_STREAM_END) {
        if (rest_.empty()) {
          state_ = State::done;
        } else if (!is_gzip(rest_) || inflateReset(&stream_) != Z_OK) {
          trailing_ = true;
          state_ = State::broken;
        }
      } else if (status != Z_OK || taken + given == 0) {
        state_ = State::broken;
      }
    }
    return filled;
  }

 private:
  z_stream stream_{};
  Bytes rest_;
  State state_ = State::more;
  bool trailing_ = false;
};

}  // namespace

FileBytes::FileBytes(const std::string& path) : path_(path) {
  struct stat status {};
  if (path.find('\0') != std::string::npos) refuse(path, "a file name cannot hold a zero byte.");
  // Looked at before it is opened: opening a device or a pipe can have effects.
  if (::stat(path.c_str(), &status) != 0) refuse_with_errno(path, "cannot be opened");
  refuse_unless_regular(path, status);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) refuse_with_errno(path, "cannot be opened");
  if (::fstat(file.get(), &status) != 0) refuse_with_errno(path, "cannot be opened");
  refuse_unless_regular(path, status);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (map == MAP_FAILED) refuse_with_errno(path, "cannot be read");
  bytes_ = {static_cast<const std::byte*>(map), size};
}

FileBytes::~FileBytes() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void release_pages(Bytes bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t from = (first + page - 1) / page * page;
  const std::uintptr_t to = (first + bytes.size()) / page * page;
  if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

void write_file_atomically(const std::string& path, Bytes bytes) {
  static std::atomic<unsigned> serial{0};
  if (path.find('\0') != std::string::npos) refuse(path, "a file name cannot hold a zero byte.");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) refuse_unless_regular(path, status);
  const std::string target = behind_links(path);
  const std::string temporary =
      target + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(serial++);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) refuse_with_errno(path, "cannot be written");
  const auto give_up = [&] {
    const int code = errno;
    ::unlink(temporary.c_str());
    errno = code;
    refuse_with_errno(path, "cannot be written");
  };
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) give_up();
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0 || !file.close()) give_up();
  if (::rename(temporary.c_str(), target.c_str()) != 0) give_up();
  std::filesystem::path folder = std::filesystem::path(target).parent_path();
  if (folder.empty()) folder = ".";
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot fsync a folder; the rename itself has happened.
  if (parent.get() < 0 || (::fsync(parent.get()) != 0 && errno != EINVAL)) {
    refuse_with_errno(path, "its folder cannot be written");
  }
}

bool is_gzip(Bytes bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

std::vector<std::byte> gunzip(Bytes packed, std::int64_t most, std::string_view name) {
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(most, 0));
  std::size_t total = 0;
  {
    Inflater first(packed);
    std::vector<std::byte> part(std::size_t{1} << 18);
    while (first.state() == Inflater::State::more && total <= limit) total += first.read(part);
    if (total > limit) {
      refuse(name, "the gzip stream unpacks to more than " + std::to_string(limit) + " bytes.");
    }
    if (first.state() == Inflater::State::broken) {
      refuse(name, "the gzip stream is broken: " + first.reason() + ".");
    }
  }
  std::vector<std::byte> out(total);
  Inflater second(packed);
  if (second.read(out) != total) refuse(name, "the gzip stream changed while it was read.");
  return out;
}

std::vector<std::byte> gunzip_start(Bytes packed, std::size_t count) {
  std::vector<std::byte> out(count);
  out.resize(Inflater(packed).read(out));
  return out;
}

}  // namespace gradus
