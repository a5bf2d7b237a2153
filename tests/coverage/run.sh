#!/usr/bin/env bash
# Which lines the tests reach: builds with gcov's counters, runs the suites named (unit, flow, e2e: all), and prints the share of
# lines for each folder and every line that nothing reached. A process that is killed leaves no counts: what only such a one does
# seems untested. usage: run.sh [SUITE…]
set -u
cd "$(dirname "$0")/../.." || exit
tests/install.sh coverage gcovr || exit 1
[ $# -gt 0 ] || set -- unit flow e2e
failed=0
make --no-print-directory -s -j"$(nproc)" VARIANT=cover programs unit-programs flow-programs || exit 1
find build/cover -name '*.gcda' -delete

# cmocka FOLDER
cmocka() {
    local program
    for program in "$1"/test_*; do
        case $program in *.d | *.gc*) continue ;; esac
        "$program" >build/cover/out 2>&1 || { failed=$((failed + 1)) && tail -20 build/cover/out; }
    done
}

for suite in "$@"; do
    case $suite in
    unit | flow) cmocka build/cover/"$suite" ;;
    e2e)
        make --no-print-directory -s -j"$(nproc)" programs || exit 1 # some tests compare with what is shipped
        NEXGATE_BINARY=$PWD/build/cover/nexgate /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e || failed=$((failed + 1))
        ;;
    *) echo "$suite: not unit, flow or e2e" >&2 && exit 1 ;;
    esac
done
gcovr --root . --object-directory build/cover/obj --filter gateway/ --gcov-ignore-parse-errors --json build/cover/lines.json \
    build/cover/obj/gateway || exit 1
/usr/bin/python3 tests/coverage/report.py build/cover/lines.json || exit 1
[ "$failed" -eq 0 ] || echo "$failed suites or programs failed: the figures are too low"
[ "$failed" -eq 0 ]
