# SPDX-License-Identifier: MIT
"""SIGHUP: what is new is in force at once, what is under way goes on as it began, and a bad file changes nothing."""

import re
import signal
import threading

import pytest

from gateway import ROOT, SEARCH, digest
from secrecy import make_key
from simulator import wait_until


class Crowd:
    """Clients on connections that are kept, which ask without a pause; what each of them got, as {(client, status): count}."""

    def __init__(self, gateway, names):
        self.gateway, self.got, self.failures = gateway, {}, []
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(name, number), daemon=True) for number, name in enumerate(names)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_until(lambda: len(self.got) == len(self._threads) or self.failures, "everybody to have asked")
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def total(self):
        with self._lock:
            return sum(self.got.values())

    def _ask(self, name, number):
        try:
            with self.gateway.connect() as connection:
                turn = 0
                while not self._over.is_set():
                    turn += 1
                    target = f"{SEARCH}?WebHook_ErrorCount={number * 1000 + turn % 7}&size=3"
                    no_cache = {"cache_control": "no-cache"} if turn % 20 == 0 else {}
                    answer = connection.request(target, fields=self.gateway.fields(name, **no_cache))
                    with self._lock:
                        self.got[name, number, answer.status] = self.got.get((name, number, answer.status), 0) + 1
        except BaseException as failure:  # looked at by the test
            self.failures.append(failure)


@pytest.mark.concurrency
def test_a_hundred_reloads_under_load_fail_nobody_and_each_is_in_force_at_once(workshop, simulator):
    """The client "counted" gets back one token a day. With each reload its burst grows by one, so each lets exactly one request
    pass: not none, and not two, whatever worker it comes to."""
    reloads = 100
    gateway = workshop.gateway(simulator, {"server.workers": "2"}, {"counted": {"rate": "1/day", "burst": "1"}})
    assert gateway.search(client="counted").status == 200
    with Crowd(gateway, ["alpha", "beta", "alpha"]) as crowd:
        for number in range(2, reloads + 2):
            asked = crowd.total()
            gateway.reload(clients={"counted": {"rate": "1/day", "burst": str(number)}})
            passed = gateway.search(client="counted")
            assert passed.status == 200
            assert passed.fields.parameters("RateLimit-Policy")["q"] == number and passed.fields.parameters("RateLimit")["r"] == 0
            assert gateway.search(client="counted").status == 429
            wait_until(lambda: crowd.total() > asked or crowd.failures, "the crowd to go on")
    assert not crowd.failures, crowd.failures[0]
    assert {status for _, _, status in crowd.got} == {200}, crowd.got
    assert len(gateway.logged("reloaded")) == reloads


@pytest.mark.concurrency
def test_many_signals_at_once_do_no_harm(gateway):
    with Crowd(gateway, ["alpha", "beta"]) as crowd:
        gateway.configure(clients={"late": {}})
        for _ in range(300):
            gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: gateway.search(client="late").status == 200, "the new client to be known")
    assert not crowd.failures and {status for _, _, status in crowd.got} == {200}


def test_clients_come_and_go(gateway, simulator):
    with gateway.connect() as kept, gateway.connect() as busy:
        assert kept.request(SEARCH, fields=gateway.fields("beta")).status == 200
        simulator.fault(hold="before")
        busy.send(busy.message(SEARCH + "?WebHook_ErrorCount=1", fields=gateway.fields("beta")))
        simulator.wait_held(1)
        gateway.reload(clients={"beta": {"rate": "1/day", "burst": "1", "businesses": "7"}, "gamma": {}})
        assert gateway.search(client="gamma").status == 200
        key = gateway.key_of["beta"]
        gateway.config.write_text(re.sub(r"\[client beta\]\n(.+\n)+", "", gateway.config.read_text()))
        gateway.hup()
        assert kept.request(SEARCH, fields={"Authorization": "Bearer " + key}).status == 401
        simulator.release()
        assert busy.answer().status == 200  # it began when the client was known


def test_a_client_with_another_key_and_scope(gateway):
    old = gateway.fields("alpha")
    assert gateway.search("size=1").status == 200
    del gateway.key_of["alpha"]
    gateway.reload(clients={"alpha": {"businesses": "7, 8"}})
    with gateway.connect() as connection:
        assert connection.request(SEARCH, fields=old).status == 401
    answer = gateway.search("size=1")  # the same query as before, which a memory of before would let through
    assert answer.status == 403


