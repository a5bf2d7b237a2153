# SPDX-License-Identifier: MIT
"""A cluster of real servers: what is asked finds its node, whoever serves the slot now."""

import threading

import pytest

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


def pages(gateway, count=30):
    return [gateway.search(f"page={page + 1}&size=25&WebHook_Name=n{page}") for page in range(count)]


class Load:
    """Searches without a pause, and every answer that was not what it must be."""

    def __init__(self, gateway):
        self.wrong, self.right = [], 0
        self._gateway, self._stop = gateway, threading.Event()
        self._expected = [answer.body for answer in pages(gateway)]
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.is_set():
            for answer, expected in zip(pages(self._gateway), self._expected):
                if answer.status == 200 and answer.body == expected:
                    self.right += 1
                else:
                    self.wrong.append((answer.status, answer.body[:200]))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait_more(self, count=60):
        goal = self.right + count
        wait_until(lambda: self.right >= goal or self.wrong, "more answers")


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


def test_a_master_dies_under_load(workshop, cluster):
    gateway = start(workshop, cluster)
    with Load(gateway) as load:
        load.wait_more()
        victim = cluster.serving()[0]
        victim.kill()
        wait_until(lambda: len(cluster.serving()) == 3 and cluster.is_well(), "a replica to take over")
        load.wait_more()

        def healed():
            """No search fails to reach Redis any more."""
            before = gateway.metrics()['nexgate_redis_failures_total{reason="away"}']
            load.wait_more()
            return gateway.metrics()['nexgate_redis_failures_total{reason="away"}'] == before
        wait_until(healed, "the gateway to find the new master")
    assert not load.wrong
