# shellcheck shell=bash
# Sourced by gradus and dev. `need LIST...` installs what the named package lists hold and this
# machine lacks, after saying exactly what and why. Reads: yes, quiet, no_install (1 or empty).

need() {
  local lists=() list
  for list in "$@"; do lists+=("$root/packaging/packages-$list.txt"); done
  if ! command -v apt-get dpkg-query >/dev/null; then
    say "No apt here: what the build needs is listed in packaging/packages-build.txt."
    return
  fi
  local missing
  # shellcheck disable=SC2016  # dpkg-query's own ${}
  missing=$(sed '/^#/d; /^$/d' "${lists[@]}" | sort -u -k1,1 | awk '
    NR == FNR { if ($2 == "installed") have[$1] = 1; next }
    !($1 in have)' <(dpkg-query -Wf '${Package} ${db:Status-Status}\n') -)
  [ -n "$missing" ] || return 0

  local names sudo=()
  mapfile -t names < <(awk '{print $1}' <<<"$missing")
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  local command=("${sudo[@]}" apt-get install --yes --no-install-recommends "${names[@]}")
  if [ -z "$quiet" ] || [ -n "$no_install" ]; then
    say "Not installed yet:"
    awk '{name = $1; sub(/^[^#]*# */, ""); printf "  %-26s %s\n", name, $0}' <<<"$missing" >&2
  fi
  if [ -n "$no_install" ]; then
    say "Ask someone with root to run: apt-get install ${names[*]}"
    exit 3
  fi
  [ -n "$quiet" ] || say "This runs: ${command[*]}"
  if [ -z "$yes" ] && [ "${CI:-}" != true ]; then
    if [ ! -t 0 ]; then
      say "Nobody here to ask: run it again with --yes, or with CI=true."
      exit 3
    fi
    local answer
    read -rp "Go on? [Y/n] " answer
    case $answer in '' | [Yy]*) ;; *) exit 3 ;; esac
  fi
  local log
  log=$(mktemp)
  # shellcheck disable=SC2024  # the log is ours, only apt needs root
  if ! "${sudo[@]}" apt-get update >"$log" 2>&1 ||
    ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${command[@]:${#sudo[@]}}" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "The installation failed; the whole log: $log"
    exit 3
  fi
  rm "$log"
}

say() { printf '%s\n' "$*" >&2; }
