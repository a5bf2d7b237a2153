# SPDX-License-Identifier: MIT
"""What a client may ask, to the request. Rates here are so slow that the seconds a test takes buy nothing."""

import re
import time

import pytest

from gateway import SEARCH
from http_client import all_at_once
from simulator import wait_until

HOUR = 3600


def left(answer):
    """{"rate": r, "misses": r}."""
    return {name: int(count) for name, count in re.findall(r'"(\w+)";r=(\d+)', answer.fields["RateLimit"])}


def refusals(answer):
    """The policies that a 429 names, after a check of the rest of it."""
    assert answer.status == 429, answer
    assert int(answer.fields["Retry-After"]) >= 1
    assert "RateLimit" in answer.fields or "RateLimit-Policy" not in answer.fields
    return answer.problem()["violated-policies"]


def statuses(gateway, count, query="", client="alpha"):
    targets = [f"{SEARCH}?{query}"] * count
    with gateway.connect() as connection:
        return [answer.status for answer in connection.pipeline(targets, gateway.fields(client))]


def admitted(gateway, count, **how):
    found = statuses(gateway, count, **how)
    assert set(found) <= {200, 429}
    return found.count(200)


@pytest.fixture
def at_midnight(simulator):
    """Moves a gateway to the first minute of a UTC day, so that no day ends in the middle of a test."""
    return lambda gateway: gateway.move_time(86_400 - time.time() % 86_400 + 30)


def test_a_bucket_holds_its_burst_and_refills_at_its_rate(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"rate": "10/h", "burst": 20}})
    assert admitted(gateway, 100) == 20
    for _ in range(5):
        gateway.move_time(HOUR / 10)
        assert admitted(gateway, 30) == 1
    gateway.move_time(HOUR)
    assert admitted(gateway, 100) == 10
    gateway.move_time(100 * HOUR)
    assert admitted(gateway, 100) == 20


def test_the_default_burst_is_one_second_of_the_rate(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"rate": "10/h"}, "beta": {"rate": "60000/m"}})
    assert admitted(gateway, 10) == 1
    assert gateway.search(client="beta").fields["RateLimit-Policy"] == '"rate";q=1000;w=1'


def test_a_refused_call_says_when_and_costs_nothing(workshop, simulator):
    gateway = workshop.gateway(simulator, {"cache.ttl": "24h"}, {"alpha": {"rate": "1/h", "burst": 2}})
    assert admitted(gateway, 2) == 2
    for _ in range(50):
        answer = gateway.search()
        assert refusals(answer) == ["rate"]
        assert left(answer) == {"rate": 0}
        assert HOUR - 600 < int(answer.fields["Retry-After"]) <= HOUR
    gateway.move_time(int(answer.fields["Retry-After"]))
    assert admitted(gateway, 10) == 1
    assert simulator.counters()["searches"] == 1


def test_what_is_no_valid_search_costs_nothing(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"rate": "1/h", "burst": 5, "businesses": "101, 102"}})
    valid = "WebHook_Business=101"
    assert left(gateway.search(valid)) == {"rate": 4}
    for query, method, status in (("size=0", "GET", 400), ("WebHook_Business=7", "GET", 403), (valid, "POST", 405)):
        answer = gateway.search(query, method=method)
        assert answer.status == status and left(answer) == {"rate": 4}
    with gateway.connect() as connection:
        assert left(connection.request("/nothing", fields=gateway.fields())) == {"rate": 4}
    assert left(gateway.search(valid)) == {"rate": 3}


def test_clients_do_not_share(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"rate": "1/h", "burst": 3}, "beta": {"rate": "1/h", "burst": 4}, "gamma": {}})
    assert admitted(gateway, 10, client="alpha") == 3
    assert admitted(gateway, 10, client="beta") == 4
    assert admitted(gateway, 100, client="gamma") == 100


@pytest.mark.concurrency
def test_the_limit_holds_when_all_ask_at_once(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"rate": "1/h", "burst": 100}})
    gateway.search(client="beta")
    assert sum(all_at_once(30, lambda _: admitted(gateway, 20))) == 100


# Misses

def test_misses_are_counted_per_utc_day(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "3/day", "rate": "1/h", "burst": 100}})
    at_midnight(gateway)
    for number in range(3):
        assert gateway.search(f"WebHook_ErrorCount={number}").status == 200
    assert left(gateway.search("WebHook_ErrorCount=0"))["misses"] == 0  # a hit is still served
    before = left(gateway.search("WebHook_ErrorCount=0"))
    refused = gateway.search("WebHook_ErrorCount=3")
    assert refusals(refused) == ["misses"]
    assert left(refused) == before  # its rate token is back
    assert 86_400 - 900 < int(refused.fields["Retry-After"]) <= 86_400
    assert simulator.counters()["searches"] == 3
    gateway.move_time(int(refused.fields["Retry-After"]))
    answer = gateway.search("WebHook_ErrorCount=3")
    assert answer.status == 200 and left(answer)["misses"] == 2


