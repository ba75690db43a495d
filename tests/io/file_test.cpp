#include "io/scratch.h"

#include <gradus/io/file.h>
#include <gradus/io/sha256.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

namespace gradus {
namespace {

std::vector<std::byte> gzip(std::string_view text) {
  std::vector<std::byte> out(compressBound(text.size()) + 64);
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(File, comes_back_as_it_was_written_and_leaves_nothing_beside_it) {
  const Scratch scratch;
  const std::string path = scratch.path("x.bin");
  write_file_atomically(path, as_bytes("old"));
  write_file_atomically(path, as_bytes("new content"));
  EXPECT_EQ(as_text(FileBytes(path).bytes()), "new content");
  const auto folder = std::filesystem::path(path).parent_path();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(File, may_be_empty) {
  const Scratch scratch;
  EXPECT_EQ(FileBytes(scratch.write("empty", "")).bytes().size(), 0U);
}

TEST(File, refuses_folders_devices_pipes_and_what_is_not_there) {
  const Scratch scratch;
  const std::string folder = scratch.path("folder");
  std::filesystem::create_directory(folder);
  const std::string pipe = scratch.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string none = scratch.path("none");
  EXPECT_EQ(error_of([&] { FileBytes{folder}; }),
            "file: " + folder + ": is a folder. Give a regular file.");
  EXPECT_EQ(error_of([&] { FileBytes{pipe}; }),
            "file: " + pipe + ": is a pipe. Give a regular file.");
  EXPECT_EQ(error_of([] { FileBytes{"/dev/zero"}; }),
            "file: /dev/zero: is a device. Give a regular file.");
  EXPECT_EQ(error_of([&] { FileBytes{none}; }),
            "file: " + none + ": cannot be opened: No such file or directory.");
}

TEST(File, that_cannot_be_written_says_why_and_leaves_nothing) {
  const Scratch scratch;
  const std::string folder = scratch.path("folder");
  std::filesystem::create_directory(folder);
  EXPECT_EQ(error_of([&] { write_file_atomically(folder, as_bytes("x")); }),
            "file: " + folder + ": is a folder. Give a regular file.");
  const std::string lost = scratch.path("no/such/folder/x");
  EXPECT_EQ(error_of([&] { write_file_atomically(lost, as_bytes("x")); }),
            "file: " + lost + ": cannot be written: No such file or directory.");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path("")), {}), 1);
}

TEST(File, behind_links_is_written_and_the_links_stay) {
  namespace fs = std::filesystem;
  const Scratch scratch;
  fs::create_directory(scratch.path("far"));
  const std::string target = scratch.write("far/target", "old");
  const std::string near = scratch.path("near"), twice = scratch.path("twice");
  fs::create_symlink("far/target", near);
  fs::create_symlink(fs::absolute(near), twice);
  write_file_atomically(twice, as_bytes("new"));
  EXPECT_EQ(as_text(FileBytes(target).bytes()), "new");
  EXPECT_TRUE(fs::is_symlink(near) && fs::is_symlink(twice));
  const std::string dangling = scratch.path("dangling"), made = scratch.path("far/made");
  fs::create_symlink("far/made", dangling);
  write_file_atomically(dangling, as_bytes("first"));
  EXPECT_EQ(as_text(FileBytes(made).bytes()), "first");
  EXPECT_TRUE(fs::is_symlink(dangling));
  const std::string round = scratch.path("round");
  fs::create_symlink("round", round);
  EXPECT_EQ(error_of([&] { write_file_atomically(round, as_bytes("x")); }),
            "file: " + round + ": cannot be written: Too many levels of symbolic links.");
}

TEST(File, is_never_put_in_the_place_of_a_device_or_a_pipe) {
  const Scratch scratch;
  const std::string pipe = scratch.path("pipe"), link = scratch.path("link");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("pipe", link);
  for (const std::string& path : {pipe, link}) {
    EXPECT_EQ(error_of([&] { write_file_atomically(path, as_bytes("x")); }),
              "file: " + path + ": is a pipe. Give a regular file.");
  }
  EXPECT_TRUE(std::filesystem::is_fifo(pipe) && std::filesystem::is_symlink(link));
  EXPECT_EQ(error_of([] { write_file_atomically("/dev/null", as_bytes("x")); }),
            "file: /dev/null: is a device. Give a regular file.");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(File, name_with_a_newline_stays_one_line) {
  EXPECT_EQ(error_of([] { FileBytes{"a\nb"}; }),
            "file: a\\x0ab: cannot be opened: No such file or directory.");
}

TEST(Printable, text_keeps_characters_and_shows_other_bytes) {
  EXPECT_EQ(printable("caf\xC3\xA9\t\xFF!"), "caf\xC3\xA9\\x09\\xff!");
  EXPECT_EQ(printable("caf\xC3\xA9", 4), "caf...");
}

TEST(ByteCount, refuses_products_beyond_63_bits_even_beside_a_zero) {
  const std::int64_t large = std::int64_t{1} << 40;
  EXPECT_EQ(byte_count(DType::f32, std::vector<std::int64_t>{2, 3}), 24);
  EXPECT_EQ(byte_count(DType::f64, std::vector<std::int64_t>{0, 5}), 0);
  EXPECT_EQ(byte_count(DType::u8, std::vector<std::int64_t>{large, large}), std::nullopt);
  EXPECT_EQ(byte_count(DType::u8, std::vector<std::int64_t>{0, large, large}), std::nullopt);
}

TEST(Gunzip, unpacks_one_member_or_several) {
  std::vector<std::byte> two = gzip("hello ");
  const std::vector<std::byte> world = gzip("world");
  EXPECT_EQ(as_text(gunzip(two, 6, "x")), "hello ");
  two.insert(two.end(), world.begin(), world.end());
  EXPECT_EQ(as_text(gunzip(two, 100, "x")), "hello world");
  EXPECT_EQ(as_text(gunzip_start(two, 8)), "hello wo");
}

TEST(Gunzip, refuses_what_is_broken_or_too_long) {
  const std::vector<std::byte> good = gzip(std::string(1000, 'a'));
  EXPECT_EQ(error_of([&] { gunzip(good, 999, "x.gz"); }),
            "file: x.gz: the gzip stream unpacks to more than 999 bytes.");
  EXPECT_EQ(error_of([&] { gunzip(Bytes(good).first(good.size() - 1), 2000, "x.gz"); }),
            "file: x.gz: the gzip stream is broken: it ends too early.");
  std::vector<std::byte> wrong = good;
  wrong[wrong.size() - 5] ^= std::byte{1};
  EXPECT_EQ(error_of([&] { gunzip(wrong, 2000, "x.gz"); }),
            "file: x.gz: the gzip stream is broken: incorrect data check.");
  std::vector<std::byte> longer = good;
  longer.push_back(std::byte{'!'});
  EXPECT_EQ(error_of([&] { gunzip(longer, 2000, "x.gz"); }),
            "file: x.gz: the gzip stream is broken: after its end come bytes that are no gzip "
            "stream.");
}

// FIPS 180-4's examples, and a million times "a".
TEST(Sha256, known_answers_come_out) {
  EXPECT_EQ(sha256_hex(as_bytes("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(as_bytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(as_bytes(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace gradus
