# SPDX-License-Identifier: MIT
"""Clients that are slow, early, half gone or many."""

import socket
import struct

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
    assert gateway.metrics()['nexgate_limits_reached_total{limit="header_timeout"}'] == 1
    assert gateway.outcomes()["malformed"] == 1


def test_an_idle_connection_is_closed_and_a_used_one_is_not(gateway):
    with gateway.connect() as idle, gateway.connect() as used:
        for connection in (idle, used):
            assert connection.request("/healthz").status == 200
        for _ in range(4):
            gateway.move_time(25)
            assert used.request("/healthz").status == 200
        assert ended(idle)
    assert gateway.metrics()['nexgate_limits_reached_total{limit="idle_timeout"}'] == 1


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
    assert gateway.metrics()['nexgate_limits_reached_total{limit="write_timeout"}'] == 1
    assert gateway.search().status == 200


def reset(connection):
    """Ends a connection so that the other side is told at once."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_requests_of_clients_that_have_gone_count_until_they_end(workshop, simulator):
    """Else anybody with a key could have any number of requests in progress."""
    gateway = workshop.gateway(simulator, {"limits.connections_per_address": 5})
    simulator.fault(hold="before")
    for number in range(5):
        connection = gateway.connect()
        connection.send(connection.message(f"{SEARCH}?size={number + 1}", fields=gateway.fields()))
        gateway.wait_read([connection])
        wait_until(lambda: simulator.held() >= 1, "the search to be asked")
        reset(connection)
    wait_until(lambda: gateway.metrics()["nexgate_requests_abandoned_total"] == 5, "the clients to be missed")
    with gateway.connect() as extra:
        assert ended(extra)
    metrics = gateway.metrics()
    assert metrics["nexgate_connections"] == 0
    assert metrics['nexgate_limits_reached_total{limit="connections_per_address"}'] == 1
    simulator.release()
    wait_until(lambda: let_in(gateway), "their places to be free")


def test_fewer_connections_than_descriptors(workshop, simulator):
    """What clients can take is clamped, so that descriptors are left for Nexudus; and the log says so."""
    gateway = workshop.gateway(simulator, {"limits.connections": 5000}, descriptors=600)
    line, = gateway.logged("fewer client connections than configured: the descriptor limit is too low")
    assert (line["level"], line["configured"], line["connections"], line["descriptor_limit"]) == ("warn", "5000", "300", "600")
    connections = [gateway.connect() for _ in range(300)]
    wait_until(lambda: gateway.metrics()["nexgate_connections"] == 300, "all to be accepted")
    with gateway.connect() as extra:
        assert ended(extra)
    assert gateway.metrics()['nexgate_limits_reached_total{limit="connections"}'] == 1
    assert connections[0].request(SEARCH, fields=gateway.fields()).status == 200
    for connection in connections:
        connection.close()


def test_what_the_front_refuses_is_counted(workshop, simulator):
    """Every request has an outcome, every limit a metric."""
    gateway = workshop.gateway(simulator, {"limits.header_bytes": "2kb", "limits.query_bytes": "300b", "limits.body_bytes": "10b"})
    cases = [
        (b"GET /x HTTP/1.1\r\nHost : x\r\n\r\n", 400, None),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417, None),
        (b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n", 505, None),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3000, 431, "header_bytes"),
        (b"GET /" + b"y" * 3000, 414, "header_bytes"),
        (b"GET /x?" + b"y" * 301 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "query_bytes"),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", 413, "body_bytes"),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n", 413, "body_bytes"),
    ]
    for raw, status, limit in cases:
        before = gateway.metrics()
        with gateway.connect() as connection:
            connection.send(raw)
            answer = connection.answer()
            assert answer.status == status and connection.closed()
        assert f"limits.{limit}" in answer.problem()["detail"] or not limit  # so that who asks and who operates mean the same
        after = gateway.metrics()
        grown = {name: after[name] - before.get(name, 0) for name in after if "_total" in name and after[name] != before.get(name, 0)}
        request = f'nexgate_requests_total{{client="(none)",outcome="malformed",status="{status}"}}'
        expected = {"nexgate_connections_total": 1, request: 1}
        if limit:
            expected[f'nexgate_limits_reached_total{{limit="{limit}"}}'] = 1
        assert grown == expected, raw[:60]
    gateway.search()
    gateway.search()
    with gateway.connect() as connection:
        connection.request("/healthz")
        connection.request("/nowhere")
    assert gateway.outcomes() == {"malformed": len(cases), "miss": 1, "hit": 1, "health": 1, "unauthorized": 1}


def let_in(gateway):
    with gateway.connect() as connection:
        try:
            return connection.request("/healthz").status == 200
        except (Closed, ConnectionError):
            return False


@pytest.mark.parametrize("settings, limit", [({"limits.connections_per_address": 5}, "connections_per_address"),
                                             ({"limits.connections": 5}, "connections")], ids=["address", "total"])
def test_connections_have_a_limit(workshop, simulator, settings, limit):
    gateway = workshop.gateway(simulator, settings)
    limit = f'nexgate_limits_reached_total{{limit="{limit}"}}'
    connections = [gateway.connect() for _ in range(5)]
    for connection in connections:
        assert connection.request("/healthz").status == 200
    with gateway.connect() as extra:
        assert ended(extra)
    wait_until(lambda: gateway.metrics()[limit] == 1, "the refusal to be counted")
    connections.pop().close()
    wait_until(lambda: let_in(gateway), "room for another connection")
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
