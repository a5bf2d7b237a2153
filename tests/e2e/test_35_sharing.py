# SPDX-License-Identifier: MIT
"""Two gateways and one Redis: what one fetched is the other's hit; what one refreshed or purged, the other does not serve; and
whatever happens to Redis, no search fails for it."""

import json
import os
import random
import signal
import threading

import pytest

from simulator import wait_until

KEY = "nexgate:v1:webhooks:#200.0"
TRIALS = int(os.environ.get("PURGE_TRIALS", 150))


class Pair:
    """Gateways `a` and `b`, in step with each other."""

    def __init__(self, workshop, redis, settings=None, records=1000):
        self.workshop, self.redis = workshop, redis
        self.simulator = workshop.simulator(records=records)
        self.settings = {"redis.url": redis.url, "redis.timeout": "10s"} | (settings or {})
        self._made = 0
        self.a, self.b = self.gateway(), self.gateway()
        self.in_step(2)

    def gateway(self):
        """With a client_id of its own: these tests are not about the login."""
        self._made += 1
        return self.workshop.gateway(self.simulator, settings=self.settings | {"nexudus.client_id": f"gateway-{self._made}"})

    def in_step(self, gateways, *those):
        for gateway in those or (self.a, self.b):
            wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
        wait_until(lambda: int(self.redis("ZCARD", "nexgate:{gateways}:live")) == gateways, "the gateways to register")

    def stored(self, count):
        """Until so many windows were written to Redis by both together."""
        name = 'nexgate_shared_stores_total{result="stored"}'
        wait_until(lambda: self.a.metrics()[name] + self.b.metrics()[name] >= count, f"{count} windows in Redis")


@pytest.fixture
def redis(workshop):
    return workshop.redis()


@pytest.fixture
def pair(workshop, redis):
    return Pair(workshop, redis)


def status(gateway, query="", **fields):
    answer = gateway.search(query, **fields)
    assert answer.status == 200, answer.body
    return answer.fields["Cache-Status"]


def total(gateway, query="", **fields):
    answer = gateway.search(query, **fields)
    assert answer.status == 200, answer.body
    return answer.json()["TotalItems"]


def order(gateway, what="all=1"):
    answer = gateway.ask_admin("/purge?" + what, "POST")
    assert answer.status in (200, 202), answer.body
    return answer.status, json.loads(answer.body)


def purge(gateway, what="all=1"):
    """Until all have confirmed: on a loaded machine ten seconds can be too short."""
    said = []

    def confirmed():
        said.append(order(gateway, what))
        return said[-1][0] == 200

    wait_until(confirmed, "a purge that all confirm")
    assert said[-1][1]["silent"] == []
    return said[-1][1]


def name(gateway):
    return f"{os.uname().nodename}:{gateway.process.pid}"


def upstream_calls(gateway):
    return gateway.metrics()["nexgate_upstream_searches_total"]


def test_what_one_fetched_is_the_others_hit(pair):
    first = pair.a.search("size=10&page=2")
    pair.stored(1)
    second = pair.b.search("page=2&size=10")
    assert second.fields["Cache-Status"].startswith("nexgate; hit; ttl=")
    assert (second.body, second.fields["ETag"]) == (first.body, first.fields["ETag"])
    assert upstream_calls(pair.b) == 0
    assert pair.b.metrics()['nexgate_shared_lookups_total{result="hit"}'] == 1
    assert pair.redis("EXISTS", KEY) == 1
    assert pair.redis("PTTL", KEY) > 24 * 3600 * 1000
    pair.a.move_time(30)
    pair.b.move_time(30)
    third = pair.b.search("size=10&page=2")
    assert third.fields["Cache-Status"].startswith("nexgate; hit; ttl=") and int(third.fields["Age"]) >= 30
    assert pair.b.metrics()['nexgate_shared_lookups_total{result="hit"}'] == 1  # from memory


def test_a_third_that_comes_later_finds_it_too(pair):
    first = pair.a.search("")
    pair.stored(1)
    late = pair.gateway()
    pair.in_step(3, late)
    assert late.search("").body == first.body
    assert upstream_calls(late) == 0


