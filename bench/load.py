# SPDX-License-Identifier: MIT
"""The load: wrk on a core of its own, closed loop, and what it and /proc saw of a server meanwhile."""

import dataclasses
import json
import statistics
import subprocess
import sys

from servers import LOAD_CORES, ROOT, key_of

WARM_SECONDS_MAX = 3600


@dataclasses.dataclass
class Load:
    """One run, or the medians of several."""

    cpu_us: float  # user and system time of the server for a request
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float


def medians(loads):
    columns = zip(*map(dataclasses.astuple, loads))
    return Load(*map(statistics.median, columns))


def ratio(loads, base):
    """What the CPU of a request costs beside another's: round by round, as the machine's mood changes with time; then the median."""
    return statistics.median(one.cpu_us / other.cpu_us for one, other in zip(loads, base))


def save(file, lines):
    file.write_text("".join(f"{path}\t{key_of(client)}\n" for path, client in lines))
    return file


def _wrk(server, file, seconds, connections, mode, fields, cores):
    command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    command += ["-s", ROOT / "bench/load.lua", f"http://127.0.0.1:{server.port}/", "--", file, mode, *fields]
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def warm(server, file, fields=()):
    """Each request of the file once."""
    _wrk(server, file, WARM_SECONDS_MAX, 32, "once", fields, LOAD_CORES)


def run(server, file, seconds, connections=64, fields=(), cores=LOAD_CORES, misses=False):
    """Unless it shall miss, a server that asks its origin meanwhile is not measured but refused."""
    origin_before = server.origin.cpu_seconds() if server.origin else 0
    before = server.cpu_seconds()
    said = json.loads(_wrk(server, file, seconds, connections, "again", fields, cores).splitlines()[-1])
    spent = server.cpu_seconds() - before
    if said["refused"] or said["broken"] or not said["requests"]:
        sys.exit(f"{server.name}: of {said['requests']} requests {said['refused']} were refused, {said['broken']} broke")
    if server.origin and not misses and server.origin.cpu_seconds() - origin_before > 0.05 * spent:
        sys.exit(f"{server.name} does not answer from memory")
    requests = said["requests"]
    return Load(spent / requests * 1e6, requests / said["seconds"], said["p50_us"], said["p99_us"], said["p999_us"])


def in_turn(servers, file, rounds, seconds, **options):
    """Every server once a round, the first of which is not counted: {name: [Load of each round]}."""
    loads = {server.name: [] for server in servers}
    for _ in range(1 + rounds):
        for server in servers:
            loads[server.name].append(run(server, file, seconds, **options))
    return {name: of_rounds[1:] for name, of_rounds in loads.items()}
