# SPDX-License-Identifier: MIT
"""A Redis that answers, and says that it cannot serve: it loads its data, or has lost its master. It is as good as away: searches go on
without it, nothing that it held is served past a purge, and it is used again when it is well."""

import json

import pytest

from redis_server import RedisError, free_port
from simulator import wait_until

KEYS = 300_000  # that take ten minutes to load, unless they are let go
AWAY = 'nexgate_redis_failures_total{reason="away"}'
ERROR = 'nexgate_redis_failures_total{reason="error"}'


def refusal(redis):
    """The first word of what it says to a GET; None: it serves."""
    try:
        redis("GET", "x")
    except (OSError, RedisError) as refused:
        return str(refused).split()[0]
    return None


def load(redis):
    redis("DEBUG", "POPULATE", KEYS)
    redis("SAVE")
    redis.kill()
    redis.launch()


def let_load(redis):
    redis("CONFIG", "SET", "key-load-delay", "0")


def lose_master(redis):
    redis("CONFIG", "SET", "replica-serve-stale-data", "no")
    redis("REPLICAOF", "127.0.0.1", free_port())


def be_master(redis):
    redis("REPLICAOF", "NO", "ONE")


REFUSALS = {"LOADING": (load, let_load), "MASTERDOWN": (lose_master, be_master)}


def total(gateway, query=""):
    answer = gateway.search(query)
    assert answer.status == 200, answer.body
    return answer.json()["TotalItems"]


def order_purge(gateway):
    with gateway.connect_admin() as connection:
        connection.send(connection.message("/purge?all=1", "POST"))
        while not connection.readable(0.05):
            gateway.move_time(1)  # some seconds of trying
        answer = connection.answer()
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("word", REFUSALS)
def test_a_redis_that_says_it_cannot_serve_is_away(workshop, simulator, word):
    begin, end = REFUSALS[word]
    redis = workshop.redis(options={"key-load-delay": 2000, "loading-process-events-interval-bytes": 1024, "enable-debug-command": "yes"})
    settings = {"redis.url": redis.url, "redis.timeout": "10s", "cache.memory": "0kb", "server.workers": 1}
    gateways = [workshop.gateway(simulator, settings | {"nexudus.client_id": name}, {"alpha": {"rate": "1000/s", "burst": 1000}})
                for name in ("one", "other")]  # with logins of their own, which need no Redis
    one, other = gateways

    def in_step():
        assert all(gateway.process.poll() is None for gateway in gateways)
        return all(gateway.metrics()["nexgate_shared_gateways"] == 2 for gateway in gateways)

    wait_until(in_step, "the gateways to know each other")
    assert total(one) == 1000
    stored = 'nexgate_shared_stores_total{result="stored"}'
    wait_until(lambda: one.metrics()[stored] == 1, "the window in Redis")
    assert other.search().cache_status().get("hit") is True

    begin(redis)
    wait_until(lambda: refusal(redis) == word, f"redis to say {word}")
    simulator.records(add=1)
    before = [gateway.metrics() for gateway in gateways]
    for _ in range(20):
        assert [total(gateway) for gateway in gateways] == [1001, 1001]  # from Nexudus: who holds the window serves nobody
    for gateway, then in zip(gateways, before):
        now = gateway.metrics()
        assert now[AWAY] > then[AWAY] and now[ERROR] == then[ERROR]
        assert gateway.logged("redis is away")
    status, said = order_purge(one)
    assert status == 202 and said["told"] is False
    assert refusal(redis) == word  # all the while

    end(redis)
    wait_until(lambda: refusal(redis) is None, "redis to serve")
    simulator.records(add=1)

    def is_told():
        for gateway in gateways:
            gateway.move_time(1)
        return in_step() and [total(gateway) for gateway in gateways] == [1002, 1002]
    wait_until(is_told, "the purge to reach the other")

    def is_shared():
        query = f"WebHook_Name=n{one.moved()}"
        one.move_time(1)
        assert one.search(query).status == 200
        return other.search(query).cache_status().get("hit") is True
    wait_until(is_shared, "what one fetched to be the other's hit")
