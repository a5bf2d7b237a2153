#!/usr/bin/env bash
# Installs what is missing of the Debian packages that the benchmark compares with and measures by, and says what it did.
set -euo pipefail

packages=(nginx-light haproxy varnish varnish-modules wrk valgrind python3-matplotlib)

missing=()
for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" != "install ok installed" ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "bench/deps: all ${#packages[@]} packages are there"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "bench/deps: missing: ${missing[*]}; run as root, or install sudo" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# The packages' services must not start: the benchmark starts servers of its own. Debian asks this program first.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
fi

echo "bench/deps: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "bench/deps: installed ${#missing[@]} packages"
