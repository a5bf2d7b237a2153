#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How the cost of a hit grows: over keys stored, clients, connections, parameters and page size. Writes the tables and plots of
docs/performance.md."""

import argparse
import contextlib
import dataclasses
import json
import signal
import sys

import bench
import client
import load
import machine
import plots
import questions
import servers
import tables
import workloads

CONNECTIONS = "[limits]\nconnections = 20000\nconnections_per_address = 20000"


@dataclasses.dataclass
class Curve:
    name: str
    about: str
    axis: str
    logarithmic: bool
    series: dict = dataclasses.field(default_factory=dict)  # {name: {x: CPU µs a request}}
    target: str = ""

    def add(self, name, x, loads):
        self.series.setdefault(name, {})[x] = load.medians(loads).cpu_us

    def growth(self, name):
        """The most that a point costs above one before it."""
        costs = list(self.series[name].values())
        return max(later / cost for at, cost in enumerate(costs) for later in costs[at:])


def keys(session, largest):
    curve = Curve("keys stored", "Hits on keys in random order, none of them twice before all had their turn; answers of one small record.",
                  "keys", True, target="at most 1.5 x")
    stored = set()
    with servers.upstream(1, "tiny") as source, servers.nexgate(session.folder, source, settings="memory = 16gb") as ours:
        for count in powers(2, largest):
            lines = questions.distinct(count)
            session.warm([ours], set(lines) - stored)
            stored = set(lines)
            curve.add("nexgate", count, session.measure([ours], lines)["nexgate"])
    return curve


def clients(session, largest):
    curve = Curve("clients", "The memory hit; each request by another client, in random order.", "clients", True, target="at most 1.5 x")
    with servers.upstream(workloads.SET) as source:
        for count in powers(0, largest):
            with servers.nexgate(session.folder, source, clients=count) as ours:
                session.warm([ours], questions.page())
                curve.add("nexgate", count, session.measure([ours], questions.crowd(count))["nexgate"])
    return curve


def connections(session, largest):
    session = dataclasses.replace(session, seconds=3 * session.seconds)  # making 10^4 connections must not count much
    curve = Curve("connections", "The memory hit over so many connections, each with a request under way.", "connections", True,
                  target="at most 1.5 x")
    lines = questions.page()
    with servers.upstream(workloads.SET) as source, servers.nexgate(session.folder, source, settings=CONNECTIONS) as ours:
        session.warm([ours], lines)
        with servers.bare(session.folder, b"".join(client.ask(ours.port, lines[0][0]))) as bare:
            for count in powers(0, largest):
                for name, loads in session.measure([ours, bare], lines, connections=count).items():
                    curve.add(name, count, loads)
    return curve


def parameters(session, _):
    curve = Curve("parameters", "The memory hit with so many parameters in the query: always spelt the same, and each time differently.",
                  "parameters", False)
    with servers.upstream(workloads.SET) as source, servers.nexgate(session.folder, source) as ours:
        for count in range(0, len(questions.FILTERS) + 1, 4):
            same, different = questions.parameters(count), questions.spellings(count)
            session.warm([ours], same)
            curve.add("spelt the same", count, session.measure([ours], same)["nexgate"])
            curve.add("spelt differently", count, session.measure([ours], different)["nexgate"])
    return curve


def page_size(session, _):
    curve = Curve("page size", "The memory hit of pages of so many records, 512 bytes each, beside the bare loop with the same bytes.",
                  "records a page", True)
    with servers.upstream(workloads.SET) as source, servers.nexgate(session.folder, source) as ours:
        for size in (1, 10, 25, 50, 100, 200, 500, 1000):
            lines = questions.page(size)
            session.warm([ours], lines)
            with servers.bare(session.folder, b"".join(client.ask(ours.port, lines[0][0]))) as bare:
                for name, loads in session.measure([ours, bare], lines).items():
                    curve.add(name, size, loads)
    return curve


ALL = {keys: 6, clients: 5, connections: 4, parameters: 0, page_size: 0}  # with the largest power of ten


def powers(smallest, largest):
    return [10**power for power in range(smallest, largest + 1)]


def section(curve):
    names = list(curve.series)
    points = {x: [curve.series[name][x] for name in names] for x in curve.series[names[0]]}
    rows = [[f"{x:,}", *(f"{cost:.2f}" for cost in costs)] for x, costs in points.items()]
    growth = ", ".join(f"{name} {curve.growth(name):.2f} x" for name in names)
    target = f" Target: {curve.target}." if curve.target else ""
    picture = f"![CPU a request over {curve.name}](performance/{plots.file_name(curve)})"
    heads = [curve.axis, *(f"{name}, µs a request" for name in names)]
    return (f"### Over {curve.name}\n{curve.about}\nGrowth, at most, from a point to a later one: **{growth}**.{target}\n\n"
            f"{tables.table(heads, rows)}\n{picture}\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of load for each point in each round")
    parser.add_argument("--largest", type=int, default=6, help="the largest power of ten on an axis")
    parser.add_argument("--only", choices=[curve.__name__ for curve in ALL], action="append", help="this curve; several times: these")
    parser.add_argument("--dry", action="store_true", help="print, but write nothing")
    return parser.parse_args()


def publish(curve, facts, options):
    """Into the page, beside its plot, and into the day's results; what was published of other curves stays."""
    plots.draw(curve, servers.ROOT / "docs/performance")
    measured = f"{tables.machine(facts)}Medians of {options.rounds} rounds of {options.seconds} s.\n"
    tables.put_between(servers.ROOT / "docs/performance.md", f"over {curve.name}", f"{section(curve)}\n{measured}")
    file = servers.ROOT / f"bench/results/{facts['date']}-curves.json"
    published = json.loads(file.read_text()) if file.exists() else {}
    published[curve.name] = facts | dataclasses.asdict(curve)
    file.write_text(json.dumps(published, indent=1) + "\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    servers.allow_descriptors()
    options = parse()
    facts = machine.describe()
    with bench.memory_folder() as folder:
        session = workloads.Session(folder, options.rounds, options.seconds)
        for measure, largest in ALL.items():
            if options.only is None or measure.__name__ in options.only:
                curve = measure(session, min(largest, options.largest))
                print(section(curve), flush=True)
                if not options.dry:
                    publish(curve, facts, options)


if __name__ == "__main__":
    main()
