#!/usr/bin/env bash
# The Debian packages that the benchmark compares with and measures by.
exec "$(dirname "$0")/../tests/install.sh" bench/deps \
    nginx-light libnginx-mod-http-lua lua-nginx-redis redis-server haproxy varnish varnish-modules wrk valgrind python3-matplotlib
