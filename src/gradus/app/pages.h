// The command line as plain data, and what is written from it: completions and the man page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::app {

struct OptionPage {
  std::vector<std::string> names;  // "-q", "--quiet"; empty for a word in place
  std::string value;               // placeholder, empty for a flag
  std::string says;
};

struct VerbPage {
  std::string name, says;
  std::vector<OptionPage> options;
};

// shell is bash, zsh or fish.
std::string completion(std::string_view shell, const std::vector<VerbPage>& verbs,
                       const std::vector<OptionPage>& common);
// gradus(1) in roff.
std::string man_page(std::string_view version, const std::vector<VerbPage>& verbs,
                     const std::vector<OptionPage>& common);

}  // namespace gradus::app