def test_what_is_under_way_goes_on_as_it_began(gateway, simulator):
    gateway.reload({"cache.ttl": "100s"})
    simulator.fault(hold="before", count=1)
    with gateway.connect() as busy:
        busy.send(busy.message(SEARCH, fields=gateway.fields()))
        simulator.wait_held(1)
        gateway.reload({"cache.ttl": "7s", "cache.window": "10"})
        simulator.release()
        answer = busy.answer()
        assert answer.status == 200 and answer.fields.parameters("Cache-Control")
        assert "max-age=100" in answer.fields["Cache-Control"]
        again = busy.request(SEARCH, fields=gateway.fields())
        assert "max-age=7" in again.fields["Cache-Control"]


def test_a_refresh_behind_the_back_outlives_its_configuration(gateway, simulator):
    assert gateway.search().status == 200
    gateway.move_time(61)
    simulator.fault(hold="before", count=1)
    assert gateway.search().cache_status()["detail"] == "revalidating"
    simulator.wait_held(1)
    gateway.reload(clients={"gamma": {}})
    gateway.reload()
    simulator.release()
    wait_until(lambda: gateway.search().cache_status().get("ttl", 0) > 0, "the refreshed window")


def test_times_are_in_force_at_once(gateway):
    assert gateway.search().cache_status()["fwd"] == "uri-miss"
    gateway.move_time(10)
    assert gateway.search().cache_status()["ttl"] <= 50
    gateway.reload({"cache.ttl": "5s", "cache.stale_while_revalidate": "0s"})
    assert gateway.search().cache_status()["fwd"] == "stale"
    with gateway.connect() as idle:
        assert idle.request("/healthz").status == 200
        gateway.reload({"limits.idle_timeout": "100ms"})
        assert idle.closed()


def test_the_budget_is_in_force_at_once(gateway):
    assert gateway.search("WebHook_ErrorCount=1").status == 200
    gateway.reload({"nexudus.budget": "1/1h", "nexudus.max_wait": "1s"})
    assert gateway.search("WebHook_ErrorCount=2").status == 503  # the call above was in this hour
    gateway.reload({"nexudus.budget": "3/1h", "nexudus.max_wait": "1s"})
    assert [gateway.search(f"WebHook_ErrorCount={number}").status for number in (3, 4, 5)] == [200, 200, 503]


def test_who_waits_for_the_budget_goes_when_it_is_widened(gateway, simulator):
    gateway.reload({"nexudus.budget": "1/1h", "nexudus.max_wait": "5m"})
    gateway.reload({"nexudus.budget": "1/60s", "nexudus.max_wait": "5m"})
    assert gateway.search("WebHook_ErrorCount=1").status == 200
    with gateway.connect() as waiting:
        waiting.send(waiting.message(SEARCH + "?WebHook_ErrorCount=2", fields=gateway.fields()))
        wait_until(lambda: gateway.metrics()["nexgate_upstream_queue"] == 1, "a search in the queue")
        gateway.reload({"nexudus.budget": "2/60s", "nexudus.max_wait": "5m"})
        assert waiting.answer().status == 200
    assert simulator.counters()["searches"] == 2


def test_connections_are_counted_by_the_new_limit(gateway):
    with gateway.connect() as first:
        assert first.request("/healthz").status == 200
        gateway.reload({"limits.connections": "1"})
        with gateway.connect() as second:
            second.send(second.message("/healthz"))
            assert second.closed()
        assert first.request("/healthz").status == 200
        gateway.reload({"limits.connections": "2"})
        with gateway.connect() as second:
            assert second.request("/healthz").status == 200


def test_schemas_are_read_anew(workshop, simulator, tmp_path):
    gateway = workshop.gateway(simulator, {"server.entities": tmp_path})
    target = "/api/spaces/coworkers"
    with gateway.connect() as connection:
        assert connection.request(target, fields=gateway.fields()).status == 404
        (tmp_path / "others.json").write_text((ROOT / "tests/data/coworkers.json").read_text())
        gateway.hup()
        assert connection.request(target, fields=gateway.fields()).status not in (401, 404)
        (tmp_path / "others.json").write_text("{")
        lines = gateway.hup(good=False)
        assert any("others.json" in line.get("problem", "") for line in lines)
        assert connection.request(target, fields=gateway.fields()).status not in (401, 404)


def test_a_bad_file_changes_nothing_and_is_told(gateway):
    gateway.configure({"cache.ttl": "soon", "log.level": "error"}, {"gamma": {"rate": "5"}})
    lines = gateway.hup(good=False)
    problems = [line["problem"] for line in lines if line["msg"] == "configuration"]
    text = gateway.config.read_text().splitlines()
    for name in ("ttl", "rate"):
        number = 1 + next(index for index, line in enumerate(text) if line.startswith(name + " ="))
        assert any(problem.startswith(f"{gateway.config}:{number}: {name}: expected") for problem in problems), problems
    assert all(line["level"] == "error" for line in lines)
    assert "max-age=60" in gateway.search().fields["Cache-Control"]
    assert gateway.search(client="gamma").status == 401
    gateway.config.unlink()
    lines = gateway.hup(good=False)
    assert any(str(gateway.config) in line.get("problem", "") for line in lines)
    assert gateway.search().status == 200


