#!/usr/bin/env bash
# Builds every fuzzer with AFL++ and runs each for TIME seconds (60) from its seeds and from what libFuzzer has learnt, ending with
# "N passed, N failed". usage: afl.sh [NAME…]
set -u
cd "$(dirname "$0")/../.." || exit
tests/install.sh afl afl++ || exit 1
seconds=${TIME:-60}
passed=0
failed=0
make --no-print-directory -s -j"$(nproc)" VARIANT=afl CC=afl-clang-fast fuzz-programs || exit 1
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1
for name in "$@"; do
    begin=build/afl/begin/$name
    found=build/afl/found/$name
    mkdir -p "$begin" "$(dirname "$found")"
    cp tests/fuzz/seeds/"$name"/* "$begin"
    [ ! -d "build/fuzz/corpus/$name" ] || find "build/fuzz/corpus/$name" -type f -exec cp -t "$begin" {} +
    rm -rf "$found"
    timeout $((seconds * 2 + 60)) afl-fuzz -V "$seconds" -t 5000 -i "$begin" -o "$found" -- "build/afl/fuzz_$name" >"build/afl/$name.log" 2>&1
    runs=$(sed -n 's/^execs_done *: *//p' "$found/default/fuzzer_stats" 2>/dev/null)
    crashes=$(find "$found/default/crashes" "$found/default/hangs" -name 'id:*' 2>/dev/null | wc -l)
    if [ "${runs:-0}" -gt 0 ] && [ "$crashes" -eq 0 ]; then
        passed=$((passed + 1))
        echo "   $name: $runs executions"
    else
        failed=$((failed + 1))
        tail -20 "build/afl/$name.log"
        echo "   $name: FAILED, see build/afl/$name.log and $found"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
