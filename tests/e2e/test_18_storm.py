# SPDX-License-Identifier: MIT
"""Many at once, and a Nexudus that throttles, slows down or dies."""

import os
import pathlib
import resource

import pytest

from gateway import SEARCH
from http_client import all_at_once
from simulator import wait_until

CALLS_MAX = 512  # under way at once, whatever the budget (upstream/route.c)
CLIENTS = 1000
BUSY = 60


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


def resident_megabytes(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_three_hundred_misses_at_once_wait_for_a_real_throttle(workshop):
    """What jitter of this machine gets past the budget is throttled, waits and is answered all the same. How few that are is shown on a
    frozen clock (tests/flow/test_fetcher.c)."""
    simulator = workshop.simulator(records=10, throttle="10/100ms")
    gateway = workshop.gateway(simulator, {"nexudus.budget": "10/100ms", "nexudus.max_wait": "60s"})
    answers = all_at_once(300, lambda number: gateway.search(f"WebHook_ErrorCount={number}"))
    assert [answer.status for answer in answers] == [200] * 300
    counters = simulator.counters()
    assert counters["calls"]["search"]["200"] == 300
    assert counters["searches"] == 300 + counters["calls"]["search"].get("409", 0)
    metrics = gateway.metrics()
    assert metrics["nexgate_upstream_searches_total"] == counters["searches"]


def test_connections_are_kept_however_many_are_busy(workshop):
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator)
    assert gateway.search("dir=1").status == 200
    before = simulator.counters()["connections"]
    for turn in range(3):
        simulator.fault(hold="before")
        held = []
        for number in range(BUSY):
            connection = gateway.connect()
            connection.send(connection.message(f"{SEARCH}?WebHook_ErrorCount={turn * BUSY + number}", fields=gateway.fields()))
            held.append(connection)
        simulator.wait_held(BUSY)
        simulator.release()
        simulator.faults()
        for connection in held:
            assert connection.answer().status == 200
            connection.close()
    assert simulator.counters()["connections"] <= before + BUSY


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 8 * CLIENTS, f"the limit of open files is {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 8 * CLIENTS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_clients_of_a_nexudus_that_slows_down_and_dies(workshop, many_descriptors):
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator, {
        "limits.connections_per_address": 2 * CLIENTS, "nexudus.queue": CLIENTS, "nexudus.timeout": "60s", "nexudus.max_wait": "60s"})
    assert gateway.search("dir=1").status == 200
    memory = resident_megabytes(gateway)
    simulator.fault(hold="before")
    clients = [gateway.connect() for _ in range(CLIENTS)]
    for number, connection in enumerate(clients):
        connection.send(connection.message(f"{SEARCH}?WebHook_ErrorCount={number}", fields=gateway.fields()))
    simulator.wait_held(CALLS_MAX)
    wait_until(lambda: gateway.metrics()["nexgate_flights"] == CLIENTS, "all searches to be under way or in the queue")
    assert simulator.held() == CALLS_MAX
    assert descriptors(gateway) <= CLIENTS + CALLS_MAX + 100

    gateway.move_time(5)  # it answers, late
    simulator.release(300)
    wait_until(lambda: simulator.counters()["calls"]["search"].get("200", 0) == 1 + 300, "300 answers")
    wait_until(lambda: simulator.held() == CALLS_MAX, "the next in line")
    assert descriptors(gateway) <= CLIENTS + CALLS_MAX + 100
    assert resident_megabytes(gateway) - memory < 500

    simulator.listen(False)  # it dies
    waited, statuses = 5, []
    for connection in clients:
        while not connection.readable(0.02):
            if waited < 180:  # max_wait, and twice the timeout
                gateway.move_time(5)
                waited += 5
        answer = connection.answer()
        assert answer.status == 200 or answer.problem()["detail"]
        assert ("Retry-After" in answer.fields) == (answer.status == 503)
        statuses.append(answer.status)
        connection.close()
    assert statuses.count(200) == 300
    assert set(statuses) <= {200, 503, 504}
    metrics = gateway.metrics()
    assert metrics["nexgate_flights"] == metrics["nexgate_upstream_queue"] == 0
    assert resident_megabytes(gateway) - memory < 500

    simulator.faults()
    simulator.listen(True)
    gateway.move_time(120)
    assert gateway.search("dir=1", cache_control="no-cache").status == 200
    wait_until(lambda: descriptors(gateway) <= 100, "the descriptors to be given back")
