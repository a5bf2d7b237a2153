# SPDX-License-Identifier: MIT
"""A Redis that hangs costs each thread one timeout, however much of a search's way goes through Redis."""

from simulator import wait_until

TIMEOUT = 'nexgate_redis_failures_total{reason="timeout"}'


def start(workshop, simulator, redis, **more):
    settings = {"redis.url": redis.url, "redis.timeout": "10s", "server.workers": 1, "nexudus.max_wait": "60s"} | more
    quota = {"rate": "1000/s", "burst": 1000, "misses": "1000/day"}
    gateway = workshop.gateway(simulator, settings, {"alpha": quota})
    wait_until(lambda: gateway.metrics()['nexgate_redis_connections{state="up"}'] == 2, "the connections")
    wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
    return gateway


def test_a_redis_that_hangs_costs_each_thread_one_wait(workshop, simulator):
    """Quota, lookup, flight, budget, store: what is asked after the first wait is not waited for."""
    redis = workshop.redis()
    gateway = start(workshop, simulator, redis)
    assert gateway.search("WebHook_Name=first").status == 200
    before = gateway.metrics()[TIMEOUT]
    redis.stop()
    for number in range(8):
        assert gateway.search_as_time_moves(f"WebHook_Name=n{number}", step=1).status == 200
    assert 1 <= gateway.metrics()[TIMEOUT] - before <= 2  # the worker's connection, and the fetcher's
    redis.go_on()

    def reaches_redis():
        gateway.move_time(1)
        asked = redis.commandstats()["get"] if "get" in redis.commandstats() else 0
        gateway.search(f"WebHook_Name=later{gateway.moved()}")
        return gateway.metrics()['nexgate_redis_connections{state="up"}'] == 2 and redis.commandstats().get("get", 0) > asked
    wait_until(reaches_redis, "the return of Redis to be noticed")
