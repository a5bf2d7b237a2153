#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Gateways with one Redis and one Nexudus for a long time: usage: soak.py [--time 10m] [--seed N] [--lie]

Crowds of clients ask everything that can be asked, while Nexudus's data change generation by generation, Nexudus fails in every way, Redis
is stopped, killed and made anew, purges are ordered, and gateways are reloaded, ended and begun again. Every answer is judged (oracle.py).
At the end, when all clients are gone: what the clients count, what the gateways count and what Nexudus counts must be the same, and memory,
descriptors and timers must be where they were (ending.py). Nothing is judged by how fast it was. The last line is "N wrong"; the exit code
is 0 when N is 0.
"""

import argparse
import collections
import os
import pathlib
import re
import secrets
import shutil
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent)]
os.environ.setdefault("NEXGATE_BINARY", str(ROOT / "build/nexgate"))

import ending  # noqa: E402
from conductor import MEMORY, Conductor  # noqa: E402

SHOWN_MAX = 10  # files of evidence that are named


def seconds(text):
    match = re.fullmatch(r"(\d+)([smh]?)", text)
    if not match:
        raise argparse.ArgumentTypeError("like 20s, 10m, 1h")
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=seconds, default="10m")
    parser.add_argument("--seed", type=int, default=None, help="of what is done to the gateways; another one each time if not given")
    parser.add_argument("--lie", action="store_true", help="Nexudus's data are other than the oracle knows: it must find wrong answers")
    return parser.parse_args()


def report(conductor, reports):
    """Prints all that was counted; returns how much is wrong."""
    answers, seen, kinds = collections.Counter(), collections.Counter(), collections.Counter()
    for one in reports:
        seen.update(one["seen"])
        kinds.update(one["kinds"])
        for counted in one["answers"]:
            answers.update(counted)
    total = answers.total()
    print(f"requests: {total} answered and judged in {conductor.took:.0f} s ({total / conductor.took:.0f}/s)")
    print("by status: " + ", ".join(f"{status}: {count} ({count / max(total, 1):.1%})" for status, count in sorted(answers.items())))
    print(f"searches: {_told(seen)}; {sum(one['judged'] for one in reports)} different pages;"
          f" {sum(one['drained'] for one in reports)} requests left by draining gateways")
    print(f"done meanwhile: {_told(conductor.done)}")
    print("\n".join(conductor.sums))
    for number, first in enumerate(conductor.first):
        _report_gateway(number, first, [rest[number] for rest in conductor.rests])
    for kind, count in sorted(kinds.items()):
        print(f"WRONG {count} x {kind}")
    for name in [name for one in reports for name in one["files"]][:SHOWN_MAX]:
        print(f"  evidence: {name}")
    for problem in conductor.problems:
        print("WRONG", problem)
    wrong = kinds.total() + len(conductor.problems)
    print(f"{wrong} wrong")
    return wrong if total else 1


def _told(counts):
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))


def _report_gateway(number, first, rests):
    resident = [rest["resident"] for rest in rests]
    warm, end = ending.growth(rests)
    print(f"gateway {number}, memory: {first['resident'] >> 10} kB at the start, {warm / 1024:.0f} kB warm, {end / 1024:.0f} kB at the end"
          f" ({end / warm - 1:+.2%}); {(max(resident) - first['resident']) / MEMORY:.2f} bytes for each of the store's {MEMORY >> 20} MB")
    print("  kB resident at each rest, and in the full store: "
          + " ".join(f"{rest['resident'] >> 10}/{rest['store'] >> 10}" for rest in rests))
    print(f"gateway {number}, descriptors: {first['descriptors']} at the start, {rests[-1]['descriptors']} at the end;"
          f" timers: {first['timers']} and {rests[-1]['timers']}")


def main():
    options = read_options()
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    evidence = ROOT / "build/soak"
    shutil.rmtree(evidence, ignore_errors=True)
    evidence.mkdir(parents=True)
    print(f"seed {seed}, {options.time} s", flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))  # so that nothing is left behind
    with tempfile.TemporaryDirectory() as folder:
        conductor = Conductor(seed, pathlib.Path(folder), evidence)
        try:
            conductor.start()
            if options.lie:
                conductor.lie()
            reports = conductor.run(options.time)
            ending.check(conductor, reports)
        finally:
            conductor.close()
    return 1 if report(conductor, reports) else 0


if __name__ == "__main__":
    sys.exit(main())
