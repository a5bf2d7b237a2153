# SPDX-License-Identifier: MIT
"""The workloads, one function each: it starts the servers that can do the work, warms them, measures them in turn, and returns what came
out as a Result. The first row is what the others are compared with."""

import contextlib
import dataclasses
import functools
import pathlib
import sys

import client
import load
import peers
import questions
import servers

SET = 1000  # records of what is searched
IDLE = 10_000  # connections
IDLE_ADDRESSES = 16  # 127.0.0.2 and so on: below the default limit of connections per address
CLIENTS = 200
REDIS_QUERIES = 1000


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


ALL = []


def workload(name, target=""):
    """Registers a function of a session that returns rows and a verdict; its docstring tells the reader what is measured."""

    def register(measure):
        @functools.wraps(measure)
        def run(session):
            rows, verdict = measure(session)
            return Result(name, measure.__doc__, target, verdict, rows)

        ALL.append(run)
        return run

    return register


def _ratio(rows, name="nexgate", base="bare epoll"):
    return load.ratio(rows[name], rows[base])


@contextlib.contextmanager
def _everybody(session, path, fields=(), others=peers.ALL, records=SET, settings="", clients=1, mode=()):
    """The bare loop, nexgate and the peers, ready to answer `path`: the bare loop with the very bytes of nexgate's answer."""
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        ours = start(servers.nexgate(session.folder, start(servers.upstream(records)), clients, settings=settings))
        _, body = client.ask(ours.port, path)
        bare = start(servers.bare(session.folder, b"".join(client.ask(ours.port, path, fields)), *mode))
        origin = start(servers.origin(session.folder, body))
        yield [bare, ours, *(start(peer(session.folder, origin, clients)) for peer in others)]


@workload("memory hit", target="at most 1.25 x bare, below nginx and HAProxy")
def hit(session):
    """One page of 25 records (12.8 kB), 64 connections."""
    lines = questions.page()
    with _everybody(session, lines[0][0]) as running:
        session.warm(running, lines)
        rows = session.measure(running, lines)
    best = min(("nginx", "haproxy"), key=lambda name: load.medians(rows[name]).cpu_us)
    return rows, f"{_ratio(rows):.2f} x bare, {_ratio(rows, base=best):.2f} x {best}"


@workload("memory hit, logged", target="at most 1.4 x bare")
def logged(session):
    """The same with a line for each request in a file on a memory disk, written in whatever pieces the server likes. The bare loop logs
    nothing. A log of nexgate's tells the client, the canonical query, the outcome and how long each step took."""
    lines = questions.page()
    files = [session.folder / f"access-{number}.log" for number in range(3)]
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        ours = start(servers.nexgate(session.folder, start(servers.upstream(SET)), settings="[log]\naccess = all", log=files[0]))
        head, body = client.ask(ours.port, lines[0][0])
        origin = start(servers.origin(session.folder, body))
        running = [start(servers.bare(session.folder, head + body)), ours, start(peers.nginx(session.folder, origin, log=files[1])),
                   start(peers.haproxy(session.folder, origin, log=files[2]))]
        session.warm(running, lines)
        rows = session.measure(running, lines)
    _need_lines(files, [rows[server.name] for server in running[1:]], session.seconds)
    return rows, f"{_ratio(rows):.2f} x bare"


def _need_lines(files, loads_of_each, seconds):
    """That all that was answered was logged, or it was no logging."""
    for file, loads in zip(files, loads_of_each):
        lines = sum(1 for _ in file.open("rb"))
        answers = sum(each.per_second for each in loads) * seconds
        if lines < answers:
            sys.exit(f"{file.name}: {lines} lines of at least {answers:.0f} answers")
        file.unlink()


@workload("Redis hit", target="at most 0.5 x nginx with Lua and Redis")
def redis_hit(session):
    """The memory store is off, so that each answer (12.8 kB) comes from Redis, and the quota is the fleet's: 1,000 queries in random order,
    and one page again and again, where nexgate asks once for all who wait for it. Redis runs on the server's core, and its CPU is counted.
    nginx sends GET and INCR in one go; nexgate holds leases of the quota."""
    lines, rows = questions.distinct(REDIS_QUERIES), {}
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        stores = [start(servers.redis(session.folder)) for _ in range(2)]
        settings = f"memory = 0kb\n[redis]\nurl = redis://127.0.0.1:{stores[0].port}"
        ours = start(servers.nexgate(session.folder, start(servers.upstream(25)), settings=settings, store=stores[0]))
        head, body = client.ask(ours.port, lines[0][0])
        running = [start(servers.bare(session.folder, head + body)), ours,
                   start(peers.nginx_with_lua(session.folder, stores[1], [path for path, _ in lines], body))]
        session.warm(running, lines)
        rows |= session.measure(running, lines)
        one_page = session.measure(running[1:], lines[:1])
    return rows | {f"{name}, one page": loads for name, loads in one_page.items()}, f"{_ratio(rows, base='nginx with Lua'):.2f} x"


