#!/usr/bin/env bash
# The Debian packages that building and testing need: a line for what they are needed for.
exec "$(dirname "$0")/install.sh" deps \
    gcc make pkg-config \
    libevent-dev libcurl4-openssl-dev libjansson-dev libhiredis-dev libssl-dev libxxhash-dev liblz4-dev libseccomp-dev \
    libcmocka-dev python3 python3-pytest python3-yaml python3-jsonschema openssl mandoc \
    prometheus chromium chromium-driver python3-selenium \
    liblua5.1-0-dev redis-server redis-sentinel systemd \
    ca-certificates dpkg-dev lintian docker-compose python3-yaml \
    valgrind clang clang-format clang-tidy cppcheck libclang-rt-14-dev
