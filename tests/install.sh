#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing, and says what it did. usage: install.sh WHO PACKAGE…
set -euo pipefail

who=$1
shift

missing=()
for package in "$@"; do
    if [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" != "install ok installed" ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "$who: all $# packages are there"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "$who: missing: ${missing[*]}; run as root, or install sudo" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# The packages' services must not start: tests and benchmarks start servers of their own. Debian asks this program first.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
fi

echo "$who: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "$who: installed ${#missing[@]} packages"
