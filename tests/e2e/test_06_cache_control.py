# SPDX-License-Identifier: MIT
"""A request's own Cache-Control is obeyed, and time decides what is fresh, stale and past use."""

import pytest

from gateway import SEARCH
from simulator import wait_until

TTL = 60
STRICT = {"cache.stale_while_revalidate": "0s", "cache.stale_if_error": "0s"}


@pytest.fixture
def strict(workshop, simulator):
    """A gateway that serves nothing past its ttl."""
    return workshop.gateway(simulator, STRICT)


def searches(simulator):
    return simulator.counters()["searches"]


def test_fresh_until_the_ttl_and_not_after(strict, simulator):
    strict.search()
    strict.move_time(TTL - 30)
    assert strict.search().cache_status()["hit"] is True
    strict.move_time(30)
    assert strict.search().cache_status()["fwd"] == "stale"
    assert strict.search().cache_status()["hit"] is True
    assert searches(simulator) == 2


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0", "NO-CACHE", "foo, no-cache", 'x="a,b",no-cache'])
def test_no_cache_fetches_anew(gateway, simulator, directive):
    before = gateway.search("size=5")
    simulator.records(count=500)
    answer = gateway.search("size=5", cache_control=directive)
    assert answer.cache_status() == {"fwd": "request", "fwd-status": 200, "stored": True}
    assert answer.body != before.body and answer.fields["Age"] == "0"
    assert gateway.search("size=5").body == answer.body
    assert searches(simulator) == 2


def test_pragma_no_cache_is_for_old_clients(gateway, simulator):
    gateway.search()
    assert gateway.search(pragma="no-cache").cache_status()["fwd"] == "request"
    assert gateway.search(pragma="no-cache", cache_control="max-stale").cache_status()["hit"] is True
    assert searches(simulator) == 2


def test_no_cache_refetches_both_windows_of_a_page(gateway, simulator):
    gateway.search("size=150&page=2")
    assert searches(simulator) == 2
    assert gateway.search("size=150&page=2", cache_control="no-cache").cache_status()["fwd"] == "request"
    assert searches(simulator) == 4


def test_max_age(gateway, simulator):
    gateway.search()
    gateway.move_time(20)
    assert gateway.search(cache_control="max-age=40").cache_status()["hit"] is True
    assert gateway.search(cache_control="max-age=10").cache_status() == {"fwd": "request", "fwd-status": 200, "stored": True}
    assert gateway.search(cache_control="max-age=10").cache_status()["hit"] is True
    assert searches(simulator) == 2


def test_min_fresh(gateway, simulator):
    gateway.search()
    gateway.move_time(20)
    assert gateway.search(cache_control="min-fresh=10").cache_status()["hit"] is True
    assert gateway.search(cache_control="min-fresh=55").cache_status()["fwd"] == "request"
    assert gateway.search(cache_control="min-fresh=55").cache_status()["hit"] is True
    assert searches(simulator) == 2


def test_max_stale(strict, simulator):
    strict.search()
    strict.move_time(TTL + 20)
    answer = strict.search(cache_control="max-stale=100")
    assert answer.cache_status()["hit"] is True and answer.cache_status()["ttl"] < -15
    assert answer.fields["Cache-Control"] == "private, max-age=0" and int(answer.fields["Age"]) >= TTL + 20
    assert strict.search(cache_control="max-stale").cache_status()["hit"] is True
    assert strict.search(cache_control="max-stale=5").cache_status()["fwd"] == "stale"
    assert searches(simulator) == 2


def test_only_if_cached(strict, simulator):
    assert strict.search(cache_control="only-if-cached").status == 504
    strict.search(cache_control="only-if-cached").problem()
    strict.search()
    assert strict.search(cache_control="only-if-cached").cache_status()["hit"] is True
    assert strict.search(cache_control="only-if-cached, max-age=0").status == 504
    strict.move_time(TTL + 1)
    assert strict.search(cache_control="only-if-cached").status == 504
    assert strict.search(cache_control="only-if-cached, max-stale=100").status == 200
    assert searches(simulator) == 1


def test_no_store(gateway, simulator):
    assert gateway.search(cache_control="no-store").cache_status() == {"fwd": "uri-miss", "fwd-status": 200}
    assert gateway.search(cache_control="no-store").cache_status() == {"fwd": "uri-miss", "fwd-status": 200}
    assert gateway.search().cache_status() == {"fwd": "uri-miss", "fwd-status": 200, "stored": True}
    assert searches(simulator) == 3


@pytest.mark.parametrize("directive, hit", [
    ("max-age=x", False), ("max-age=-1", False), ("min-fresh=x", False), ("max-age=99999999999999999999", True), ("max-age", False),
    ("nonsense=1, other", True), ("max-stale=x", True), ("", True), (",,", True),
])
def test_a_bad_number_is_taken_on_the_strict_side(gateway, directive, hit):
    gateway.search()
    gateway.move_time(5)
    assert ("hit" in gateway.search(cache_control=directive).cache_status()) is hit


def test_no_cache_joins_only_a_flight_that_began_later(gateway, simulator):
    simulator.fault(hold="after")
    with gateway.connect() as early, gateway.connect() as late, gateway.connect() as third:
        early.send(early.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
        simulator.records(count=500)
        late.send(late.message(SEARCH, fields=gateway.fields(cache_control="no-cache")))
        simulator.wait_held(2)
        third.send(third.message(SEARCH, fields=gateway.fields()))
        gateway.wait_read([third])
        simulator.release()
        totals = [connection.answer().json()["TotalItems"] for connection in (early, late, third)]
    assert totals[:2] == [1000, 500] and totals[2] in (500, 1000)
    assert gateway.search().json()["TotalItems"] == 500
    assert searches(simulator) == 2


# Stale, where nobody asked for it but nobody forbade it

def test_stale_while_revalidate(gateway, simulator):
    first = gateway.search("size=5")
    simulator.records(count=500)
    simulator.fault(hold="before")
    gateway.move_time(TTL + 7)
    for _ in range(5):
        answer = gateway.search("size=5")
        assert answer.body == first.body and answer.fields["Cache-Control"] == "private, max-age=0"
        status = answer.cache_status()
        assert status["hit"] is True and -TTL < status["ttl"] <= -7 and status["detail"] == "revalidating"
        assert int(answer.fields["Age"]) >= TTL + 7
    simulator.wait_held(1)
    simulator.release()
    wait_until(lambda: gateway.search("size=5").cache_status().get("ttl", 0) > 0, "the refreshed window")
    assert gateway.search("size=5").json()["TotalItems"] == 500
    assert searches(simulator) == 2


def test_no_cache_never_falls_back_to_stale(gateway, simulator):
    gateway.search()
    simulator.fault(status=500)
    assert gateway.search(cache_control="no-cache").status == 503
    assert gateway.search(cache_control="max-age=0").status == 503
    gateway.move_time(TTL + 1)
    assert gateway.search(cache_control="no-cache").status == 503
    simulator.faults()
    assert gateway.search(cache_control="no-cache").status == 200
