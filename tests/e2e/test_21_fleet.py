# SPDX-License-Identifier: MIT
"""Several gateways, one Redis, one Nexudus: one call for equal misses, one login, one budget, one pause, whoever dies."""

import contextlib
import signal

import pytest

from gateway import SEARCH
from secrecy import Search, made_up
from simulator import wait_until

MANY = 1000
PATIENT = {"nexudus.timeout": "300s", "nexudus.max_wait": "300s"}  # all must have asked before it is over


@pytest.fixture
def redis(workshop):
    return workshop.redis()


def fleet(workshop, simulator, redis, count, **more):
    """Gateways that share all; one client's key is good at each, since every one has its own."""
    key = made_up(64)
    settings = {"redis.url": redis.url, "redis.token_key": key, "redis.timeout": "5s", "server.workers": 1} | more
    gateways = [workshop.gateway(simulator, settings) for _ in range(count)]
    for gateway in gateways:
        wait_until(lambda: gateway.metrics()['nexgate_redis_connections{state="up"}'] == 2, "the worker's and the fetcher's redis")
    return gateways


def ask(stack, gateway, query=""):
    connection = stack.enter_context(gateway.connect())
    connection.send(connection.message(f"{SEARCH}?{query}", fields=gateway.fields()))
    return connection


def part(gateway, name):
    return gateway.metrics()[f'nexgate_fleet_flights_total{{part="{name}"}}']


def kill(gateway):
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    gateway._log_ended.wait()
    gateway.process = None  # whoever ends it finds it ended


def test_equal_misses_on_two_gateways_are_one_search_and_one_login(workshop, simulator, redis):
    gateways = fleet(workshop, simulator, redis, 2, **PATIENT)
    simulator.faults({"kind": "search", "action": {"hold": "before"}})
    with contextlib.ExitStack() as stack:
        asked = [ask(stack, gateways[number % 2]) for number in range(MANY)]
        simulator.wait_held(1)
        for gateway, half in zip(gateways, (asked[::2], asked[1::2])):
            gateway.wait_read(half)
        wait_until(lambda: sum(part(gateway, "followed") for gateway in gateways) == 1, "the other gateway to follow")
        simulator.release()
        answers = [connection.answer() for connection in asked]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1 and len({answer.fields["ETag"] for answer in answers}) == 1
    counters = simulator.counters()
    assert counters["searches"] == 1 and counters["logins"] == 1
    collapsed = [answer for answer in answers if answer.fields["Cache-Status"].endswith("; collapsed")]
    assert len(collapsed) == MANY - 1


def test_gateways_that_start_at_once_log_in_once(workshop, simulator, redis):
    gateways = fleet(workshop, simulator, redis, 6, **PATIENT)
    simulator.faults({"kind": "token", "action": {"hold": "before"}})
    with contextlib.ExitStack() as stack:
        asked = [ask(stack, gateway, f"WebHook_ErrorCount={number}") for number, gateway in enumerate(gateways)]
        simulator.wait_held(1)
        for gateway, connection in zip(gateways, asked):
            gateway.wait_read([connection])
        simulator.release()
        assert {connection.answer().status for connection in asked} == {200}
    counters = simulator.counters()
    assert (counters["logins"], counters["refreshes"], counters["token_failures"]) == (1, 0, 0)
    assert counters["unauthorized"] == 0


def test_a_leader_killed_in_its_call_is_followed_by_another(workshop, simulator, redis):
    first, second = fleet(workshop, simulator, redis, 2)
    assert second.search("dir=1").status == 200
    simulator.faults({"kind": "search", "action": {"hold": "before"}})
    with contextlib.ExitStack() as stack:
        ask(stack, first)
        simulator.wait_held(1)
        waiting = ask(stack, second)
        wait_until(lambda: part(second, "followed") == 1, "the other gateway to follow")
        kill(first)
        simulator.faults()
        assert waiting.answer().status == 200
    assert part(second, "taken_over") == 1


def test_a_holder_killed_in_its_login_is_followed_by_another(workshop, simulator, redis):
    first, second = fleet(workshop, simulator, redis, 2)
    simulator.faults({"kind": "token", "action": {"hold": "after"}})
    with contextlib.ExitStack() as stack:
        ask(stack, first, "WebHook_ErrorCount=1")
        simulator.wait_held(1)
        kill(first)
        simulator.faults()
        assert second.search("WebHook_ErrorCount=2").status == 200
    assert simulator.counters()["logins"] == 2


def test_a_login_in_redis_cannot_be_read(workshop, simulator, redis):
    first, second = fleet(workshop, simulator, redis, 2)
    assert first.search().status == 200 and second.search("dir=1").status == 200
    assert simulator.counters()["logins"] == 1
    dump = b""
    for name in redis("KEYS", "*"):
        kind = redis("TYPE", name)
        kind = kind.decode() if isinstance(kind, bytes) else kind
        read = {"string": ["GET", name], "hash": ["HGETALL", name], "zset": ["ZRANGE", name, "0", "-1"]}.get(kind)
        found = redis(*read) if read else b""
        dump += b"\n".join(item if isinstance(item, bytes) else str(item).encode() for item in
                           (found if isinstance(found, list) else [found]) if item is not None)
    assert b"generation" in dump  # it is there
    search = Search([simulator.password])
    search.witness("Redis")(dump)
    assert not search.found


def test_the_budget_is_one_for_all(workshop, simulator, redis):
    """The throttle of the simulator counts over all gateways; its interval leaves room for a slow machine."""
    simulator.config(throttle="20/8s")
    gateways = fleet(workshop, simulator, redis, 4, **{"nexudus.budget": "20/12s", "nexudus.max_wait": "60s"})
    with contextlib.ExitStack() as stack:
        asked = [ask(stack, gateways[number % 4], f"WebHook_ErrorCount={number}") for number in range(30)]
        assert {connection.answer().status for connection in asked} == {200}
    assert simulator.counters()["throttled"] == 0


def test_a_pause_is_for_all(workshop, simulator, redis):
    first, second = fleet(workshop, simulator, redis, 2, **{"nexudus.max_wait": "1s"})
    assert first.search("dir=1").status == 200
    assert second.search("WebHook_ErrorCount=7").status == 200
    simulator.fault(count=1, status=409, headers={"Retry-After": "9"})
    assert first.search("WebHook_ErrorCount=1").status == 503
    searches = simulator.counters()["searches"]
    wait_until(lambda: second.search("WebHook_ErrorCount=2").status == 503, "the other gateway to pause")
    assert simulator.counters()["searches"] == searches


def test_a_led_window_is_written_once(workshop, simulator, redis):
    """Who lands it stores it, and who leads waits for that one write to be there before the others are told."""
    one, other = fleet(workshop, simulator, redis, 2)
    before = redis.commandstats().get("getrange", 0)  # each write looks at what stands there, and nothing else does
    for number in range(5):
        assert one.search(f"WebHook_ErrorCount={number}").status == 200
    stored = 'nexgate_shared_stores_total{result="stored"}'
    wait_until(lambda: one.metrics()[stored] == 5, "the windows in Redis")
    assert other.search("WebHook_ErrorCount=4").fields["Cache-Status"].startswith("nexgate; hit")
    assert redis.commandstats()["getrange"] - before == 5
