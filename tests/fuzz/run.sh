#!/usr/bin/env bash
# Builds every fuzzer with clang's libFuzzer and runs each for TIME seconds (60) from its seeds, ending with "N passed, N failed".
# What a run learns is kept in build/fuzz/corpus. usage: run.sh [NAME…]
#
# With RUNS=N each makes N executions from the seeds alone and from a fixed start instead: the same in every run, for the tests.
set -u
cd "$(dirname "$0")/../.." || exit
seconds=${TIME:-60}
passed=0
failed=0
make --no-print-directory -s -j"$(nproc)" VARIANT=fuzz CC=clang fuzz-programs || exit 1
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
for name in "$@"; do
    log=build/fuzz/$name.log
    corpus=build/fuzz/corpus/$name
    how=(-max_total_time="$seconds")
    if [ -n "${RUNS:-}" ]; then
        corpus=build/fuzz/again/$name
        rm -rf "$corpus"
        case $name in
        settings) how=(-runs=$((RUNS / 10)) -seed=1) ;; # each reads the built-in schema, too
        redis) how=(-runs=$((RUNS / 5)) -seed=1) ;; # each execution reads everything twice, once in pieces
        *) how=(-runs="$RUNS" -seed=1) ;;
        esac
    fi
    mkdir -p "$corpus"
    dictionary=tests/fuzz/$name.dict
    [ ! -f "$dictionary" ] || how+=(-dict="$dictionary")
    if "build/fuzz/fuzz_$name" "${how[@]}" -timeout=30 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name-" "$corpus" "tests/fuzz/seeds/$name" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "   $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
    else
        failed=$((failed + 1))
        tail -30 "$log"
        echo "   $name: FAILED, see $log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