def test_a_refresh_is_seen_by_the_other(pair):
    assert total(pair.a) == 1000
    pair.stored(1)
    assert total(pair.b) == 1000
    pair.simulator.records(add=1)
    assert total(pair.a, cache_control="no-cache") == 1001
    pair.stored(2)
    wait_until(lambda: pair.b.metrics()["nexgate_shared_invalidations_total"] == 2, "the word of it")
    answer = pair.b.search("")
    assert answer.json()["TotalItems"] == 1001 and "hit" in answer.fields["Cache-Status"]
    assert upstream_calls(pair.b) == 0


@pytest.mark.parametrize("what", ["all=1", "entity=webhooks", "query=size%3D5"])
def test_a_purge_reaches_both(pair, what):
    assert total(pair.a) == 1000
    pair.stored(1)
    assert total(pair.b) == 1000
    pair.simulator.records(add=1)
    said = purge(pair.a, what)
    assert said["told"] is True and sorted(said["confirmed"]) == sorted([name(pair.a), name(pair.b)])
    answer = pair.b.search("")
    assert answer.json()["TotalItems"] == 1001 and "fwd=uri-miss" in answer.fields["Cache-Status"]


def test_who_comes_after_a_purge_is_not_served_it_from_redis(pair):
    assert total(pair.a) == 1000
    pair.stored(1)
    pair.simulator.records(add=1)
    purge(pair.a)
    late = pair.gateway()
    pair.in_step(3, late)
    assert total(late) == 1001


def test_a_stopped_gateway_is_named(pair):
    pair.b.process.send_signal(signal.SIGSTOP)
    try:
        with pair.a.connect_admin() as connection:
            connection.send(connection.message("/purge?all=1", "POST"))
            while not connection.readable(0.05):
                pair.a.move_time(1)  # ten seconds of waiting
            answer = connection.answer()
    finally:
        pair.b.process.send_signal(signal.SIGCONT)
    assert answer.status == 202, answer.body
    said = json.loads(answer.body)
    assert said["silent"] == [name(pair.b)] and said["confirmed"] == [name(pair.a)]
    wait_until(lambda: sorted(purge(pair.a)["confirmed"]) == sorted([name(pair.a), name(pair.b)]), "both to confirm")


def test_a_purge_that_redis_refused_is_told_though_the_channel_stayed_up(pair):
    """A Redis that runs no script, and still tells what is published."""
    assert total(pair.a) == 1000
    pair.stored(1)
    assert total(pair.b) == 1000
    pair.redis("ACL", "SETUSER", "default", "-@scripting")
    with pair.a.connect_admin() as connection:
        connection.send(connection.message("/purge?all=1", "POST"))
        while not connection.readable(0.05):
            pair.a.move_time(1)  # two seconds of trying
        answer = connection.answer()
    assert answer.status == 202 and json.loads(answer.body)["told"] is False, answer.body
    pair.simulator.records(add=1)
    assert total(pair.b) == 1000
    pair.redis("ACL", "SETUSER", "default", "+@scripting")

    def is_told():
        pair.a.move_time(1)
        return total(pair.b) == 1001
    wait_until(is_told, "the kept purge to reach the other")
    for gateway in (pair.a, pair.b):
        assert gateway.metrics()["nexgate_redis_reconnects_total"] == 0


def test_a_full_redis_still_tells_who_is_there_and_what_is_purged(pair):
    """Register and log are small and bounded: they are not what a full Redis has to refuse."""
    assert total(pair.a) == 1000
    pair.stored(1)
    assert total(pair.b) == 1000
    pair.redis("CONFIG", "SET", "maxmemory", "1")
    pair.redis("DEL", "nexgate:{gateways}:live")

    def registered():
        pair.a.move_time(1)
        pair.b.move_time(1)
        return int(pair.redis("ZCARD", "nexgate:{gateways}:live")) == 2
    wait_until(registered, "both to register anew")
    pair.simulator.records(add=1)
    assert sorted(purge(pair.a)["confirmed"]) == sorted([name(pair.a), name(pair.b)])
    assert total(pair.b) == 1001


def test_who_ended_properly_is_not_waited_for(pair):
    pair.b.terminate()
    pair.b.process.wait()
    wait_until(lambda: int(pair.redis("ZCARD", "nexgate:{gateways}:live")) == 1, "its goodbye")
    assert purge(pair.a)["confirmed"] == [name(pair.a)]


