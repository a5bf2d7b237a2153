# SPDX-License-Identifier: MIT
"""The workloads, one function each: it starts the servers that can do the work, warms them, measures them in turn, and returns what came
out as a Result. The first row is what the others are compared with."""

import contextlib
import dataclasses
import pathlib
import resource
import socket
import statistics

import load
import peers
import questions
import servers

SET = 1000  # records of what is searched
IDLE = 10_000  # connections
IDLE_ADDRESSES = 16  # 127.0.0.2 and so on: below the default limit of connections per address
CLIENTS = 200


@dataclasses.dataclass
class Session:
    folder: pathlib.Path
    rounds: int
    seconds: int

    def measure(self, running, lines, **options):
        """All in turn, in all rounds: {name: [Load of each round]}."""
        file = load.save(self.folder / "requests", lines)
        return load.in_turn(running, file, self.rounds, self.seconds, **options)

    def warm(self, running, lines, **options):
        file = load.save(self.folder / "requests", sorted(set(lines)))
        for server in running:
            load.warm(server, file, **options)


@dataclasses.dataclass
class Result:
    name: str
    about: str
    target: str
    verdict: str  # what was measured of the target
    rows: dict  # name: [Load of each round], or {column: number}


def _ratio(rows, name="nexgate", base="bare epoll"):
    return load.medians(rows[name]).cpu_us / load.medians(rows[base]).cpu_us


def _kept_alive(response):
    return response.replace(b"Connection: close\r\n", b"", 1)


def _body(response):
    return response.partition(b"\r\n\r\n")[2]


@contextlib.contextmanager
def _everybody(session, path, fields=(), others=peers.ALL, records=SET, settings="", clients=1, once=False):
    """The bare loop, nexgate and the peers, ready to answer `path`: the bare loop with the very bytes of nexgate's answer."""
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        ours = start(servers.nexgate(session.folder, start(servers.upstream(records)), clients, settings=settings))
        body = _body(servers.exchange(ours.port, path))
        response = servers.exchange(ours.port, path, fields)
        bare = start(servers.bare(session.folder, response if once else _kept_alive(response), *["once"] * once))
        origin = start(servers.origin(session.folder, body))
        yield [bare, ours, *(start(peer(session.folder, origin, clients)) for peer in others)]


def hit(session):
    lines = questions.page()
    with _everybody(session, lines[0][0]) as running:
        session.warm(running, lines)
        rows = session.measure(running, lines)
    best = min(rows[name][0].cpu_us for name in ("nginx", "haproxy"))
    return Result("memory hit", "One page of 25 records (12.8 kB), 64 connections.", "at most 1.25 x bare, below nginx and HAProxy",
                  f"{_ratio(rows):.2f} x bare, {load.medians(rows['nexgate']).cpu_us / best:.2f} x the better of nginx and HAProxy", rows)


def spelt(session):
    lines = questions.spellings(9, size=True)
    with _everybody(session, lines[0][0], others=()) as running:
        session.warm(running, lines[:1])
        rows = session.measure(running, lines)
    return Result("differently spelt hit", f"The same page; 10 parameters, {len(lines)} spellings one after another. The peers know nothing of "
                  "spellings: to them each is a miss.", "at most 1.6 x bare", f"{_ratio(rows):.2f} x bare", rows)


def not_modified(session):
    lines = questions.page()
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(servers.upstream(SET))
        with servers.nexgate(session.folder, source) as ours:
            etag = next(line for line in servers.exchange(ours.port, lines[0][0]).split(b"\r\n") if line.startswith(b"ETag: "))
    fields = [f"If-None-Match: {etag[6:].decode()}, {servers.ORIGIN_ETAG}"]
    with _everybody(session, lines[0][0], fields) as running:
        session.warm(running, lines)
        rows = session.measure(running, lines, fields=fields)
    return Result("304", "If-None-Match with the right tag: a head and no body.", "", f"{_ratio(rows):.2f} x bare", rows)


