# SPDX-License-Identifier: MIT
"""Real sentinels: whoever is the master now is used, by all that goes through Redis."""

import contextlib

from redis_load import Load, check_together
from secrecy import made_up
from simulator import wait_until

WORKERS = 2


def gateways(workshop, simulator, sentinels, count=2):
    """Memory is off: every search asks Redis. The quota is so slow that the seconds a test takes buy nothing."""
    key = made_up(64)
    settings = {"server.workers": WORKERS, "redis.url": sentinels.url, "redis.timeout": "2s", "redis.token_key": key,
                "cache.memory": "0b"}
    return [workshop.gateway(simulator, settings, {"gamma": {"rate": "1/h", "burst": 40}}) for _ in range(count)]


def wait_in_step(those, master):
    for gateway in those:
        wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
        wait_until(lambda: gateway.metrics()['nexgate_redis_connections{state="up"}'] == WORKERS + 1, "all connections")
    wait_until(lambda: master("ZCARD", "nexgate:{gateways}:live") == len(those), "the gateways to register")


def spend(gateway, count):
    statuses = [gateway.search("size=25&page=1&WebHook_Name=n0", client="gamma").status for _ in range(count)]
    assert set(statuses) <= {200, 429}, statuses
    return statuses.count(200)


def wait_counted(gateway):
    """Until Redis counts for it; how many were let through."""
    admitted = 0

    def counted():
        nonlocal admitted
        admitted += spend(gateway, 1)
        return gateway.metrics()["nexgate_quota_leases_total"] > 0
    wait_until(counted, "a lease")
    return admitted


def test_a_failover_and_a_switch_under_load(workshop):
    sentinels = workshop.redis_sentinels()
    one, other = gateways(workshop, workshop.simulator(records=1000), sentinels)
    first = sentinels.master()
    wait_in_step((one, other), first)
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(gateway)) for gateway in (one, other)]
        for load in loads:
            load.wait_more()
        first.kill()
        wait_until(lambda: sentinels.master() not in (None, first), "a failover")
        second = sentinels.master()
        for load in loads:
            wait_until(load.reaches_redis, "the gateway to find the new master")
        wait_in_step((one, other), second)

        first.start()  # empty, and a master as it says itself, until the sentinels turn it
        for load in loads:
            load.wait_more()
        if first("ROLE")[0] == b"master":
            assert first("DBSIZE") == 0

        sentinels.switch()
        wait_until(lambda: sentinels.master() not in (None, second), "the switch")
        for load in loads:
            wait_until(load.reaches_redis, "the gateway to find the master after the switch")
    assert not loads[0].wrong and not loads[1].wrong
    third = sentinels.master()
    wait_in_step((one, other), third)
    check_together(one, other, "size=7&page=2")
    admitted = sum(wait_counted(gateway) for gateway in (one, other))
    admitted += sum(spend(gateway, 40) for gateway in (one, other, one, other))
    assert 20 <= admitted <= 40  # counted by the master of now, for both
    assert sentinels.master()("KEYS", "nexgate:quota:{gamma}:*")


def test_a_sentinel_that_hangs_and_one_that_is_dead(workshop):
    sentinels = workshop.redis_sentinels()
    master = sentinels.master()
    sentinels.sentinels[0].kill()
    sentinels.sentinels[1].stop()
    one, = gateways(workshop, workshop.simulator(records=1000), sentinels, 1)
    wait_in_step((one,), master)
    with Load(one) as load:
        wait_until(load.reaches_redis, "the gateway to find the master")
    assert not load.wrong
