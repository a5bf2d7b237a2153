# SPDX-License-Identifier: MIT
"""A Redis user who may do what docs/redis.md says, and nothing else, is enough for everything; and nothing is said that is not needed."""

import pathlib
import re

import pytest

from redis_server import RedisError
from secrecy import made_up, made_up_base32
from simulator import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
USER = "gate"


def documented():
    """{"": what a single server's user needs, "cluster": and a cluster's as well, "sentinel": …}, as ACL rules say it."""
    text = (ROOT / "docs/redis.md").read_text()
    rules = re.findall(r"^    \+(.*)$", text, re.MULTILINE)
    single, cluster, sentinel = (("+" + rule).lower().split() for rule in rules)
    return {"single": single, "cluster": single + cluster, "sentinel": single + sentinel}


def sent():
    """The commands that the sources name, in scripts and out of them."""
    found = {"eval", "evalsha"}
    for path in [*(ROOT / "gateway").rglob("*.c"), *(ROOT / "gateway").rglob("*.lua")]:
        text = path.read_text()
        found |= set(re.findall(r"redis\.p?call\(['\"]([A-Z]+)['\"]", text))
        if path.parent.name in ("io", "cache", "client", "upstream"):
            found |= set(re.findall(r"arguments\[0\] = slice_of\(\"([A-Z]+)\"\)|", text)) - {""}
            found |= set(re.findall(r"\.arguments = \{SLICE\(\"([A-Z]+)\"\)", text))
            found |= set(re.findall(r"redis_wire_word\([^,]+, slice_of\(\"([A-Z]+)\"\)\)", text))
            found |= set(re.findall(r"\(const char \*const\[\]\)\{\"([A-Z]+)\"", text))
            found |= set(re.findall(r"\\r\\n\$\d+\\r\\n([A-Z]+)\\r\\n", text))
    return {name.lower() for name in found}


def test_the_list_is_what_the_sources_send():
    listed = documented()
    names = {rule.removeprefix("+").split("|")[0] for rules in listed.values() for rule in rules}
    # A login needs no leave, and sentinels are asked without one.
    assert names == sent() - {"auth", "sentinel"}


class Guard:
    """Servers with a user who may do so much and no more."""

    def __init__(self, servers, rules):
        self.servers, self.password = servers, made_up()
        for server in servers:
            server("ACL", "SETUSER", USER, "on", f">{self.password}", "~nexgate:*", "&nexgate:*", "-@all", *rules)
            server("ACL", "LOG", "RESET")
            server("CONFIG", "RESETSTAT")

    def url(self, url):
        return url.replace("://", f"://{USER}:{self.password}@")

    def refused(self):
        """(command or key, why) of each that was refused."""
        found = []
        for server in self.servers:
            for entry in server("ACL", "LOG"):
                facts = dict(zip(entry[::2], entry[1::2]))
                found.append((facts[b"object"], facts[b"reason"], facts[b"username"]))
        return found

    def used(self):
        return {name.split("|")[0] for server in self.servers for name in server.commandstats()}


def gateways(workshop, simulator, guard, url, **more):
    key = made_up(64)
    settings = {"redis.url": guard.url(url), "redis.token_key": key, "redis.timeout": "5s", "server.workers": 1,
                "nexudus.totp_secret": made_up_base32(), "cache.ttl": "10s"} | more
    made = [workshop.gateway(simulator, settings, {"gamma": {"rate": "2/s", "burst": 4, "misses": "20/day"}}) for _ in range(2)]
    for gateway in made:
        wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
    return made


