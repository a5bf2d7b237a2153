# SPDX-License-Identifier: MIT
"""SIGTERM: what was begun is finished, nothing new is begun, and the exit code is 0 (gateway.close checks that every time)."""

import signal
import socket

import pytest

from gateway import SEARCH
from http_client import Closed
from simulator import wait_until


def refuses_connections(gateway):
    try:
        gateway.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_request_under_way_is_answered(gateway, simulator):
    simulator.fault(hold="before")
    with gateway.connect() as busy, gateway.connect() as idle:
        assert idle.request("/healthz").status == 200
        busy.send(busy.message(SEARCH + "?size=5", fields=gateway.fields()))
        simulator.wait_held(1)
        gateway.terminate()
        wait_until(lambda: gateway.logged("draining"), "the gateway to drain")
        assert idle.closed()
        wait_until(lambda: refuses_connections(gateway), "the listener to close")
        assert gateway.process.poll() is None
        simulator.release()
        answer = busy.answer()
        assert answer.status == 200 and len(answer.json()["Records"]) == 5
        assert answer.fields["Connection"] == "close"
        assert busy.closed()
    assert gateway.process.wait(60) == 0


def test_readyz_says_503_while_it_drains(gateway, simulator):
    simulator.fault(hold="before")
    with gateway.connect() as busy, gateway.connect_admin() as admin:
        busy.send(busy.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
        assert admin.request("/readyz").status == 200
        gateway.terminate()
        wait_until(lambda: admin.request("/readyz").status == 503, "/readyz to say so")
        assert admin.request("/readyz").json()["reasons"]
        assert admin.request("/healthz").status == 200
        simulator.release()
        assert busy.answer().status == 200


def test_pipelined_requests_are_answered_in_order_or_not_at_all(gateway, simulator):
    simulator.fault(hold="before", count=1)
    with gateway.connect() as connection:
        messages = [connection.message(f"{SEARCH}?size={size}", fields=gateway.fields()) for size in (3, 4, 5)]
        connection.send(b"".join(messages))
        simulator.wait_held(1)
        gateway.terminate()
        wait_until(lambda: gateway.logged("draining"), "the gateway to drain")
        simulator.release()
        sizes = []
        try:
            for _ in messages:
                answer = connection.answer()
                sizes.append(answer.json()["PageSize"] if answer.status == 200 else answer.status)
        except Closed:
            pass
        assert sizes in ([3], [3, 4], [3, 4, 5], [3, 503], [3, 503, 503], [3, 4, 503])


def test_the_drain_has_an_end(workshop, simulator):
    gateway = workshop.gateway(simulator, {"server.drain_timeout": "20s", "nexudus.timeout": "5m"})
    simulator.fault(hold="before")
    with gateway.connect() as busy:
        busy.send(busy.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
        gateway.terminate()
        wait_until(lambda: gateway.logged("draining"), "the gateway to drain")
        gateway.move_time(10)
        assert not busy.readable(0.1)
        gateway.move_time(11)
        try:
            assert busy.answer().status == 503
        except Closed:
            pass
        assert gateway.process.wait(60) == 0


def test_a_second_signal_ends_it_at_once(gateway, simulator):
    simulator.fault(hold="before")
    with gateway.connect() as busy:
        busy.send(busy.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
        gateway.terminate()
        wait_until(lambda: gateway.logged("draining"), "the gateway to drain")
        gateway.terminate()
        assert gateway.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_with_nothing_to_do_it_ends_at_once(gateway, number):
    gateway.process.send_signal(number)
    assert gateway.process.wait(60) == 0


@pytest.mark.concurrency
def test_a_drain_in_a_crowd_answers_everybody(gateway, simulator):
    simulator.fault(hold="before")
    connections = [gateway.connect() for _ in range(200)]
    for number, connection in enumerate(connections):
        connection.send(connection.message(f"{SEARCH}?WebHook_ErrorCount={number % 10}", fields=gateway.fields()))
    simulator.wait_held(10)
    gateway.wait_read(connections)
    gateway.terminate()
    wait_until(lambda: gateway.logged("draining"), "the gateway to drain")
    simulator.release()
    assert {connection.answer().status for connection in connections} == {200}
    for connection in connections:
        connection.close()


def test_a_unix_socket_serves_and_goes(workshop, simulator, tmp_path):
    path = tmp_path / "nexgate.sock"
    gateway = workshop.gateway(simulator, {"server.listen": f"127.0.0.1:0, unix:{path}"})
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while more := sock.recv(4096):
            received += more
    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_search_that_would_ask_again_after_the_end(workshop):
    """A page of two windows waits for its first one when drain_timeout passes; told that all is over, it must not ask for the second."""
    simulator = workshop.simulator(records=390)
    gateway = workshop.gateway(simulator, {"cache.ttl": "1s", "cache.stale_while_revalidate": "0s", "server.drain_timeout": "100ms", "server.workers": "1"})
    assert gateway.search("size=200&page=1").status == 200
    gateway.move_time(5)
    simulator.fault(hold="before")
    with gateway.connect() as busy:
        busy.send(busy.message(SEARCH + "?size=150&page=2", fields=gateway.fields()))
        simulator.wait_held(1)
        gateway.terminate()
        assert gateway.process.wait(60) == 0
    simulator.release()
