# SPDX-License-Identifier: MIT
"""One quota for a fleet, with a real redis-server. Its clock cannot be moved, so limits are held against the time that it tells
itself; where a test wants no time to count, rates are so slow that the seconds it takes buy nothing."""

import collections
import threading

import pytest

from gateway import SEARCH
from http_client import Closed
from simulator import DEADLINE, wait_until

PATIENT = {"redis.timeout": "10s"}  # on a loaded machine too, nobody is left alone


@pytest.fixture
def redis(workshop):
    return workshop.redis()


@pytest.fixture
def fleet(workshop, simulator, redis):
    """fleet(4, rate="10/s"): instances whose client alpha has this quota; more can be started later."""
    def make(count, settings=None, **quota):
        settings = {"redis.url": redis.url} | PATIENT | (settings or {})
        return [workshop.gateway(simulator, settings, {"alpha": quota}) for _ in range(count)]
    return make


def clock(redis):
    seconds, us = redis("TIME")
    return int(seconds) * 1_000_000 + int(us)


def calls(redis):
    """Scripts run so far; nothing else here runs any but those that count quota."""
    return sum(redis.commandstats().get(name, 0) for name in ("evalsha", "eval"))


def ask(gateway, count, query=""):
    """{status: how often}"""
    found = collections.Counter()
    with gateway.connect() as connection:
        for answer in connection.pipeline([f"{SEARCH}?{query}"] * count, gateway.fields()):
            found[answer.status] += 1
    return found


class Flood:
    """Asks an instance in a thread of its own, until it is told to stop or the instance is gone."""

    def __init__(self, gateway):
        self.gateway, self.found, self._over = gateway, collections.Counter(), threading.Event()
        self._killed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._over.is_set():
                with self.gateway.connect() as connection:
                    for answer in connection.pipeline([SEARCH] * 20, self.gateway.fields()):
                        self.found[answer.status] += 1
        except (Closed, OSError):
            assert self._killed

    def kill(self):
        self._killed = True
        self.gateway.process.kill()
        self.gateway.process.wait(DEADLINE)
        self.gateway._log_ended.wait(DEADLINE)
        self.gateway.process = None

    def stop(self):
        self._over.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return self.found


def admitted(floods):
    return sum(flood.found[200] for flood in floods)


def test_a_burst_is_shared(fleet):
    gateways = fleet(3, rate="1/h", burst=60)
    for gateway in gateways:
        gateway.search(client="beta")  # now it is stored
    found = collections.Counter()
    for _ in range(3):
        for gateway in gateways:
            found += ask(gateway, 40)
    assert 50 <= found[200] <= 60, found  # what one holds unspent, another cannot have
    assert found[200] + found[429] == 360


def test_the_fields_tell_of_the_fleet(fleet):
    one, other = fleet(2, rate="1/h", burst=100)
    first = one.search()
    assert first.fields["RateLimit-Policy"] == '"rate";q=100;w=360000'
    assert first.fields["RateLimit"].startswith('"rate";r=99;t=')
    for _ in range(4):
        one.search()
    last = other.search()
    left = int(last.fields["RateLimit"].split("r=")[1].split(";")[0])
    assert 60 <= left <= 94, last  # not more than there is; what the other holds is not counted


@pytest.mark.concurrency
def test_a_flood_never_gets_more_than_the_limit(fleet, redis):
    gateways = fleet(4, rate="50/s", burst=50)
    for gateway in gateways:
        gateway.search(client="beta")
    before_calls, began = calls(redis), clock(redis)
    floods = [Flood(gateway) for gateway in gateways]
    wait_until(lambda: admitted(floods) >= 200, "some seconds' worth of requests")
    found = [flood.stop() for flood in floods]
    seconds = (clock(redis) - began) / 1_000_000
    assert sum(one[200] for one in found) <= 50 + 50 * seconds
    assert {status for one in found for status in one} <= {200, 429}
    assert calls(redis) - before_calls <= 4 * (20 * seconds + 4)
    assert all(gateway.metrics()["nexgate_quota_alone_total"] == 0 for gateway in gateways)


def test_killed_and_joining_instances_never_get_more_than_the_limit(fleet, redis):
    gateways = fleet(3, rate="50/s", burst=50)
    gateways[0].search(client="beta")
    began = clock(redis)
    floods = [Flood(gateway) for gateway in gateways]
    for victim in list(floods):
        goal = admitted(floods) + 40
        wait_until(lambda: admitted(floods) >= goal, "more to be let through")
        victim.kill()
        newcomer, = fleet(1, rate="50/s", burst=50)
        newcomer.search(client="beta")
        floods.append(Flood(newcomer))
    goal = admitted(floods) + 60
    wait_until(lambda: admitted(floods) >= goal, "the newcomers to be let through")
    found = [flood.stop() for flood in floods]
    seconds = (clock(redis) - began) / 1_000_000
    assert sum(one[200] for one in found) <= 50 + 50 * seconds


