#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a memory hit costs: CPU per request of nexgate, nginx and HAProxy over that of a bare epoll loop that sends the same bytes, in
turn in one run, pinned, several rounds, medians. usage: hit.py [SECONDS] [ROUNDS]"""

import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import servers

CONNECTIONS = 64


def load(server, seconds, core):
    before = server.cpu_seconds()
    out = subprocess.run(
        ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H",
         f"Authorization: Bearer {servers.KEY}", f"http://127.0.0.1:{server.port}{servers.PATH}"],
        check=True, capture_output=True, text=True,
    ).stdout
    spent = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if re.search(r"Non-2xx", out):
        sys.exit(f"{server.name}: {out}")
    tail = {name: value for name, value in re.findall(r"\s+(50|99)%\s+(\S+)", out)}
    return spent / requests * 1e6, requests / seconds, tail.get("50"), tail.get("99")


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    servers.require("wrk", "nginx", "haproxy", "taskset")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        simulator, upstream = servers.start_simulator(1)
        running = []  # the bare loop first
        try:
            nexgate = servers.start_nexgate(folder, upstream, 0)
            running.append(nexgate)
            servers.get(nexgate.port)
            status, headers, body = servers.get(nexgate.port)
            assert status == 200 and "hit" in headers["Cache-Status"], headers
            head = "HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items() if n != "Connection") + "\r\n"
            running.insert(0, servers.start_bare(folder, head.encode() + body, 0))
            running.append(servers.start_nginx(folder, running[0].port, 0))
            running.append(servers.start_haproxy(folder, running[0].port, 0))
            for server in running:
                servers.get(server.port)
            print(f"one memory hit: {len(body)} bytes, {CONNECTIONS} connections, {rounds} rounds of {seconds} s")
            results = {server.name: [] for server in running}
            for _ in range(rounds):
                for server in running:
                    results[server.name].append(load(server, seconds, 1))
            base = statistics.median(row[0] for row in results["bare epoll"])
            print(f"{'':12} {'CPU us/request':>15} {'x bare':>7} {'requests/s':>11} {'p50':>9} {'p99':>9}")
            for name, rows in results.items():
                cpu = statistics.median(row[0] for row in rows)
                speed = statistics.median(row[1] for row in rows)
                print(f"{name:12} {cpu:15.2f} {cpu / base:7.2f} {speed:11.0f} {rows[-1][2]:>9} {rows[-1][3]:>9}")
        finally:
            for server in running:
                server.stop()
            simulator.terminate()
            simulator.wait()


if __name__ == "__main__":
    main()
