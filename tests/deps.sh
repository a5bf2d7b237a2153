#!/usr/bin/env bash
# The Debian packages that building and testing need.
exec "$(dirname "$0")/install.sh" deps \
    gcc make pkg-config \
    libevent-dev libcurl4-openssl-dev libjansson-dev libhiredis-dev libssl-dev libxxhash-dev \
    libcmocka-dev liblua5.1-0-dev python3 python3-pytest clang clang-format libclang-rt-14-dev
