#!/usr/bin/env bash
# gcc's -fanalyzer over every source, ending with "N passed, N failed". It sees most in code that was not optimised.
set -u
cd "$(dirname "$0")/.." || exit
flags=(-std=c11 -D_GNU_SOURCE -O0 -fanalyzer -fdiagnostics-plain-output -Werror -Iinclude -Ibuild/made)
# shellcheck disable=SC2207
flags+=($(pkg-config --cflags libevent_core libcurl jansson hiredis libssl libcrypto libxxhash liblz4 libseccomp))
export FLAGS="${flags[*]}"
count=$(find gateway -name '*.c' | wc -l)
# shellcheck disable=SC2016
failed=$(find gateway -name '*.c' -print0 | sort -z | xargs -0 -P"$(nproc)" -n1 sh -c 'gcc $FLAGS -c -o /dev/null "$0" >&2 || echo "$0"' | wc -l)
echo "$((count - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
