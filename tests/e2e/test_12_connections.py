# SPDX-License-Identifier: MIT
"""Clients that are slow, early, half gone or many."""

import pytest

from gateway import SEARCH
from http_client import Closed
from simulator import wait_until


def ended(connection):
    """True when the other side closes, with or without a word."""
    try:
        connection.answer()
    except Closed:
        return True
    return connection.closed()


def test_a_request_may_come_byte_by_byte(gateway):
    with gateway.connect() as connection:
        for byte in connection.message(SEARCH + "?size=3", fields=gateway.fields()):
            connection.send(bytes([byte]))
        assert len(connection.answer().json()["Records"]) == 3
        assert connection.request(SEARCH, fields=gateway.fields()).status == 200


def test_who_shuts_down_its_sending_side_still_gets_its_answers(gateway, simulator):
    simulator.fault(hold="before")
    with gateway.connect() as connection:
        message = connection.message(SEARCH, fields=gateway.fields())
        connection.send(message + message)
        connection.half_close()
        simulator.wait_held(1)
        simulator.release()
        assert connection.answer().status == connection.answer().status == 200
        assert connection.closed()


def test_expect_continue(gateway):
    with gateway.connect() as connection:
        fields = gateway.fields() | {"Expect": "100-continue", "Content-Length": "5"}
        connection.send(connection.message(SEARCH, "POST", fields))
        answer = None
        if not connection.readable(0.2) or connection.sock.recv(12, 2).startswith(b"HTTP/1.1 100"):
            connection.send(b"hello")
        answer = connection.answer()
        assert answer.status == 405
        if answer.fields.get("Connection") != "close":
            assert connection.request("/healthz").status == 200


def test_a_head_that_does_not_come_in_time_is_408(gateway):
    with gateway.connect() as connection:
        connection.send(b"GET /api/sys/webhooks HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        gateway.wait_read([connection])
        gateway.move_time(5)
        connection.send(b"a")
        gateway.wait_read([connection])
        gateway.move_time(6)
        assert connection.answer().status == 408 and connection.closed()


def test_an_idle_connection_is_closed_and_a_used_one_is_not(gateway):
    with gateway.connect() as idle, gateway.connect() as used:
        for connection in (idle, used):
            assert connection.request("/healthz").status == 200
        for _ in range(4):
            gateway.move_time(25)
            assert used.request("/healthz").status == 200
        assert ended(idle)


def test_who_takes_nothing_of_its_answer_is_let_go(workshop, simulator):
    gateway = workshop.gateway(simulator)
    with gateway.connect() as stuck:
        message = stuck.message(SEARCH + "?size=1000", fields=gateway.fields())
        assert gateway.search("size=1000").status == 200
        stuck.sock.setblocking(False)
        try:
            while True:
                stuck.sock.send(message * 20)
        except BlockingIOError:
            pass  # neither side takes more
        wait_until(lambda: gateway.metrics()["nexgate_connections"] == 1, "the other connections to close")
        for _ in range(5):
            gateway.move_time(31)
        wait_until(lambda: gateway.metrics()["nexgate_connections"] == 0, "the stuck connection to be let go")
    assert gateway.search().status == 200


@pytest.mark.parametrize("settings", [{"limits.connections_per_address": 5}, {"limits.connections": 5}], ids=["address", "total"])
def test_connections_have_a_limit(workshop, simulator, settings):
    gateway = workshop.gateway(simulator, settings)
    connections = [gateway.connect() for _ in range(5)]
    for connection in connections:
        assert connection.request("/healthz").status == 200
    with gateway.connect() as extra:
        assert ended(extra)
    wait_until(lambda: gateway.metrics()["nexgate_connections_refused_total"] == 1, "the refusal to be counted")
    connections.pop().close()

    def let_in():
        with gateway.connect() as connection:
            try:
                return connection.request("/healthz").status == 200
            except (Closed, ConnectionError):
                return False

    wait_until(let_in, "room for another connection")
    for connection in connections:
        assert connection.request("/healthz").status == 200
        connection.close()


@pytest.mark.parametrize("garbage", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/3.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\r\n" * 100,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\nHost: x\n\n",
], ids=range(9))
def test_what_is_not_http_is_refused_and_closed(gateway, garbage):
    with gateway.connect() as connection:
        connection.send(garbage)
        answer = connection.answer()
        assert answer.status in (400, 505) and connection.closed()
    assert gateway.search().status == 200
