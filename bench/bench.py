#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures nexgate beside the bare loop and its peers: all workloads, all servers in turn, in one session."""

import argparse
import contextlib
import pathlib
import signal
import sys
import tempfile

import machine
import servers
import tables
import workloads


@contextlib.contextmanager
def memory_folder():
    """A folder that costs no disk, also readable by servers that give up root."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder


def parse():
    names = [workload.__name__ for workload in workloads.ALL]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load for each server in each round")
    parser.add_argument("--only", choices=names, action="append", help="this workload, and write nothing; several times: these")
    parser.add_argument("--dry", action="store_true", help="print, but write nothing")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended on the way out
    servers.allow_descriptors()
    options = parse()
    facts, outcomes = machine.describe(), []
    print(tables.machine(facts))
    with memory_folder() as folder:
        session = workloads.Session(folder, options.rounds, options.seconds)
        for workload in workloads.ALL:
            if options.only is None or workload.__name__ in options.only:
                outcomes.append(workload(session))
                print(tables.result(outcomes[-1]), flush=True)
    if options.dry or options.only:
        return
    text = f"{tables.machine(facts)}{options.rounds} rounds of {options.seconds} s.\n\n" + "\n".join(map(tables.result, outcomes))
    file = servers.ROOT / f"bench/results/{facts['date']}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"# Measured on {facts['date']}\n\n{text}")
    file.with_suffix(".json").write_text(tables.to_json(facts, outcomes))
    tables.put_between(servers.ROOT / "docs/performance.md", "results", text)
    print(f"written: {file.relative_to(servers.ROOT)}, its .json, and docs/performance.md")


if __name__ == "__main__":
    main()