def test_what_needs_a_restart_is_told_and_stays(gateway):
    lines = gateway.reload({"redis.prefix": "other:", "server.workers": "7", "nexudus.password": "another", "cache.ttl": "9s"})
    problems = [line["problem"] for line in lines if line["msg"] == "configuration"]
    assert [re.search(r"\[(\w+)\] (\w+): a reload does not change it", problem).groups() for problem in problems] == [
        ("server", "workers"), ("nexudus", "password"), ("redis", "prefix")]
    assert all(re.match(re.escape(str(gateway.config)) + r":\d+: warning: ", problem) for problem in problems)
    assert "another" not in "".join(problems)
    assert "max-age=9" in gateway.search().fields["Cache-Control"]
    assert not [line for line in gateway.reload({"cache.ttl": "9s"}) if line["msg"] == "configuration"]


def test_the_level_of_the_log_follows(gateway, simulator):
    gateway.configure({"log.level": "error"})
    gateway.process.send_signal(signal.SIGHUP)  # which says nothing any more when it is done
    wait_until(lambda: simulator.revoke() or gateway.search(cache_control="no-cache").status == 200 and lost(gateway), "silence")
    gateway.configure({"log.level": "info"})
    gateway.hup()


def lost(gateway):
    """A login was made that the log does not tell."""
    return gateway.metrics()['nexgate_token_grants_total{grant="password"}'] > len(gateway.logged("token taken", grant="password"))


def test_an_operator_is_answered_when_it_is_in_force(workshop, simulator):
    key = make_key()
    gateway = workshop.gateway(simulator, {"server.admin_key": digest(key)})
    own = {"Authorization": "Bearer " + key}
    gateway.configure({"server.admin_key": digest(key), "server.workers": "9"}, {"gamma": {}})
    for fields in ({}, {"Authorization": "Bearer x"}):
        assert gateway.ask_admin("/reload", "POST", fields).status == 401
    assert gateway.ask_admin("/reload", "GET", own).status == 405
    assert gateway.search(client="gamma").status == 401
    answer = gateway.ask_admin("/reload", "POST", own)
    assert answer.status == 200 and answer.json()["reloaded"] is True
    assert len(answer.json()["problems"]) == 1 and "[server] workers" in answer.json()["problems"][0]
    assert gateway.search(client="gamma").status == 200
    gateway.config.write_text(gateway.config.read_text() + "[cache]\nttl = 1\nwidnow = 2\n")
    answer = gateway.ask_admin("/reload", "POST", own)
    assert answer.status == 422 and answer.json()["reloaded"] is False
    assert [problem.split(": ")[1] for problem in answer.json()["problems"]] == ["ttl", "unknown setting widnow in [cache]; did you mean window?"]
    assert "max-age=60" in gateway.search().fields["Cache-Control"]
    other = make_key()  # the key itself can be changed
    gateway.configure({"server.admin_key": digest(other)})
    assert gateway.ask_admin("/reload", "POST", own).status == 200
    assert gateway.ask_admin("/reload", "POST", own).status == 401
    assert gateway.ask_admin("/reload", "POST", {"Authorization": "Bearer " + other}).status == 200


def test_what_an_operator_sees_follows(gateway):
    gateway.reload({"nexudus.budget": "7/3s", "cache.ttl": "9s"}, {"gamma": {"rate": "5/s"}})
    assert gateway.search(client="gamma").status == 200
    status = gateway.ask_admin("/status").json()
    assert "gamma" in [client["name"] for client in status["clients"]]
    assert status["upstream"]["budget"] == 7 and status["upstream"]["budget_interval_ms"] == 3000
    explained = gateway.ask_admin("/explain?client=gamma").json()
    assert explained["client"]["rate_left"] == 4 and explained["windows"][0]["ttl_s"] in (8, 9)


def test_the_access_log_is_switched(gateway):
    gateway.reload({"log.access": "all"})
    assert gateway.search("WebHook_ErrorCount=3").status == 200
    wait_until(lambda: any("WebHook_ErrorCount" in line for line in gateway.log), "a line of the access log")
    gateway.reload({"log.access": "off"})
    assert gateway.search("WebHook_ErrorCount=4").status == 200
    gateway.reload({"log.access": "all"})
    assert gateway.search("WebHook_ErrorCount=5").status == 200
    wait_until(lambda: any("WebHook_ErrorCount=5" in line for line in gateway.log), "a line of the access log")
    assert not any("WebHook_ErrorCount=4" in line for line in gateway.log)
