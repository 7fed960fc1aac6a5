#!/usr/bin/env bash
# Installs MongoDB's engine for tests into a folder, once:  setup.sh DIR
# Leaves DIR/run, which takes a data folder, prints the engine's address and serves until its input closes.
# Exit status 3: impossible here (no npm, no apt, no network, another system). Any other failure is a defect.
#
# The engine needs glibc 2.38. Where the system is older, node runs on the libc of Debian trixie, unpacked into
# DIR from the system's own package source; nothing is installed on the system.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
exec 9> lock
flock 9

version=$(cat "$here/setup.sh" "$here/package-lock.json" "$here/serve.js" | sha256sum | cut -d' ' -f1)
[ "$(cat installed 2> /dev/null)" != "$version" ] || exit 0
rm -rf installed run node_modules apt libc

impossible() { echo "$1" >&2; exit 3; }
try() { for pause in 1 4 0; do "$@" >&2 && return; sleep "$pause"; done; return 1; }

[ "$(uname -s)" = Linux ] || impossible "MongoDB's engine for tests is set up on Linux only"
command -v node > /dev/null && command -v npm > /dev/null || impossible "node and npm are not installed"
cp "$here/package.json" "$here/package-lock.json" "$here/serve.js" .
try npm ci --no-audit --no-fund --ignore-scripts --fetch-retries=1 || impossible "npm could not fetch MongoDB's engine"

glibc=$(ldd --version 2>&1 | awk 'NR == 1 {print $NF}')
node="$(command -v node)"
if [ "$(printf '2.38\n%s\n' "$glibc" | sort -V | head -n 1)" != 2.38 ]; then
  command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null \
    || impossible "glibc $glibc is older than 2.38 and there is no apt to fetch a newer one"
  mkdir -p apt/lists/partial apt/cache/archives/partial libc
  source=/etc/apt/sources.list.d/debian.sources
  if [ -f "$source" ]; then
    awk 'BEGIN {RS = ""} NR == 1' "$source" | sed 's/^Suites:.*/Suites: trixie/' > apt/trixie.sources
  else
    awk '$1 == "deb" && /debian/ {sub(/ bookworm | bullseye /, " trixie "); print; exit}' \
      /etc/apt/sources.list > apt/trixie.list
  fi
  options=(-qq -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Dir::Etc::sourceparts=-
    -o Dir::Etc::sourcelist="$(echo "$PWD"/apt/trixie.*)"
    -o Dir::State::Lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache")
  try apt-get "${options[@]}" update || impossible "apt could not read Debian's package list"
  (cd apt && try apt-get "${options[@]}" download libc6 libstdc++6 libgcc-s1) \
    || impossible "apt could not fetch a newer libc"
  for package in apt/*.deb; do dpkg-deb -x "$package" libc; done
  rm -rf apt
  libraries=$(echo "$PWD"/libc/usr/lib/*-linux-gnu)
  node="$(echo "$libraries"/ld-linux-*.so.*) --library-path $libraries $node"
fi

printf '#!/bin/sh\nexec %s %s/serve.js "$1"\n' "$node" "$PWD" > run
chmod +x run
rm -rf probe
mkdir probe
./run "$PWD/probe" < /dev/null >&2  # starts, prints its address, ends at once
rm -rf probe
echo "$version" > installed
