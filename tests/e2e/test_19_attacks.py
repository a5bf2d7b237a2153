# SPDX-License-Identifier: MIT
"""Clients that want more than their share. Under each attack a good client is answered, the limit that names the attack bounds it and
counts it, and descriptors and memory are what they were before. ATTACK_SCALE=20 makes each attack so many times as large
(docs/connections.md)."""

import contextlib
import os
import pathlib
import socket
import struct

import pytest

from gateway import SEARCH, environment
from http_client import Closed, Connection
from simulator import wait_until

SCALE = int(os.environ.get("ATTACK_SCALE", "1"))
MANY = 150 * SCALE
GROWTH_MAX = 48 * 1024 * 1024 + MANY * 64 * 1024  # bytes: what hundreds of connections may cost for a while, sanitizer included
OTHERS_MAX = 8  # descriptors that come and go: the admin listener's connections, those to Nexudus


class Elsewhere(Connection):
    """A connection from another address of this machine."""

    def __init__(self, address, witness):
        super().__init__(address, witness)
        self.sock.close()
        self.sock = socket.create_connection(address, 120, source_address=("127.0.0.2", 0))


class House:
    """A gateway, and what it had before the attack."""

    def __init__(self, workshop, simulator, **limits):
        settings = {"limits.connections": 4 * MANY + 20, "limits.connections_per_address": 4 * MANY}
        settings |= {f"limits.{name}": value for name, value in limits.items()} | {"server.workers": 1}
        sanitizer = environment()["ASAN_OPTIONS"] + ":quarantine_size_mb=8"
        self.gateway = workshop.gateway(simulator, settings, variables={"ASAN_OPTIONS": sanitizer})
        self.gateway.search("size=1000")
        self.wait_open(0)
        self.proc = pathlib.Path("/proc") / str(self.gateway.process.pid)
        self.memory = self._memory()
        self.descriptors = self._descriptors()

    def good_is_answered(self):
        with Elsewhere(self.gateway.public, self.gateway.witness()) as connection:
            for size in (1, 20, 1000):
                answer = connection.request(f"{SEARCH}?size={size}", fields=self.gateway.fields())
                assert answer.status == 200 and len(answer.json()["Records"]) == size

    def limit(self, name):
        return self.gateway.metrics()[f'nexgate_limits_reached_total{{limit="{name}"}}']

    def wait_open(self, count):
        wait_until(lambda: self.gateway.metrics()["nexgate_connections"] == count, f"{count} connections")

    def is_as_before(self):
        self.wait_open(0)
        wait_until(lambda: self._descriptors() <= self.descriptors + OTHERS_MAX, "all descriptors to be closed")
        assert self._memory() - self.memory < GROWTH_MAX
        print(f"note: resident {self.memory >> 10} kB before, {self._memory() >> 10} kB after, {self._memory('VmHWM') >> 10} kB at most; "
              f"sockets {self.descriptors} before, {self._descriptors()} after")

    def memory_is_bounded(self):
        assert self._memory() - self.memory < GROWTH_MAX

    def _descriptors(self):
        return sum(1 for name in (self.proc / "fd").iterdir() if self._is_socket(name))

    @staticmethod
    def _is_socket(name):
        with contextlib.suppress(OSError):
            return os.readlink(name).startswith("socket:")
        return False

    def _memory(self, what="VmRSS"):
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {what}")


def ended(connection):
    """True when the other side has closed, with a last word or without."""
    with contextlib.suppress(Closed):
        connection.answer()
    return connection.closed()


