# SPDX-License-Identifier: MIT
"""The lines of a gcovr report: the share that was reached for each folder, then each run of lines that was not."""

import collections
import itertools
import json
import pathlib
import sys


def runs(numbers):
    """[1, 2, 4] -> (1, 2), (4, 4)"""
    for _, group in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        yield members[0], members[-1]


def main(path):
    folders = collections.defaultdict(lambda: [0, 0])
    missed = {}
    for file in json.loads(pathlib.Path(path).read_text())["files"]:
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        reached = sum(1 for line in lines if line["count"] > 0)
        for name in (str(pathlib.PurePath(file["file"]).parent), "in all"):
            folders[name][0] += reached
            folders[name][1] += len(lines)
        missed[file["file"]] = sorted(line["line_number"] for line in lines if line["count"] == 0)
    whole = folders.pop("in all")
    for name, (reached, lines) in [*sorted(folders.items()), ("in all", whole)]:
        print(f"{name:20} {reached:6} of {lines:6} lines  {100 * reached / lines:5.1f} %")
    print("\nNo test reaches:")
    for name in sorted(missed):
        source = pathlib.Path(name).read_text().splitlines()
        for first, last in runs(missed[name]):
            print(f"{name}:{first}{'-' + str(last) if last > first else ''}: {source[first - 1].strip()}")


main(sys.argv[1])
