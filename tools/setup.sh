#!/usr/bin/env bash
# Make a virtual environment and install pinned requirements into it: tools/setup.sh FOLDER REQUIREMENTS
# Needs Python 3.11 or later with venv, and for the browser tests Chromium. As root on Debian or Ubuntu it installs what
# is missing; elsewhere it says what is missing and how to get it.
set -euo pipefail
folder=$1
requirements=$2

say() { printf 'setup: %s\n' "$*" >&2; }

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
  say "installing $*"
  { apt-get -q -y update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@"; } >/dev/null
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

if ! python=$(find_python); then
  if may_install; then install python3 python3-venv || true; fi
  if ! python=$(find_python); then
    say "Python 3.11 or later is missing (found: $(python3 --version 2>&1 || true)). Install it, or name it: make setup PYTHON=/path/to/python3"
    exit 1
  fi
fi

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if may_install; then install python3-venv "python$version-venv" || install python3-venv || true; fi
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    say "Python's venv is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"
    exit 1
  fi
fi

# Only the tests in a browser need these; they skip, saying so, where there is no Chromium.
if [ "$folder" = .venv ]; then
  wanted=()
  if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then wanted+=(chromium); fi
  if ! find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" /Library/Fonts -name '*.[ot]tf' -print -quit 2>/dev/null | grep -q .; then wanted+=(fonts-liberation); fi
  if [ ${#wanted[@]} -gt 0 ]; then
    if ! may_install || ! install "${wanted[@]}"; then
      say "not there, and only the browser tests need it: ${wanted[*]}. On Debian or Ubuntu: sudo apt-get install ${wanted[*]}"
    fi
  fi
fi

if [ ! -x "$folder/bin/python" ] || ! "$folder/bin/python" -c '' 2>/dev/null; then
  say "making $folder with $("$python" --version)"
  rm -rf "$folder"
  "$python" -m venv "$folder"
fi
say "installing $requirements into $folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements"
