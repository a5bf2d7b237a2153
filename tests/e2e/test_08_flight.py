# SPDX-License-Identifier: MIT
"""However many ask at once: one search for each question, one login for all."""

import collections
import contextlib

import pytest

from gateway import SEARCH

pytestmark = pytest.mark.concurrency

MANY = 500


class Crowd:
    """Many connections that ask at the same time. `ask` sends; `answers` collects."""

    def __init__(self, gateway, count=MANY):
        self.gateway = gateway
        self._stack = contextlib.ExitStack()
        self.connections = [self._stack.enter_context(gateway.connect()) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def ask(self, query_of=lambda number: ""):
        for number, connection in enumerate(self.connections):
            connection.send(connection.message(f"{SEARCH}?{query_of(number)}", fields=self.gateway.fields()))

    def asked(self):
        """Until the gateway has read all of it."""
        self.gateway.wait_read(self.connections)

    def answers(self):
        return [connection.answer() for connection in self.connections]


def forms(answers):
    """How often each Cache-Status came."""
    return collections.Counter(answer.fields["Cache-Status"] for answer in answers)


def hold(simulator, *kinds):
    simulator.faults(*({"kind": kind, "action": {"hold": "before"}} for kind in kinds))


def grants(simulator):
    counters = simulator.counters()
    return counters["logins"], counters["refreshes"], counters["token_failures"]


def test_equal_misses_are_one_search_and_one_login(simulator, gateway):
    hold(simulator, "token", "search")
    with Crowd(gateway) as crowd:
        crowd.ask()
        simulator.wait_held(1)
        crowd.asked()
        simulator.release(1)  # the login
        simulator.wait_held(1)
        simulator.release()
        answers = crowd.answers()
    assert {answer.status for answer in answers} == {200} and len({answer.body for answer in answers}) == 1
    counters = simulator.counters()
    assert counters["searches"] == 1 and grants(simulator) == (1, 0, 0)
    found = forms(answers)
    assert found["nexgate; fwd=uri-miss; fwd-status=200; stored"] == 1
    assert found["nexgate; fwd=uri-miss; fwd-status=200; stored; collapsed"] == MANY - 1
    assert gateway.outcomes()["collapsed"] == MANY - 1


def test_equal_misses_in_many_spellings(simulator, gateway):
    spellings = ["WebHook_Active=true&size=7", "size=7&webhook_active=TRUE", "page=1&size=7&dir=0&WebHook_Active=True",
                 "WebHook_Active=true&size=20&page=3"]
    hold(simulator, "search")
    with Crowd(gateway, 200) as crowd:
        crowd.ask(lambda number: spellings[number % 4])
        simulator.wait_held(1)
        crowd.asked()
        simulator.release()
        assert {answer.status for answer in crowd.answers()} == {200}
    assert simulator.counters()["searches"] == 1


def test_different_misses_share_one_login(simulator, gateway):
    hold(simulator, "token")
    with Crowd(gateway, 200) as crowd:
        crowd.ask(lambda number: f"WebHook_ErrorCount={number}")
        simulator.wait_held(1)
        crowd.asked()
        simulator.release()
        assert {answer.status for answer in crowd.answers()} == {200}
    assert grants(simulator) == (1, 0, 0)
    assert simulator.counters()["searches"] == 200


@pytest.mark.parametrize("questions", [1, 50, MANY])
def test_at_the_tokens_expiry_there_is_one_refresh(workshop, questions):
    simulator = workshop.simulator(records=100, expires_in=1000)
    gateway = workshop.gateway(simulator)
    assert gateway.search("dir=1").status == 200
    hold(simulator, "token")
    simulator.config(clock_offset=1001)
    gateway.move_time(1001)
    with Crowd(gateway) as crowd:
        crowd.ask(lambda number: f"WebHook_ErrorCount={number % questions}")
        simulator.wait_held(1)
        crowd.asked()
        simulator.release()
        assert {answer.status for answer in crowd.answers()} == {200}
    assert grants(simulator) == (1, 1, 0)
    assert simulator.counters()["searches"] == 1 + questions
    assert simulator.counters()["unauthorized"] == 0


@pytest.mark.parametrize("questions", [1, 30, MANY])
@pytest.mark.parametrize("refresh_too", [False, True])
def test_after_a_revocation_there_is_one_refresh_or_login(simulator, gateway, questions, refresh_too):
    assert gateway.search("dir=1").status == 200
    simulator.revoke(access=True, refresh=refresh_too)
    hold(simulator, "search")
    with Crowd(gateway) as crowd:
        crowd.ask(lambda number: f"WebHook_ErrorCount={number % questions}")
        simulator.wait_held(min(questions, 20))
        crowd.asked()
        simulator.release()
        assert {answer.status for answer in crowd.answers()} == {200}
    assert grants(simulator) == ((2, 0, 1) if refresh_too else (1, 1, 0))
    counters = simulator.counters()
    assert counters["calls"]["search"]["200"] == 1 + questions
    assert counters["unauthorized"] <= questions


def test_a_failure_reaches_everybody_who_waits(simulator, gateway):
    gateway.search("dir=1")
    simulator.fault(hold="before", status=403)
    with Crowd(gateway, 200) as crowd:
        crowd.ask()
        simulator.wait_held(1)
        crowd.asked()
        simulator.release()
        answers = crowd.answers()
    assert {answer.status for answer in answers} == {502}
    assert simulator.counters()["searches"] <= 3
    simulator.faults()
    assert gateway.search_as_time_moves().status == 200


def test_who_leaves_takes_nothing_from_those_who_stay(simulator, gateway):
    hold(simulator, "search")
    with Crowd(gateway, 100) as crowd, Crowd(gateway, 100) as leavers:
        leavers.ask()
        crowd.ask()
        simulator.wait_held(1)
        crowd.asked()
        leavers.__exit__()
        simulator.release()
        assert {answer.status for answer in crowd.answers()} == {200}
    assert simulator.counters()["searches"] == 1


def test_all_leave_and_the_next_one_is_served(simulator, gateway):
    hold(simulator, "search")
    with Crowd(gateway, 50) as crowd:
        crowd.ask()
        simulator.wait_held(1)
        crowd.asked()
    simulator.release()
    assert gateway.search().status == 200


def test_a_crowd_on_a_hit_is_served_from_memory(simulator, gateway):
    gateway.search("size=100")
    with Crowd(gateway) as crowd:
        crowd.ask(lambda number: f"size={number % 100 + 1}")
        answers = crowd.answers()
    assert all("hit" in answer.cache_status() for answer in answers)
    assert [len(answer.json()["Records"]) for answer in answers] == [number % 100 + 1 for number in range(MANY)]
    assert simulator.counters()["searches"] == 1


def test_the_budget_holds_in_any_sliding_interval(workshop, simulator):
    """A bucket that refills while it is spent would start 15 in half a second. The simulator refuses the 11th, and looks at half
    the interval only, so that a busy machine may delay a call by the other half."""
    simulator.config(throttle="10/500ms")
    gateway = workshop.gateway(simulator, {"nexudus.budget": "10/1s"})
    with Crowd(gateway, 35) as crowd:
        crowd.ask(lambda number: f"WebHook_ErrorCount={number}")
        found = collections.Counter(answer.status for answer in crowd.answers())
    assert found == {200: 35}
    assert simulator.counters()["throttled"] == 0