def zipf(session):
    lines = questions.zipf(CLIENTS)
    with _everybody(session, lines[0][0], records=25, settings="memory = 512mb", clients=CLIENTS) as running:
        session.warm(running[1:], [(path, 0) for path, _ in lines])
        rows = session.measure(running, lines)
    return Result("200 clients x 10,000 queries", "Clients at random, queries by Zipf's law, all of them stored (512 MB each): sets of 25 "
                  "records, 12.8 kB an answer.", "", f"{_ratio(rows):.2f} x bare", rows)


def closing(session):
    lines, fields = questions.page(), ["Connection: close"]
    with _everybody(session, lines[0][0], once=True) as running:
        session.warm(running, lines, fields=fields)
        rows = session.measure(running, lines, fields=fields)
    return Result("connection per request", "Every request comes on a connection of its own and ends it.", "",
                  f"{_ratio(rows):.2f} x bare", rows)


def workers(session):
    lines, rows, both = questions.page(), {}, f"{servers.SERVER_CORES},{servers.LOAD_CORES}"
    with servers.upstream(SET) as source, contextlib.ExitStack() as stack:
        running = []
        for count in (1, 2):
            ours = stack.enter_context(servers.nexgate(session.folder, source, workers=count, cores=both))
            ours.name = f"{count} worker{'s' * (count > 1)}"
            running.append(ours)
        session.warm(running, lines)
        rows = session.measure(running, lines, cores=both)
    return Result("1 and 2 workers", "The memory hit; nexgate and the load share both cores in both rows.", "at most 1.1 x",
                  f"{_ratio(rows, '2 workers', '1 worker'):.2f} x", rows)


def _added(session, records):
    lines = questions.distinct(200_000, "m")
    with servers.upstream(records) as source, servers.nexgate(session.folder, source, settings="memory = 0kb") as ours:
        servers.exchange(ours.port, lines[0][0])  # the login
        return session.measure([source, ours], lines, connections=1, misses=True)


def miss(session):
    rows = {}
    for about, records in (("window of 200", SET), ("set of 25", 25)):
        for name, loads in _added(session, records).items():
            rows[f"{'direct' if name == 'upstream' else name}, {about}"] = loads
    added = [load.medians(rows[f"nexgate, {about}"]).p50_us - load.medians(rows[f"direct, {about}"]).p50_us
             for about in ("window of 200", "set of 25")]
    return Result("miss", "One connection, every query new, against an upstream that answers at once; the client asks for 25 records. "
                  "nexgate fetches the window of 200 around them, or the whole set where it has only 25.", "p50 at most 0.5 ms above direct",
                  f"{added[0] / 1000:.3f} ms above direct (window of 200), {added[1] / 1000:.3f} ms (set of 25)", rows)


def _idle_bytes(server, path):
    """What 10,000 connections, each of which has asked once, add to the resident memory."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {servers.key_of(0)}\r\n\r\n".encode()
    empty, connections = server.resident_bytes(), []
    try:
        for number in range(IDLE):
            source = (f"127.0.0.{2 + number % IDLE_ADDRESSES}", 0)
            connections.append(socket.create_connection(("127.0.0.1", server.port), source_address=source))
            connections[-1].sendall(request)
            _read_response(connections[-1])
        return server.resident_bytes() - empty
    finally:
        for connection in connections:
            connection.close()


def _read_response(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(1 << 16)


def idle(session):
    path, rows = questions.page()[0][0], {}
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with _everybody(session, path) as running:
        session.warm(running, questions.page())
        for server in running:
            used = _idle_bytes(server, path)
            rows[server.name] = {"MB above empty": used / 1e6, "bytes a connection": used / IDLE}
    return Result("10,000 idle connections", "Each has asked once and stays. Resident memory of the processes; the kernel's sockets are not "
                  "in it.", "at most 5 MB above empty", f"{rows['nexgate']['MB above empty']:.1f} MB", rows)


ALL = (hit, spelt, not_modified, zipf, closing, workers, miss, idle)
