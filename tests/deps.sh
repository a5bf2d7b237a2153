#!/usr/bin/env bash
# Installs what is missing of the Debian packages that building and testing need, and says what it did.
set -euo pipefail

packages=(
    gcc make pkg-config
    libevent-dev libcurl4-openssl-dev libjansson-dev libhiredis-dev libssl-dev libxxhash-dev
    libcmocka-dev python3 python3-pytest redis-server clang clang-format libclang-rt-14-dev
)

missing=()
for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" != "install ok installed" ]; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then
    [ "${1:-}" = "--quiet" ] || echo "deps: all ${#packages[@]} packages are there"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: missing: ${missing[*]}; run as root, or install sudo" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "deps: installing ${missing[*]}"
# A package's server must not start by itself: the tests start their own.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "deps: installed ${#missing[@]} packages"