def test_a_client_under_its_limit_hardly_costs_a_call(fleet, redis):
    gateways = fleet(2, rate="100000/s", burst=100000)
    gateways[0].search(client="beta")
    before = calls(redis)
    for _ in range(20):
        for gateway in gateways:
            assert ask(gateway, 50) == {200: 50}
    assert (calls(redis) - before) * 50 <= 2000


def test_a_drain_gives_everything_back(fleet):
    one, other = fleet(2, rate="1/h", burst=40)
    assert one.search().status == 200
    one.terminate()
    one.process.wait(DEADLINE)
    assert ask(other, 60)[200] == 39


def test_searches_are_shared(fleet):
    gateways = fleet(3, misses="5/day")
    statuses = []
    for number in range(9):
        statuses.append(gateways[number % 3].search(f"WebHook_Name=n{number}").status)
    assert statuses.count(200) == 5 and statuses.count(429) == 4
    answers = [gateway.metrics()['nexgate_upstream_answers_total{result="ok"}'] for gateway in gateways]
    assert sum(answers) == 5  # the simulator has seen more: instances that do not share a login take it from each other
    for number, status in enumerate(statuses):
        if status == 200:  # what is stored is served by who has it
            assert gateways[number % 3].search(f"WebHook_Name=n{number}").status == 200


def test_searches_that_brought_nothing_are_given_back(fleet, simulator):
    gateways = fleet(2, misses="2/day")
    simulator.fault(status=400, count=6)
    for number in range(6):
        assert gateways[number % 2].search(f"WebHook_Name=n{number}").status == 400
    assert gateways[0].search("WebHook_Name=good").status == 200
    assert gateways[1].search("WebHook_Name=better").status == 200
    assert gateways[0].search("WebHook_Name=best").status == 429


@pytest.mark.parametrize("policy, expected", [("local", {200, 429}), ("allow", {200}), ("deny", {503})])
def test_without_redis_on_failure_decides(fleet, redis, policy, expected):
    gateway, = fleet(1, {"redis.on_failure": policy}, rate="1/h", burst=30)
    gateway.search(client="beta")
    redis.kill()
    found = ask(gateway, 60)
    assert set(found) == expected, found
    if policy == "local":
        assert found[200] == 30
    redis.restart()
    wait_until(lambda: gateway.search().status != 503 and gateway.metrics()["nexgate_quota_leases_total"] > 0,
               "the return of Redis to be noticed")


def test_what_was_spent_alone_is_paid_afterwards(fleet, redis):
    gateway, = fleet(1, rate="1/h", burst=30)
    gateway.search(client="beta")
    redis.kill()
    assert ask(gateway, 20) == {200: 20}
    redis.restart()
    wait_until(redis_counts(gateway), "the return of Redis to be noticed")
    assert ask(gateway, 60)[200] <= 10


def redis_counts(gateway):
    def counts():
        gateway.search()
        return gateway.metrics()["nexgate_quota_leases_total"] > 0
    return counts


def test_a_stopped_redis_holds_nobody_up(fleet, redis):
    gateway, = fleet(1, {"redis.timeout": "50ms"}, rate="1/h", burst=30)
    gateway.search(client="beta")
    redis.stop()
    found = ask(gateway, 40)
    assert set(found) <= {200, 429} and found[200] >= 1, found
    assert gateway.metrics()["nexgate_quota_calls_failed_total"] >= 1
    redis.go_on()
    wait_until(redis_counts(gateway), "the return of Redis to be noticed")


def test_counters_can_have_a_server_of_their_own(workshop, simulator, redis):
    counters = workshop.redis()
    gateway = workshop.gateway(simulator, {"redis.url": redis.url, "redis.quota_url": counters.url} | PATIENT,
                               {"alpha": {"rate": "1/h", "burst": 5}})
    gateway.search(client="beta")
    assert ask(gateway, 10)[200] == 5
    assert counters("KEYS", "*quota*") and not redis("KEYS", "*quota*")


def test_keys_expire_when_they_say_nothing(fleet, redis):
    gateway, = fleet(1, rate="100/s", burst=100, misses="5/day")
    assert gateway.search().status == 200
    keys = sorted(redis("KEYS", "*quota*"))
    assert keys == [b"nexgate:quota:{alpha}:misses", b"nexgate:quota:{alpha}:rate"]
    assert 0 < redis("PTTL", keys[0]) <= 86_400_000 + 61_000
    assert 0 < redis("PTTL", keys[1]) <= 60_000


def test_a_server_that_evicts_is_warned_of(workshop, simulator):
    redis = workshop.redis(options={"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"})
    gateway = workshop.gateway(simulator, {"redis.url": redis.url} | PATIENT)
    warning = "Redis may evict the counters of quotas when its memory is full; give them a server with noeviction"
    wait_until(lambda: gateway.logged(warning, maxmemory_policy="allkeys-lru"), "the warning")
    assert len(gateway.logged(warning)) == 1
