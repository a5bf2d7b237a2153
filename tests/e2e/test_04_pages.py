# SPDX-License-Identifier: MIT
"""Pages cut from windows equal the pages of Nexudus itself, whatever the size, and cost far fewer calls."""

import pytest

from envelopes import Envelope
from gateway import SEARCH

SIZES = (1, 7, 25, 30, 199, 200, 201, 999, 1000)
COUNTS = (0, 1, 24, 25, 26, 200, 201, 1000, 2345)


def targets(count, size, extra=""):
    """Every page, one past the end, and one far past it."""
    pages = -(-count // size)
    return [f"{SEARCH}?size={size}&page={page}{extra}" for page in (*range(1, pages + 2), pages + 1000)]


def compare(gateway, simulator, wanted):
    with gateway.connect() as connection:
        ours = connection.pipeline(wanted, gateway.fields())
        for target, our, their in zip(wanted, ours, simulator.direct(wanted), strict=True):
            assert our.status == their.status == 200, (target, our.body)
            our, their = Envelope(our.body), Envelope(their.body)
            assert our.records == their.records, target
            assert dict(our.others()) == dict(their.others()), target


@pytest.mark.parametrize("count", COUNTS)
def test_every_page_of_every_size_equals_nexudus(workshop, count):
    simulator = workshop.simulator(records=count)
    gateway = workshop.gateway(simulator, {"cache.ttl": "24h", "limits.idle_timeout": "10m"})
    for size in SIZES:
        compare(gateway, simulator, targets(count, size))
    # Windows of 200 and of 1000 records, and for each size what lies past the end.
    assert gateway.metrics()["nexgate_upstream_searches_total"] <= -(-count // 200) + -(-count // 1000) + 4 * len(SIZES)


@pytest.mark.parametrize("extra", ["", "&WebHook_Active=true&orderBy=Name&dir=1", "&WebHook_Business=102&orderBy=LastTrigger"])
def test_unknown_members_come_through(workshop, extra):
    simulator = workshop.simulator(records=450, extra_members=True)
    gateway = workshop.gateway(simulator)
    for size in (25, 150, 300):
        compare(gateway, simulator, targets(450, size, extra))
    ours = Envelope(gateway.search("size=150&page=2" + extra).body)
    names = [name for name, _ in ours.members]
    assert "Summäry" in names and "Links" in names and "Last" in names


@pytest.mark.parametrize("window", [1, 10, 1000])
def test_windows_of_other_sizes(workshop, window):
    simulator = workshop.simulator(records=57)
    gateway = workshop.gateway(simulator, {"cache.window": window})
    for size in (1, 2, 9, 10, 11, 25, 1000) if window > 1 else (1, 2):
        compare(gateway, simulator, targets(57, size))


@pytest.mark.parametrize("size, calls", [(25, 5), (1, 5), (7, 5), (200, 5), (100, 5), (1000, 1)])
def test_a_walk_costs_one_call_a_window(workshop, size, calls):
    simulator = workshop.simulator(records=1000)
    gateway = workshop.gateway(simulator)
    walked = []
    with gateway.connect() as connection:
        page, more = 1, True
        while more:
            envelope = Envelope(connection.request(f"{SEARCH}?size={size}&page={page}", fields=gateway.fields()).body)
            walked += envelope.ids()
            page, more = page + 1, envelope.member("HasNextPage")
    assert len(walked) == len(set(walked)) == 1000
    counters = simulator.counters()
    assert counters["searches"] == calls and counters["logins"] == 1


@pytest.mark.parametrize("add, remove", [(7, 3), (5, 5), (3, 6)])
def test_a_page_never_holds_a_record_twice_while_records_come_and_go(workshop, add, remove):
    simulator = workshop.simulator(records=1000)
    gateway = workshop.gateway(simulator)
    simulator.records(churn={"add": add, "remove": remove})
    checked = 0
    with gateway.connect() as connection:
        for walk in range(6):
            for size in (30, 70, 150, 199, 201):
                for page in range(1, -(-1000 // size) + 1):
                    # Every fourth request refetches, so that windows of different times meet on a page.
                    fresh = {"cache_control": "no-cache"} if (page + walk) % 4 == 0 else {}
                    answer = connection.request(f"{SEARCH}?size={size}&page={page}", fields=gateway.fields(**fresh))
                    assert answer.status == 200, answer.body
                    envelope = Envelope(answer.body)
                    ids = envelope.ids()
                    assert len(ids) == len(set(ids)), (size, page)
                    total = envelope.member("TotalItems")
                    assert envelope.member("TotalPages") == -(-total // size)
                    assert len(ids) == max(0, min(size, total - (page - 1) * size)), (size, page)
                    checked += 1
            gateway.move_time(20)
    assert checked > 300
    assert gateway.outcomes()["hit"] > 50


def test_a_page_of_two_windows_is_a_hit_only_if_both_are(gateway, simulator):
    assert gateway.search("size=150&page=1").cache_status()["fwd"] == "uri-miss"
    assert gateway.search("size=150&page=2").cache_status()["fwd"] == "uri-miss"
    assert gateway.search("size=150&page=2").cache_status()["hit"] is True
    assert gateway.search("size=150&page=1").cache_status()["hit"] is True
    assert simulator.counters()["searches"] == 2


def test_two_windows_that_disagree_are_not_put_on_one_page(gateway, simulator):
    gateway.search("size=150&page=1")
    simulator.records(add=3)
    answer = gateway.search("size=150&page=2")
    theirs = Envelope(next(simulator.direct([SEARCH + "?size=150&page=2"])).body)
    assert Envelope(answer.body).records == theirs.records
    assert dict(Envelope(answer.body).others()) == dict(theirs.others())
    assert simulator.counters()["calls"]["search"]["200"] == 1 + 2 + 1  # first window, the second, the first again; and ours


@pytest.mark.parametrize("cap, count, sizes", [(50, 170, (7, 25, 50)), (100, 450, (25, 60, 100)), (1, 5, (1,))])
def test_a_cap_of_nexudus_is_learnt(workshop, cap, count, sizes):
    simulator = workshop.simulator(records=count, size_cap=cap)
    gateway = workshop.gateway(simulator)
    for size in sizes:
        compare(gateway, simulator, targets(count, size))
    calls = simulator.counters()["searches"]
    for size in (cap + 1, 200, 1000):  # answered as the cap, as Nexudus would
        compare(gateway, simulator, [f"{SEARCH}?size={size}&page={page}" for page in (1, 2, 3)])
    assert simulator.counters()["searches"] - calls == 9  # our own direct calls alone


def test_a_cap_that_nobody_feels_changes_nothing(workshop):
    simulator = workshop.simulator(records=20, size_cap=50)
    gateway = workshop.gateway(simulator)
    for size in (7, 20, 50):
        compare(gateway, simulator, targets(20, size))


def test_far_pages_do_not_overflow(gateway, simulator):
    for page, size in ((2147483647, 1), (2147483647, 1000), (2147483647, 25)):
        compare(gateway, simulator, [f"{SEARCH}?page={page}&size={size}"])
    assert gateway.search("page=2147483648").status == 400
