# SPDX-License-Identifier: MIT
"""A cluster of real servers: what is asked finds its node, whoever serves the slot now, and gateways are one fleet through it."""

import contextlib
import secrets
import threading
import time

import pytest

from gateway import SEARCH
from redis_load import Load, check_together, pages
from secrecy import made_up
from simulator import wait_until

WORKERS = 2


@pytest.fixture(scope="module")
def cluster(module_workshop):
    return module_workshop.redis_cluster()


def start(workshop, cluster):
    """Memory is off: every search asks Redis."""
    settings = {"server.workers": WORKERS, "redis.url": cluster.url, "redis.timeout": "2s", "cache.memory": "0b"}
    gateway = workshop.gateway(workshop.simulator(records=1000), settings)
    wait_until(lambda: gateway.metrics()['nexgate_redis_connections{state="up"}'] >= (WORKERS + 1) * len(cluster.masters),
               "the connections to all masters")
    return gateway


def test_windows_are_spread_over_the_masters(workshop, cluster):
    gateway = start(workshop, cluster)
    assert all(answer.status == 200 for answer in pages(gateway))
    wait_until(lambda: all(node("DBSIZE") > 0 for node in cluster.serving()), "keys on every master")
    before = gateway.simulator.counters()
    assert all(answer.status == 200 for answer in pages(gateway))
    assert gateway.simulator.counters() == before  # all came from Redis