def use_everything(one, other):
    """A flight, a hit of the other's, a purge of each kind, both quotas, a refresh, a pause, a refused query, a dead token, a sign of life."""
    simulator = one.simulator
    for number in range(3):
        assert one.search(f"WebHook_ErrorCount={number}").status == 200
    name = 'nexgate_shared_stores_total{result="stored"}'
    wait_until(lambda: one.metrics()[name] >= 3, "the windows in Redis")
    assert other.search("WebHook_ErrorCount=0").fields["Cache-Status"].startswith("nexgate; hit")
    for gateway in (one, other):
        statuses = [gateway.search("WebHook_ErrorCount=9", client="gamma").status for _ in range(8)]
        assert {200, 429} >= set(statuses)
    for what in ("all=1", "all=1&soft=1", "entity=webhooks"):
        wait_until(lambda: one.ask_admin("/purge?" + what, "POST").status == 200, "a purge that all confirm")
    assert one.search("WebHook_ErrorCount=1").status == 200
    for gateway in (one, other):
        gateway.move_time(20)
    assert other.search("WebHook_ErrorCount=1").status == 200  # stale, and refreshed behind the back
    simulator.fault(count=1, status=409, headers={"Retry-After": "1"})
    one.search("WebHook_ErrorCount=4", **{"Cache-Control": "no-cache"})
    wait_until(lambda: other.search("WebHook_ErrorCount=5").status == 200, "the pause to be over")

    def refused():
        simulator.fault(count=1, status=400)  # which a refresh behind the back may meet instead
        return one.search("WebHook_ErrorCount=6", **{"Cache-Control": "no-cache"}).status == 400
    wait_until(refused, "a query to be refused")
    for gateway in (one, other):
        gateway.move_time(6)  # the signs of life are due


def check(guard, made, rules):
    wait_until(lambda: {"ping"} <= guard.used(), "a sign of life")
    assert guard.refused() == []
    for gateway in made:
        assert not any("NOPERM" in line for line in gateway.log)
        assert gateway.metrics()['nexgate_redis_failures_total{reason="error"}'] == 0
    listed = {rule.removeprefix("+").split("|")[0] for rule in rules}
    # What one run need not meet: a crowded list of purges, a value that is spoilt, a slot that moves.
    rare = {"zremrangebyrank", "type", "asking", "hdel", "zrem"}
    assert listed - rare <= guard.used()


def test_on_a_single_server(workshop, simulator):
    redis, rules = workshop.redis(), documented()["single"]
    guard = Guard([redis], rules)
    made = gateways(workshop, simulator, guard, redis.url + "/1")
    use_everything(*made)
    check(guard, made, rules)


def test_in_a_cluster(workshop, simulator):
    cluster, rules = workshop.redis_cluster(replicas=False), documented()["cluster"]
    guard = Guard(cluster.nodes, rules)
    made = gateways(workshop, simulator, guard, cluster.url)
    use_everything(*made)
    one, other = made
    assert one.search("dir=1").status == 200
    window = "nexgate:v1:webhooks:dir=1#200.0"
    wait_until(lambda: window.encode() in cluster.keys(), "the window in Redis")
    source = next(node for node in cluster.serving() if window.encode() in node("KEYS", "*"))
    target = next(node for node in cluster.serving() if node is not source)
    slot = source("CLUSTER", "KEYSLOT", window)
    target("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
    source("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
    source("MIGRATE", "127.0.0.1", target.port, window, 0, 5000)
    assert other.search("dir=1").fields["Cache-Status"].startswith("nexgate; hit")
    assert "asking" in guard.used()
    check(guard, made, [rule for rule in rules if rule != "+select"])


def test_behind_sentinels(workshop, simulator):
    sentinels, rules = workshop.redis_sentinels(), documented()["sentinel"]
    guard = Guard(sentinels.servers, rules)
    made = gateways(workshop, simulator, guard, sentinels.url)
    use_everything(*made)
    check(guard, made, [rule for rule in rules if rule != "+select"])


def test_one_command_less_is_noticed(workshop, simulator):
    """The tests above would find a command that is missing in the list."""
    redis, rules = workshop.redis(), documented()["single"]
    guard = Guard([redis], [rule for rule in rules if rule != "+hset"])
    one, other = gateways(workshop, simulator, guard, redis.url)
    assert one.search().status == 200  # alone
    wait_until(lambda: any(entry[0] == b"hset" for entry in guard.refused()), "the refusal")
    with pytest.raises(RedisError):
        with redis.client() as client:
            client("AUTH", USER, guard.password)
            client("HSET", "nexgate:x", "a", "b")
