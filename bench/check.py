#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts nexgate's instructions a request with callgrind, and compares them with the recorded ones. Each workload runs twice, with few
and with many requests on one connection; the difference belongs to the requests alone."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import client
import machine
import questions
import servers

RECORDED = servers.ROOT / "bench/instructions.json"
GROWTH_MAX = 0.05
FEW, MANY = 300, 1300
FEW_MISSES, MANY_MISSES = 100, 400


def hit(port):
    yield from ((path, ()) for path, _ in questions.page() * (MANY + 1))


def spelt(port):
    yield from ((path, ()) for path, _ in questions.spellings(9, size=True, many=MANY + 1))


def not_modified(port):
    path = questions.page()[0][0]
    head, _ = client.ask(port, path)
    yield from [(path, [f"If-None-Match: {client.field(head, 'ETag')}"])] * (MANY + 1)


def miss(port):
    yield from ((path, ()) for path, _ in questions.distinct(MANY_MISSES + 1))


@contextlib.contextmanager
def nothing(_):
    yield ""


@contextlib.contextmanager
def redis(folder):
    with servers.redis(folder) as store:
        yield f"memory = 0kb\n[redis]\nurl = redis://127.0.0.1:{store.port}\ntimeout = 10s"


@contextlib.contextmanager
def logging(_):
    yield "[log]\naccess = all"


# What is asked, how often at the least and at the most, and who gives further settings.
WORKLOADS = {
    "memory hit": (hit, FEW, MANY, nothing),
    "memory hit, logged": (hit, FEW, MANY, logging),
    "differently spelt hit": (spelt, FEW, MANY, nothing),
    "304": (not_modified, FEW, MANY, nothing),
    "Redis hit": (hit, FEW, MANY, redis),
    "miss": (miss, FEW_MISSES, MANY_MISSES, nothing),
}


def preload():
    library = servers.TOOLS / "fixed_random.so"
    servers.TOOLS.mkdir(parents=True, exist_ok=True)
    subprocess.check_call(["cc", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, servers.ROOT / "bench/fixed_random.c"])
    return os.environ | {"LD_PRELOAD": str(library)}


def run(folder, asks, settings_of, count, out):
    """nexgate under callgrind, from its start through `count` requests to its end; all its instructions."""
    wrapper = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        settings, upstream = start(settings_of(folder)), start(servers.upstream(1000))
        nexgate = start(servers.nexgate(folder, upstream, settings=settings, wrapper=wrapper, environment=preload()))
        connection = start(client.Client(nexgate.port))
        for (path, fields), _ in zip(asks(nexgate.port), range(count + 1)):  # one more: the first has the login in it
            connection.ask(path, fields)
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE).group(1))


def count(folder, name):
    """Instructions a request of the workload."""
    asks, few, many, settings_of = WORKLOADS[name]
    least, most = (run(folder, asks, settings_of, requests, folder / f"{requests}.out") for requests in (few, many))
    return round((most - least) / (many - few))


def compare(name, now, recorded):
    """False when it has grown too much."""
    growth = now / recorded - 1
    grown = growth > GROWTH_MAX
    print(f"{name:22} {now:9,} instructions a request, recorded {recorded:9,}: {growth:+.1%}{'  TOO MUCH' * grown}", flush=True)
    return not grown


def record(folder, built):
    counts = {name: count(folder, name) for name in WORKLOADS}
    RECORDED.write_text(json.dumps(built | {"instructions": counts}, indent=1) + "\n")
    print(f"recorded in {RECORDED.name}: {counts}")
    return True


def check(folder, built):
    recorded = json.loads(RECORDED.read_text())
    for name, here in built.items():
        if recorded[name] != here:
            print(f"recorded with {name} {recorded[name]}, here is {here}: the counts may differ for that")
    return all([compare(name, count(folder, name), recorded["instructions"][name]) for name in WORKLOADS])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the counts down instead of comparing them")
    options = parser.parse_args()
    built = {"gcc": machine.version("gcc"), "processor": machine.processor()}
    with tempfile.TemporaryDirectory() as name:
        good = (record if options.record else check)(pathlib.Path(name), built)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