def test_slots_move_under_load(workshop, cluster):
    gateway = start(workshop, cluster)
    source, target = cluster.serving()[:2]
    with Load(gateway) as load:
        load.wait_more()
        asked = target.commandstats().get("asking", 0)
        held = sorted({source("CLUSTER", "KEYSLOT", key) for key in source("KEYS", "*")})
        assert held
        for slot in held:
            target("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
            source("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
            load.wait_more(5)
            while keys := source("CLUSTER", "GETKEYSINSLOT", slot, 100):
                source("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
            load.wait_more(31)  # each page once: those of this slot are answered ASK
            for node in (target, source):
                node("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(target))
        load.wait_more()
    assert not load.wrong
    assert target.commandstats().get("asking", 0) >= asked + len(held)
    failures = {name: count for name, count in gateway.metrics().items() if name.startswith("nexgate_redis_failures_total")}
    assert not any(failures.values()), failures


def fleet(workshop, cluster, count=2, url=None, **quota):
    """Gateways that share all, and nothing with those of other tests."""
    simulator, key = workshop.simulator(records=1000), made_up(64)
    settings = {"server.workers": 1, "redis.url": url or cluster.url, "redis.timeout": "2s", "redis.token_key": key,
                "redis.prefix": f"{secrets.token_hex(8)}:"}
    made = []
    for _ in range(count):
        gateway = workshop.gateway(simulator, settings, {"gamma": quota})
        wait_until(lambda: gateway.metrics()['nexgate_redis_connections{state="up"}'] >= 2 * len(cluster.masters), "all masters")
        wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
        made.append(gateway)
    wait_until(lambda: any(node("KEYS", settings["redis.prefix"] + "{gateways}:live") and
                           node("ZCARD", settings["redis.prefix"] + "{gateways}:live") == count for node in cluster.serving()),
               "the gateways to register")
    return made


def test_gateways_are_one_fleet_in_a_cluster(workshop, cluster):
    """What takes several keys in one script, or keys that nobody chose, would be refused by a cluster (CROSSSLOT)."""
    one, other = fleet(workshop, cluster, rate="1/h", burst=40)
    simulator = one.simulator
    simulator.faults({"kind": "search", "action": {"hold": "before"}})
    with contextlib.ExitStack() as stack:
        asked = []
        for gateway in (one, other):
            connection = stack.enter_context(gateway.connect())
            connection.send(connection.message(SEARCH, fields=gateway.fields()))
            asked.append(connection)
        simulator.wait_held(1)
        wait_until(lambda: sum(gateway.metrics()['nexgate_fleet_flights_total{part="followed"}'] for gateway in (one, other)) == 1,
                   "the other gateway to follow")
        simulator.faults()
        simulator.release()
        answers = [connection.answer() for connection in asked]
    assert {answer.status for answer in answers} == {200} and answers[0].body == answers[1].body
    assert (simulator.counters()["searches"], simulator.counters()["logins"]) == (1, 1)
    check_together(one, other, "size=7&page=2")
    statuses = [gateway.search(client="gamma").status for gateway in (one, other, one, other) for _ in range(30)]
    assert 20 <= statuses.count(200) <= 40
    for gateway in (one, other):
        failures = {name: count for name, count in gateway.metrics().items() if name.startswith("nexgate_redis_failures_total")}
        assert not any(failures.values()), failures
        assert not gateway.logged("redis is away")


class Flood:
    """Asks in a thread of its own and counts what is let through."""

    def __init__(self, gateway):
        self.admitted, self.others, self._over = 0, set(), threading.Event()
        self._gateway = gateway
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        with self._gateway.connect() as connection:
            while not self._over.is_set():
                for answer in connection.pipeline([SEARCH] * 20, self._gateway.fields("gamma")):
                    self.admitted += answer.status == 200
                    self.others |= {answer.status} - {200, 429}

    def stop(self):
        self._over.set()
        self._thread.join()


def wait_leased(gateways, count):
    """Until each has got so many more leases or tokens."""
    before = [gateway.metrics()["nexgate_quota_leases_total"] for gateway in gateways]
    wait_until(lambda: all(gateway.metrics()["nexgate_quota_leases_total"] >= leases + count for gateway, leases in
                           zip(gateways, before)), "Redis to count for all")


def test_a_quota_whose_master_dies_is_bounded(workshop, cluster):
    """By the bound of docs/redis.md. It is so much that only little of it is the rate, which grows with the time that this takes."""
    rate, burst, lease = 10, 50, 2  # a lease's seconds, when gateways compete
    gateways = fleet(workshop, cluster, rate=f"{rate}/s", burst=burst)
    for gateway in gateways:
        assert gateway.search().status == 200
    began = time.monotonic()
    floods = [Flood(gateway) for gateway in gateways]
    wait_until(lambda: all(flood.admitted > 0 for flood in floods), "requests to be let through")
    wait_leased(gateways, 1)  # Redis knows both
    wait_leased(gateways, 2)  # the second of these was asked for since: each has been told of the other
    victim, = [node for node in cluster.serving() if node("KEYS", "*:quota:{gamma}:*")]
    victim.kill()
    wait_until(lambda: len(cluster.serving()) == len(cluster.masters) and cluster.is_well(), "a replica to take over")
    wait_leased(gateways, 3)
    for flood in floods:
        flood.stop()
    seconds = time.monotonic() - began
    assert sum(flood.admitted for flood in floods) <= rate * (seconds + lease) + 3.5 * burst
    assert not floods[0].others and not floods[1].others
    victim.start()  # as a replica
    wait_until(cluster.is_well, "the cluster to be well again")


def test_the_feed_moves_when_its_node_dies(workshop, cluster):
    one, other = fleet(workshop, cluster)
    first = cluster.masters[0]  # which the URL names first, so the feeds begin there
    channel, = first("PUBSUB", "CHANNELS", "*:bus")
    assert first("PUBSUB", "NUMSUB", channel) == [channel, 2]
    first.kill()
    wait_until(lambda: len(cluster.serving()) == len(cluster.masters) and cluster.is_well(), "a replica to take over")
    for gateway in (one, other):
        wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard elsewhere")
    check_together(one, other, "size=9&page=3")
    first.start()
    wait_until(cluster.is_well, "the cluster to be well again")


def test_the_feeds_find_a_node_that_the_url_does_not_name(workshop, cluster):
    named = cluster.serving()[0]
    one, other = fleet(workshop, cluster, url=f"redis+cluster://127.0.0.1:{named.port}")
    named.kill()
    wait_until(lambda: len(cluster.serving()) == len(cluster.masters) and cluster.is_well(), "a replica to take over")
    for gateway in (one, other):
        wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard elsewhere")
    for channel in (channel for node in cluster.serving() for channel in node("PUBSUB", "CHANNELS", "*")):
        wait_until(lambda: sum(node("PUBSUB", "NUMSUB", channel)[1] for node in cluster.serving()) == 2, "both to hear it")
    check_together(one, other, "size=9&page=4")
    named.start()
    wait_until(cluster.is_well, "the cluster to be well again")


def test_a_master_dies_under_load(workshop, cluster):
    gateway = start(workshop, cluster)
    with Load(gateway) as load:
        load.wait_more()
        victim = cluster.serving()[0]
        victim.kill()
        wait_until(lambda: len(cluster.serving()) == 3 and cluster.is_well(), "a replica to take over")
        load.wait_more()
        wait_until(load.reaches_redis, "the gateway to find the new master")
    assert not load.wrong
