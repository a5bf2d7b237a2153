#!/usr/bin/env bash
# Runs the suites named, or all of them, and ends with one line: "N passed, N failed". A suite that cannot be built, a tool that is
# missing or a program that dies without a word counts as a failure.
set -u
cd "$(dirname "$0")/.." || exit

passed=0
failed=0
jobs=$(nproc)
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

note() { printf '%s\n' "$*"; }

# count NAME PASSED FAILED
count() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    note "   $1: $2 passed, $3 failed"
}

# build VARIANT TARGET…: false, and one failure, when it does not build.
build() {
    local variant=$1
    shift
    if make --no-print-directory -s -j"$jobs" VARIANT="$variant" "$@" >"$log/build" 2>&1; then
        return 0
    fi
    tail -40 "$log/build"
    count "build of $* ($variant)" 0 1
    return 1
}

# programs VARIANT FOLDER: runs every cmocka program and adds up what each says.
programs() {
    local variant=$1 folder=$2 program good bad
    for program in "$folder"/test_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        case $program in *.d) continue ;; esac
        ASAN_OPTIONS=detect_invalid_pointer_pairs=2 "$program" >"$log/out" 2>&1
        local code=$?
        good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$log/out" | awk '{n += $1} END {print n + 0}')
        bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log/out" | awk '{n += $1} END {print n + 0}')
        if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
            bad=1
        fi
        [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && bad=1
        [ "$bad" -eq 0 ] || cat "$log/out"
        grep -h '^note:' "$log/out" || true
        count "$(basename "$program") ($variant)" "$good" "$bad"
    done
}

suite_lint() {
    note "== lint"
    local check
    for check in tests/lint/check_*; do
        if "$check" >"$log/out" 2>&1; then
            count "$(basename "$check")" 1 0
        else
            cat "$log/out"
            count "$(basename "$check")" 0 1
        fi
    done
    # The release build, by both compilers.
    build release programs && count "release build, gcc" 1 0
    if make --no-print-directory -s -j"$jobs" CC=clang BUILD=build/clang programs >"$log/build" 2>&1; then
        count "release build, clang" 1 0
    else
        tail -40 "$log/build"
        count "release build, clang" 0 1
    fi
}

suite_unit() {
    note "== unit (address and undefined-behaviour sanitizers)"
    build check unit-programs && programs check build/check/unit
}

suite_flow() {
    note "== flow (address and undefined-behaviour sanitizers)"
    build check flow-programs && programs check build/check/flow
}

# pytest_run NAME BINARY ARGUMENT…
pytest_run() {
    local name=$1 binary=$2
    shift 2
    NEXGATE_BINARY=$PWD/$binary /usr/bin/python3 -m pytest -q -p no:cacheprovider "$@" 2>&1 | tee "$log/pytest" | tail -60
    local code=${PIPESTATUS[0]}
    local good bad
    good=$(grep -Eo '[0-9]+ passed' "$log/pytest" | tail -1 | grep -Eo '[0-9]+' || echo 0)
    bad=$(grep -Eo '[0-9]+ (failed|error|errors|skipped)' "$log/pytest" | awk '{n += $1} END {print n + 0}')
    [ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "${good:-0}" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
    count "$name" "${good:-0}" "$bad"
}

suite_e2e() {
    note "== end to end (address and undefined-behaviour sanitizers)"
    build release programs && build check programs && pytest_run "end to end" build/check/nexgate tests/e2e
    note "== demo"
    if build release programs; then
        if ONCE=1 timeout 300 /usr/bin/python3 tests/demo.py >"$log/out" 2>&1; then
            count "make demo ONCE=1" 1 0
        else
            tail -40 "$log/out"
            count "make demo ONCE=1" 0 1
        fi
    fi
}

suite_tsan() {
    note "== races (thread sanitizer)"
    build race unit-programs flow-programs programs || return
    programs race build/race/unit
    programs race build/race/flow
    pytest_run "end to end, what is concurrent (race)" build/race/nexgate tests/e2e/test_{01,02,06,07,08,11,18,20,21,27,30,31,33,34,35}_*.py
}

suite_fuzz() {
    note "== fuzz (the same 50,000 executions each; make fuzz for new ones)"
    RUNS=50000 tests/fuzz/run.sh >"$log/out" 2>&1
    local good bad
    good=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$log/out")
    bad=$(sed -n 's/.* \([0-9]*\) failed$/\1/p' "$log/out")
    [ "${bad:-1}" -eq 0 ] || cat "$log/out"
    count "fuzzers" "${good:-0}" "${bad:-1}"
}

suite_soak() {
    note "== soak (a minute; make soak for longer)"
    build release programs || return
    pytest_run "the oracle of the soak" build/nexgate tests/soak/test_oracle.py
    if timeout 1800 /usr/bin/python3 tests/soak/soak.py --time 60s --seed 1 >"$log/out" 2>&1; then
        grep -E '^(requests|by status|[0-9]+ wrong)' "$log/out"
        count "soak" 1 0
    else
        cut -c1-1000 "$log/out" | tail -100
        count "soak" 0 1
    fi
    timeout 1800 /usr/bin/python3 tests/soak/soak.py --time 10s --seed 1 --lie >"$log/out" 2>&1
    if grep -q '^WRONG [0-9]* x the page of no generation' "$log/out"; then
        count "soak with a lie, found" 1 0
    else
        cut -c1-1000 "$log/out" | tail -100
        count "soak with a lie, found" 0 1
    fi
}

suite_valgrind() {
    note "== valgrind (memcheck: errors and definite leaks)"
    build moved programs && pytest_run "smoke under valgrind" tests/e2e/valgrind.sh tests/e2e/test_01_smoke.py
}

if [ $# -eq 0 ]; then
    set -- lint unit flow e2e tsan fuzz valgrind soak
fi
for suite in "$@"; do
    "suite_$suite"
done
note "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