def test_heads_that_never_end(workshop, simulator):
    house = House(workshop, simulator)
    gateway = house.gateway
    slow = [gateway.connect() for _ in range(MANY)]
    for connection in slow:
        connection.send(b"GET /api/sys/webhooks HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    gateway.wait_read(slow)
    house.good_is_answered()
    for _ in range(3):  # more bytes do not buy more time
        gateway.move_time(3)
        for connection in slow:
            connection.send(b"a")
        gateway.wait_read(slow)
        house.good_is_answered()
    gateway.move_time(3)
    for connection in slow:
        assert ended(connection)
        connection.close()
    assert house.limit("header_timeout") == MANY
    house.is_as_before()


def test_readers_that_do_not_read(workshop, simulator):
    house = House(workshop, simulator)
    gateway = house.gateway
    stuck = [gateway.connect() for _ in range(max(MANY // 5, 20))]
    for connection in stuck:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        message = connection.message(SEARCH + "?size=1000", fields=gateway.fields())
        connection.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection.sock.send(message * 20)
    house.good_is_answered()
    house.memory_is_bounded()
    house.wait_open(len(stuck))
    while gateway.metrics()["nexgate_connections"]:
        gateway.move_time(31)
        house.good_is_answered()
        house.memory_is_bounded()
    assert house.limit("write_timeout") == len(stuck)
    for connection in stuck:
        connection.close()
    house.is_as_before()


def test_connections_that_ask_nothing(workshop, simulator):
    house = House(workshop, simulator)
    gateway = house.gateway
    idle = [gateway.connect() for _ in range(2 * MANY)]
    for connection in idle[::2]:
        assert connection.request("/healthz").status == 200
    house.wait_open(len(idle))
    house.good_is_answered()
    house.memory_is_bounded()
    gateway.move_time(62)
    for connection in idle:
        assert ended(connection)
        connection.close()
    assert house.limit("idle_timeout") == len(idle)
    house.good_is_answered()
    house.is_as_before()


def test_one_address_with_many_connections(workshop, simulator):
    house = House(workshop, simulator, connections_per_address=MANY // 3)
    gateway = house.gateway
    flood = [gateway.connect() for _ in range(2 * MANY)]
    wait_until(lambda: house.limit("connections_per_address") == 2 * MANY - MANY // 3, "those above the limit to be refused")
    assert gateway.metrics()["nexgate_connections"] == MANY // 3
    house.good_is_answered()
    for connection in flood:
        connection.close()
    house.is_as_before()


def test_clients_that_ask_and_vanish(workshop, simulator):
    """Their requests wait for Nexudus, and keep their places until it has answered."""
    house = House(workshop, simulator, connections_per_address=MANY // 3)
    gateway = house.gateway
    simulator.fault(hold="before", query="WebHook_Name=slow")
    vanishing = [gateway.connect() for _ in range(MANY // 3)]
    for number, connection in enumerate(vanishing):
        connection.send(connection.message(f"{SEARCH}?WebHook_Name=slow&size={number % 1000 + 1}", fields=gateway.fields()))
    gateway.wait_read(vanishing)
    for connection in vanishing:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wait_until(lambda: gateway.metrics()["nexgate_requests_abandoned_total"] == MANY // 3, "the clients to be missed")
    for _ in range(10):
        with gateway.connect() as connection:
            assert ended(connection)
    assert house.limit("connections_per_address") == 10
    house.good_is_answered()
    house.memory_is_bounded()
    simulator.release()
    house.is_as_before()


def test_pipelines_without_an_end(workshop, simulator):
    house = House(workshop, simulator)
    gateway = house.gateway
    greedy = [gateway.connect() for _ in range(4)]
    sent = [0] * len(greedy)
    for number, connection in enumerate(greedy):
        message = connection.message(SEARCH + "?size=1", fields=gateway.fields())
        connection.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sent[number] += connection.sock.send(message * 100)
        connection.sock.setblocking(True)
    assert min(sent) > 100 * len(message)
    house.good_is_answered()
    house.memory_is_bounded()
    for number, connection in enumerate(greedy):
        for _ in range(sent[number] // len(message)):
            assert connection.answer().status == 200
        connection.close()
    house.is_as_before()


@pytest.mark.parametrize("heads", [b"X-API-Key: nxg_%043d", b"Authorization: Bearer nxg_%s%d"], ids=["numbers", "one-prefix"])
def test_keys_that_nobody_has(workshop, simulator, heads):
    """The tables are hashed with a secret of the process, so no choice of keys can make them slow; and none is remembered."""
    house = House(workshop, simulator)
    gateway = house.gateway
    with gateway.connect() as connection:
        for number in range(10 * MANY):
            head = heads % ((number,) if heads.count(b"%") == 1 else (b"A" * 200, number))
            connection.send(b"GET /api/sys/webhooks HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
            assert connection.answer().status == 401
    house.good_is_answered()
    assert gateway.outcomes()["unauthorized"] == 10 * MANY
    house.is_as_before()
