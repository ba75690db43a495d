# cmake -DFROM=FILE -DTO=FILE.cpp -DNAME=NAME -P embed.cmake: the bytes of FILE as a string_view.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(................................................................)" "\\1\"\n    \""
       bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
file(SIZE ${FROM} size)
file(WRITE ${TO} "#include <string_view>

namespace gradus::lessons {
extern constinit const std::string_view ${NAME};
constinit const std::string_view ${NAME}(
    \"${bytes}\", ${size});
}  // namespace gradus::lessons
")
