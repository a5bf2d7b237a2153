#!/usr/bin/env bash
# The gateway under valgrind, for NEXGATE_BINARY: an error or a definite leak makes the exit code 97, and so the test fail.
exec valgrind --quiet --error-exitcode=97 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=30 \
    "$(dirname "$0")/../../build/moved/nexgate" "$@"