@workload("differently spelt hit", target="at most 1.6 x bare")
def spelt(session):
    """The same page; 10 parameters, 20,000 spellings one after another. The peers know nothing of spellings: to them each is a miss."""
    lines = questions.spellings(9, size=True)
    with _everybody(session, lines[0][0], others=()) as running:
        session.warm(running, lines[:1])
        rows = session.measure(running, lines)
    return rows, f"{_ratio(rows):.2f} x bare"


@workload("304")
def not_modified(session):
    """If-None-Match with the right tag: a head and no body."""
    lines = questions.page()
    with servers.upstream(SET) as source, servers.nexgate(session.folder, source) as ours:
        head, _ = client.ask(ours.port, lines[0][0])
    fields = [f"If-None-Match: {client.field(head, 'ETag')}, {servers.ORIGIN_ETAG}"]
    with _everybody(session, lines[0][0], fields) as running:
        session.warm(running, lines)
        rows = session.measure(running, lines, fields=fields)
    return rows, f"{_ratio(rows):.2f} x bare"


@workload("200 clients x 10,000 queries")
def zipf(session):
    """Clients at random, queries by Zipf's law, all of them stored (512 MB each): sets of 25 records, 12.8 kB an answer."""
    lines = questions.zipf(CLIENTS)
    with _everybody(session, lines[0][0], records=25, settings="memory = 512mb", clients=CLIENTS) as running:
        session.warm(running[1:], [(path, 0) for path, _ in lines])
        rows = session.measure(running, lines)
    return rows, f"{_ratio(rows):.2f} x bare"


@workload("connection per request")
def closing(session):
    """Every request comes on a connection of its own and ends it."""
    lines, fields = questions.page(), ["Connection: close"]
    with _everybody(session, lines[0][0], fields, mode=["once"]) as running:
        session.warm(running, lines, fields=fields)
        rows = session.measure(running, lines, fields=fields)
    return rows, f"{_ratio(rows):.2f} x bare"


@workload("1 and 2 workers", target="2 workers at most 1.1 x 1 worker")
def workers(session):
    """The memory hit; the server and the load share both cores in all rows. Two bare loops, each with a listener of its own, share
    nothing at all: what they cost more than one is the machine's."""
    lines, both = questions.page(), f"{servers.SERVER_CORES},{servers.LOAD_CORES}"
    with servers.upstream(SET) as source, contextlib.ExitStack() as stack:
        start = stack.enter_context
        running = [start(servers.nexgate(session.folder, source, workers=count, cores=both)) for count in (1, 2)]
        answer = b"".join(client.ask(running[0].port, lines[0][0]))
        running += [start(servers.bare(session.folder, answer, *mode, cores=both)) for mode in ((), ("twice",))]
        for server, name in zip(running, ("1 worker", "2 workers", "1 bare loop", "2 bare loops")):
            server.name = name
        session.warm(running, lines)
        rows = session.measure(running, lines, cores=both)
    return rows, f"{_ratio(rows, '2 workers', '1 worker'):.2f} x (bare loops {_ratio(rows, '2 bare loops', '1 bare loop'):.2f} x)"


@workload("miss", target="p50 at most 0.5 ms above direct")
def miss(session):
    """One connection, every query new, against an upstream that answers at once; the client asks for 25 records. nexgate fetches the
    window of 200 around them, or the whole set where it has only 25."""
    rows, added, lines = {}, [], questions.distinct(200_000, "m")
    for about, records in (("window of 200", SET), ("set of 25", 25)):
        with servers.upstream(records) as source, servers.nexgate(session.folder, source) as ours:
            client.ask(ours.port, questions.page()[0][0])  # the login
            loads = session.measure([source, ours], lines, connections=1, misses=True)
        rows |= {f"direct, {about}": loads["upstream"], f"nexgate, {about}": loads["nexgate"]}
        added.append(f"{(load.medians(loads['nexgate']).p50_us - load.medians(loads['upstream']).p50_us) / 1000:.3f} ms ({about})")
    return rows, " and ".join(added)


@workload("10,000 idle connections", target="at most 5 MB above empty")
def idle(session):
    """Each has asked once and stays. Resident memory of the processes; the kernel's sockets are not in it."""
    path, rows = questions.page()[0][0], {}
    with _everybody(session, path) as running:
        session.warm(running, questions.page())
        for server in running:
            used = _idle_bytes(server, path)
            rows[server.name] = {"MB above empty": used / 1e6, "bytes a connection": used / IDLE}
    return rows, f"{rows['nexgate']['MB above empty']:.1f} MB"


def _idle_bytes(server, path):
    """What 10,000 connections, each of which has asked once, add to the resident memory."""
    empty = server.resident_bytes()
    with contextlib.ExitStack() as connections:
        for number in range(IDLE):
            source = f"127.0.0.{2 + number % IDLE_ADDRESSES}"
            connections.enter_context(client.Client(server.port, source)).ask(path)
        return server.resident_bytes() - empty
