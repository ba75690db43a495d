#include <gradus/app/pages.h>

namespace gradus::app {
namespace {

// Inside single quotes of a shell.
std::string shell_quoted(std::string_view s) {
  std::string out = "'";
  for (char c : s) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string roff(std::string_view s) {
  std::string out;
  for (char c : s) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string names_of(const std::vector<OptionPage>& options) {
  std::string out;
  for (const OptionPage& o : options)
    for (const std::string& n : o.names) out += (out.empty() ? "" : " ") + n;
  return out;
}

std::string bash(const std::vector<VerbPage>& verbs, const std::vector<OptionPage>& common) {
  std::string all, cases;
  for (const VerbPage& v : verbs) {
    all += (all.empty() ? "" : " ") + v.name;
    cases += "    " + v.name + ") words='" + names_of(v.options) + "' ;;\n";
  }
  return "_gradus() {\n"
         "  local words= cur=${COMP_WORDS[COMP_CWORD]}\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         all +
         "' -- \"$cur\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  case $cur in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words " +
         names_of(common) +
         "\" -- \"$cur\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o default -F _gradus gradus\n";
}

std::string zsh_options(const std::vector<OptionPage>& options) {
  std::string out;
  for (const OptionPage& o : options)
    for (const std::string& n : o.names) {
      std::string says;
      for (char c : o.says) {
        if (c == '[' || c == ']' || c == '\\' || c == ':') says += '\\';
        says += c;
      }
      out +=
          " " + shell_quoted(n + "[" + says + "]" + (o.value.empty() ? "" : ":" + o.value + ":"));
    }
  return out;
}

std::string zsh(const std::vector<VerbPage>& verbs, const std::vector<OptionPage>& common) {
  std::string list, cases;
  for (const VerbPage& v : verbs) {
    list += "    " + shell_quoted(v.name + ":" + v.says) + "\n";
    cases +=
        "    " + v.name + ") _arguments $common" + zsh_options(v.options) + " '*:file:_files' ;;\n";
  }
  return "#compdef gradus\n"
         "_gradus() {\n"
         "  local -a verbs common\n"
         "  verbs=(\n" +
         list + "  )\n  common=(" + zsh_options(common) +
         " )\n"
         "  if (( CURRENT == 2 )); then\n"
         "    _describe verb verbs\n"
         "    return\n"
         "  fi\n"
         "  local verb=$words[2]\n"
         "  shift words\n"
         "  (( CURRENT-- ))\n"
         "  case $verb in\n" +
         cases + "  esac\n}\ncompdef _gradus gradus\n";
}

std::string fish_option(const OptionPage& o, const std::string& condition) {
  std::string out;
  for (const std::string& n : o.names)
    out += n.starts_with("--") ? " -l " + n.substr(2) : " -s " + n.substr(1);
  if (out.empty()) return out;
  return "complete -c gradus" + condition + out + (o.value.empty() ? "" : " -r") + " -d " +
         shell_quoted(o.says) + "\n";
}

std::string fish(const std::vector<VerbPage>& verbs, const std::vector<OptionPage>& common) {
  std::string out;
  for (const OptionPage& o : common) out += fish_option(o, "");
  for (const VerbPage& v : verbs) {
    out += "complete -c gradus -n __fish_use_subcommand -a " + v.name + " -d " +
           shell_quoted(v.says) + "\n";
    for (const OptionPage& o : v.options)
      out += fish_option(o, " -n '__fish_seen_subcommand_from " + v.name + "'");
  }
  return out;
}

std::string roff_options(const std::vector<OptionPage>& options) {
  std::string out;
  for (const OptionPage& o : options) {
    out += ".TP\n";
    std::string names;
    for (const std::string& n : o.names) names += (names.empty() ? "" : ", ") + n;
    out += names.empty() ? "\\fI" + roff(o.value) + "\\fR\n"
                         : "\\fB" + roff(names) + "\\fR" +
                               (o.value.empty() ? "" : " \\fI" + roff(o.value) + "\\fR") + "\n";
    out += roff(o.says) + "\n";
  }
  return out;
}

}  // namespace

std::string completion(std::string_view shell, const std::vector<VerbPage>& verbs,
                       const std::vector<OptionPage>& common) {
  return shell == "bash"  ? bash(verbs, common)
         : shell == "zsh" ? zsh(verbs, common)
                          : fish(verbs, common);
}

std::string man_page(std::string_view version, const std::vector<VerbPage>& verbs,
                     const std::vector<OptionPage>& common) {
  std::string out = ".TH GRADUS 1 \"\" \"gradus " + std::string(version) + "\"\n" +
                    ".SH NAME\ngradus \\- the mathematics of deep learning, computed, explained "
                    "and trained\n.SH SYNOPSIS\n\\fBgradus\\fR \\fIverb\\fR [\\fIoption\\fR ...]\n"
                    ".SH VERBS\n";
  for (const VerbPage& v : verbs) {
    out += ".SS " + roff(v.name) + "\n" + roff(v.says) + ".\n" + roff_options(v.options);
  }
  out += ".SH COMMON OPTIONS\n" + roff_options(common);
  out += ".SH EXIT STATUS\n";
  const std::pair<const char*, const char*> statuses[] = {
      {"0", "done"},
      {"1", "it ran, and the answer is no: a check failed, a mismatch"},
      {"2", "wrong usage or bad input"},
      {"3", "not supported"},
      {"4", "a numerical failure: diverged, singular, not finite"},
      {"70", "a mistake of ours"},
      {"130", "interrupted"}};
  for (const auto& [status, says] : statuses)
    out += std::string(".TP\n\\fB") + status + "\\fR\n" + says + "\n";
  out +=
      ".SH ENVIRONMENT\n.TP\n\\fBGRADUS_SIMD\\fR\nthe vector instructions to use, such as AVX2 or "
      "SSE4\n.TP\n\\fBNO_COLOR\\fR, \\fBCLICOLOR_FORCE\\fR, \\fBFORCE_COLOR\\fR\ncolour off, "
      "or on\n";
  return out;
}

}  // namespace gradus::app