@pytest.mark.concurrency
def test_never_the_purged_bytes(pair):
    """After the answer to POST /purge on one, the other never serves what was there before, under load: searches run all the time
    on both, so windows are being fetched, looked up, stored and told of whenever a purge comes."""
    done = threading.Event()
    failures = []

    def load(gateway, seed):
        choose = random.Random(seed)
        try:
            with gateway.connect() as connection:
                while not done.is_set():
                    fields = gateway.fields(**({"cache_control": "no-cache"} if choose.random() < 0.2 else {}))
                    query = choose.choice(["", "", "size=100&page=2", "WebHook_Active=true"])
                    answer = connection.request("/api/sys/webhooks?" + query, "GET", fields)
                    assert answer.status == 200, answer.body
        except BaseException as failure:  # handed to the test below
            failures.append(failure)

    threads = [threading.Thread(target=load, args=(gateway, seed)) for seed, gateway in enumerate([pair.a, pair.b] * 2)]
    for thread in threads:
        thread.start()
    try:
        expected = 1000
        for trial in range(TRIALS):
            pair.simulator.records(add=1)
            expected += 1
            ordering, other = (pair.a, pair.b) if trial % 2 else (pair.b, pair.a)
            purge(ordering, ["query=", "all=1", "entity=webhooks"][trial % 3])
            assert total(other) == expected, f"trial {trial}"
            assert total(ordering) == expected, f"trial {trial}"
            assert not failures, failures
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


def test_flipped_bits_are_misses(workshop, redis):
    """Without memory every search goes to Redis."""
    pair = Pair(workshop, redis, {"cache.memory": "0kb"})
    first = pair.a.search("size=5")
    pair.stored(1)
    assert "hit" in status(pair.b, "size=5")
    choose = random.Random(5)
    for number in range(1, 33):
        spoilt = bytearray(redis("GET", KEY))
        bit = choose.randrange(len(spoilt) * 8) if number > 16 else number * 37
        spoilt[bit // 8] ^= 1 << bit % 8
        assert redis("SET", KEY, bytes(spoilt), "PX", 3600_000) == "OK"
        answer = pair.b.search("size=5")
        assert "fwd=uri-miss" in answer.fields["Cache-Status"] and answer.body == first.body
        pair.stored(1 + number)  # replaced
        assert "hit" in status(pair.a, "size=5")
        assert upstream_calls(pair.b) == number
    assert pair.b.metrics()["nexgate_shared_malformed_total"] == 32


def test_what_is_of_another_kind_is_replaced(workshop, redis):
    pair = Pair(workshop, redis, {"cache.memory": "0kb"})
    redis("RPUSH", KEY, "a", "b")
    assert "fwd=uri-miss" in status(pair.a)
    pair.stored(1)
    assert "hit" in status(pair.b)
    assert pair.a.metrics()["nexgate_shared_malformed_total"] == 1
    redis("PERSIST", KEY)
    assert "fwd=uri-miss" in status(pair.a)


@pytest.mark.parametrize("blow", ["flush", "kill", "stop"])
def test_no_search_fails_whatever_becomes_of_redis(workshop, redis, blow):
    pair = Pair(workshop, redis, {"redis.timeout": "50ms"})
    done, failures, answered = threading.Event(), [], [0, 0]

    def load(number, gateway):
        try:
            with gateway.connect() as connection:
                while not done.is_set():
                    query = f"size=5&WebHook_Description={random.randrange(50)}"
                    answer = connection.request("/api/sys/webhooks?" + query, "GET", gateway.fields())
                    assert answer.status == 200, (answer.status, answer.body)
                    answered[number] += 1
        except BaseException as failure:  # handed to the test below
            failures.append(failure)

    def both_answer(more):
        aims = [count + more for count in answered]
        wait_until(lambda: failures or all(count >= aim for count, aim in zip(answered, aims)), "answers")
        assert not failures, failures

    threads = [threading.Thread(target=load, args=each) for each in enumerate([pair.a, pair.b])]
    for thread in threads:
        thread.start()
    try:
        both_answer(50)
        {"flush": lambda: redis("FLUSHALL"), "stop": redis.stop, "kill": redis.kill}[blow]()
        both_answer(100)
        {"flush": lambda: None, "stop": redis.go_on, "kill": redis.restart}[blow]()
        both_answer(50)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures, failures
    pair.in_step(2)
    pair.simulator.records(add=1)
    purge(pair.a)
    assert total(pair.b) == 1001
    assert total(pair.a) == 1001
