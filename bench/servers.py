# SPDX-License-Identifier: MIT
"""Running servers: started on a free port, pinned to cores, watched through /proc, ended by their process id. Here are nexgate, the
bare loop and the instant upstream; the peers are in peers.py."""

import hashlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "build/bench"
TICKS = os.sysconf("SC_CLK_TCK")

SERVER_CORES, LOAD_CORES = "0", "1"

ORIGIN_ETAG = '"671e5b4d64e6b7d76c46fbe68a4c591f"'


def key_of(number):
    """The API key of client `number`."""
    return f"nxg_{hashlib.sha256(str(number).encode()).hexdigest()[:43]}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def allow_descriptors():
    """As many open files as the machine lets us, for us and all that we start."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tool(name):
    """A helper program of this folder, compiled when its source is newer."""
    source, program = ROOT / f"bench/{name}.c", TOOLS / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        TOOLS.mkdir(parents=True, exist_ok=True)
        subprocess.check_call(["cc", "-std=c11", "-O2", "-D_GNU_SOURCE", "-o", program, source])
    return program


class Server:
    """A running program. Its CPU and memory are those of the process and all of its descendants, and the CPU also of its `store`, another
    server that works for it. What it says on its standard error goes to the file `log`, where there is one."""

    def __init__(self, name, arguments, port, cores=SERVER_CORES, origin=None, environment=None, store=None, log=None):
        self.name, self.port, self.origin, self.store = name, port, origin, store
        self._said = open(log, "a+") if log else tempfile.TemporaryFile("w+")
        command = ["taskset", "-c", cores, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._said, env=environment)
        self._wait()

    def _wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.process.kill()
        self._said.seek(0)
        sys.exit(f"{self.name} does not listen on port {self.port}: {self._said.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(60)
        self._said.close()

    def _processes(self):
        parents = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parents[int(pid)] = int(_stat(pid)[1])
            except OSError:
                continue
        own = [self.process.pid]
        for pid in own:  # grows while it is walked
            own += [child for child, parent in parents.items() if parent == pid]
        return own

    def cpu_seconds(self):
        """User and system time so far."""
        stats = [_stat(pid) for pid in self._processes()]
        own = sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS
        return own + (self.store.cpu_seconds() if self.store else 0)

    def resident_bytes(self):
        statuses = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self._processes()]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024 for status in statuses)


def _stat(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def upstream(records, *mode):
    """A Nexudus without latency, beside the load."""
    port = free_port()
    return Server("upstream", [tool("instant_upstream"), port, records, *mode], port, LOAD_CORES)


def bare(folder, response, *mode, cores=SERVER_CORES, name="bare epoll"):
    """The bare loop, answering everything with `response`."""
    port = free_port()
    file = folder / f"response-{port}"
    file.write_bytes(response)
    return Server(name, [tool("bare_epoll"), port, file, *mode], port, cores)


def origin(folder, body):
    """Where the peers fetch `body`, beside the load: a cacheable answer to everything."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    head += f"Cache-Control: max-age=3600\r\nETag: {ORIGIN_ETAG}\r\n\r\n"
    return bare(folder, head.encode() + body, cores=LOAD_CORES, name="origin")


def redis(folder):
    """A Redis that keeps nothing on a disk, beside the server that asks it."""
    port = free_port()
    arguments = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", folder]
    return Server("redis", arguments, port)


def nexgate(folder, source, clients=1, workers=1, cores=SERVER_CORES, settings="", wrapper=(), environment=None, store=None, log=None):
    """nexgate at its defaults, but that it asks `source` as often as it likes and that answers do not expire meanwhile. `settings` are
    further lines of the configuration, of its [cache] section first."""
    port = free_port()
    config = folder / f"nexgate-{port}.conf"
    config.write_text(
        f"[server]\nlisten = 127.0.0.1:{port}\nadmin =\nworkers = {workers}\n"
        f"[nexudus]\nurl = http://127.0.0.1:{source.port}\nusername = bench@example.com\npassword = bench\nbudget = 10000/1ms\n"
        f"[cache]\nttl = 24h\n{settings}\n"
        + "".join(
            f"[client c{number}]\nkey = sha256:{hashlib.sha256(key_of(number).encode()).hexdigest()}\nrate = 1000000/s\n"
            for number in range(clients)
        )
    )
    command = [*wrapper, ROOT / "build/nexgate", "serve", "-c", config]
    return Server("nexgate", command, port, cores, source, environment, store, log)
