#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where a workload's instructions go: those of each function itself, for one request. Counted as by check.py."""

import argparse
import pathlib
import re
import subprocess
import tempfile

import check

LINE = re.compile(r"^\s*([\d,]+)\s+(?:\([^)]*\)\s+)?(\S*?):(\S.*?)(?: \[(.*?)\])?$")


def functions(out):
    """{(function, file): instructions}"""
    command = ["callgrind_annotate", "--threshold=100", "--auto=no", out]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    costs = {}
    for line in listed.splitlines():
        if found := LINE.match(line):
            number, file, function, library = found.groups()
            name = function, pathlib.Path(library if file == "???" and library else file).name
            costs[name] = costs.get(name, 0) + int(number.replace(",", ""))
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=check.WORKLOADS)
    parser.add_argument("--lines", type=int, default=40)
    options = parser.parse_args()
    asks, few, many, settings_of = check.WORKLOADS[options.workload]
    with tempfile.TemporaryDirectory() as name:
        outs = {count: pathlib.Path(name) / str(count) for count in (few, many)}
        total = sum(sign * check.run(pathlib.Path(name), asks, settings_of, count, outs[count]) for sign, count in ((-1, few), (1, many)))
        before, after = functions(outs[few]), functions(outs[many])
    costs = {name: (cost - before.get(name, 0)) / (many - few) for name, cost in after.items()}
    total /= many - few
    print(f"{options.workload}: {total:,.0f} instructions a request")
    for (function, file), cost in sorted(costs.items(), key=lambda item: -item[1])[: options.lines]:
        print(f"{cost:12,.0f} {cost / total:6.1%}  {function} ({file})")


if __name__ == "__main__":
    main()