def test_a_page_of_two_windows_costs_two_misses(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "3/day", "rate": "1/h", "burst": 9}})
    at_midnight(gateway)
    assert left(gateway.search("size=150&page=2")) == {"misses": 1, "rate": 8}
    refused = gateway.search("size=150&page=6")  # one window could be paid for, the page could not
    assert refusals(refused) == ["misses"] and left(refused)["rate"] == 8
    assert gateway.search("size=150&page=2").cache_status()["hit"] is True


def test_who_waits_for_anothers_fetch_pays_nothing(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "10/day"}, "beta": {"misses": "1/day"}})
    at_midnight(gateway)
    simulator.fault(hold="before")
    with gateway.connect() as first, gateway.connect() as second:
        first.send(first.message(SEARCH, fields=gateway.fields("alpha")))
        simulator.wait_held(1)
        second.send(second.message(SEARCH, fields=gateway.fields("beta")))
        gateway.wait_read([second])
        simulator.release()
        assert left(first.answer()) == {"misses": 9}
        answer = second.answer()
    assert answer.cache_status()["collapsed"] is True and left(answer) == {"misses": 1}


def test_a_search_that_brought_nothing_is_refunded(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "2/day"}})
    at_midnight(gateway)
    for fault in ({"status": 500}, {"html": 200}, {"status": 403}, {"status": 400}, {"truncate": 50}):
        simulator.fault(**fault)
        answer = gateway.search_as_time_moves("size=5")
        assert answer.status >= 400 and left(answer) == {"misses": 2}, (fault, answer)
        gateway.move_time(30)
    simulator.faults()
    assert left(gateway.search_as_time_moves("size=5")) == {"misses": 1}


def test_stale_answers_and_their_refreshes_are_free(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "1/day"}})
    at_midnight(gateway)
    assert left(gateway.search()) == {"misses": 0}
    gateway.move_time(100)
    assert gateway.search().status == 200
    wait_until(lambda: simulator.counters()["searches"] == 2, "the refresh")
    assert left(gateway.search()) == {"misses": 0}


@pytest.mark.concurrency
def test_misses_hold_when_all_ask_at_once(workshop, simulator, at_midnight):
    gateway = workshop.gateway(simulator, clients={"alpha": {"misses": "25/day"}})
    at_midnight(gateway)
    found = all_at_once(100, lambda number: gateway.search(f"WebHook_ErrorCount={number}").status)
    assert sorted(set(found)) == [200, 429] and found.count(200) == 25
    assert simulator.counters()["searches"] == 25


# Requests in progress

def test_concurrency_counts_requests_in_progress(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"concurrency": 2, "rate": "1/h", "burst": 100}})
    simulator.fault(hold="before")
    with gateway.connect() as first, gateway.connect() as second, gateway.connect() as third:
        for number, connection in enumerate((first, second)):
            connection.send(connection.message(f"{SEARCH}?WebHook_ErrorCount={number}", fields=gateway.fields()))
        simulator.wait_held(2)
        for _ in range(3):
            answer = third.request(SEARCH, fields=gateway.fields())
            assert refusals(answer) == ["concurrency"] and left(answer) == {"rate": 98}
        assert third.request(SEARCH, fields=gateway.fields("beta", cache_control="only-if-cached")).status == 504
        simulator.release()
        assert first.answer().status == second.answer().status == 200
        assert third.request(SEARCH, fields=gateway.fields()).status == 200


def test_a_client_that_leaves_gives_its_place_back(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"alpha": {"concurrency": 1}})
    simulator.fault(hold="before")
    with gateway.connect() as leaver:
        leaver.send(leaver.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
    simulator.release()
    wait_until(lambda: gateway.search().status == 200, "the place of the client that left")


# A dry run

def test_a_dry_run_refuses_nobody_and_counts(workshop, simulator, at_midnight):
    strict = {"rate": "1/h", "burst": 2, "misses": "1/day", "dry_run": "yes"}
    gateway = workshop.gateway(simulator, clients={"alpha": strict})
    at_midnight(gateway)
    for number in range(6):
        assert gateway.search(f"WebHook_ErrorCount={number % 3}").status == 200
    assert gateway.metrics()["nexgate_quota_dry_run_total"] >= 4
    assert simulator.counters()["searches"] == 3
    wait_until(lambda: any('client=alpha' in line and 'dry run' in line for line in gateway.log), "the log to tell of the dry run")
