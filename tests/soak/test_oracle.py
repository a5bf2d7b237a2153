# SPDX-License-Identifier: MIT
"""The oracle itself: true answers pass, and each kind of wrong answer is found. No gateway is needed."""

import pathlib
import sys
import urllib.parse

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent)]

from envelopes import Envelope  # noqa: E402
from oracle import CALL_MAX, SIE, SWR, TTL, Oracle  # noqa: E402
from simulator import Simulator  # noqa: E402
from stage import ALL, History  # noqa: E402
from traffic import Request  # noqa: E402
from world import QUESTIONS, RECORDS, SEED, WAVE, World, change_of  # noqa: E402

TARGET = 1, 2, 25  # question, page, size
EVERY = 30.0  # seconds that each generation is current for
NEWEST = 6
NOW = 1000.0


def moment(generation):
    """When it became current; the newest has been so for EVERY seconds now."""
    return NOW - EVERY * (NEWEST + 1 - generation)


class Case:
    """An answer that was read NOW, and the request for it. What is not said otherwise is right: fetched `age` seconds ago."""

    def __init__(self):
        self.history = History()
        for generation in range(1, NEWEST + 1):
            self.history.began[generation] = self.history.made[generation] = moment(generation)
        self.history.generation.value = NEWEST
        self.oracle, self.world = Oracle(self.history), World()
        self.world.advance(NEWEST)

    def page(self, generation=NEWEST, target=TARGET):
        question, page, size = target
        return self.world.page(question, generation, page, size)

    def purge(self, question, ordered, answered):
        at = self.history.purge_count.value
        self.history.purges[3 * at:3 * at + 3] = [question, ordered, answered]
        self.history.purge_count.value = at + 1

    def judge(self, body=None, *, age=0, status="nexgate; hit; ttl=3", etag='"e"', sent=NOW - 0.1, target=TARGET, method="GET", **asks):
        request = Request(b"", {200}, method, target)
        request.sent = sent
        for name, value in asks.items():
            setattr(request, name, value)
        head = {"cache-status": status, "age": str(age), "etag": etag, "content-length": str(len(body or b""))}
        return self.oracle.judge(request, head, body, NOW)


@pytest.fixture
def case():
    return Case()


HIT = "nexgate; hit; ttl=3"
LATE = f"nexgate; hit; ttl={-SWR}; detail=revalidating"
STALE = f'nexgate; hit; ttl={-SIE}; detail="stale-if-error: 503"'
MISS = "nexgate; fwd=uri-miss; fwd-status=200; stored"


def test_true_answers_pass(case):
    for question in range(len(QUESTIONS)):
        for page, size in ((1, 10), (2, 70), (99, 300)):
            target = question, page, size
            assert case.judge(case.page(target=target), target=target, etag=f'"{target}"') is None
    for status, age in ((MISS, 0), (LATE, TTL + SWR), (STALE, TTL + SIE), ("nexgate; hit; ttl=0", TTL)):
        assert case.judge(case.page(), status=status, age=age) is None
    assert case.judge(status=HIT, method="HEAD") is None
    assert case.judge(status=HIT) is None  # 304, and the ETag is known
    case.history.made[NEWEST] = case.history.began[NEWEST] = NOW - 5  # it has just changed
    assert case.judge(case.page(NEWEST - 1), age=5, status="nexgate; hit; ttl=-2; detail=revalidating", etag='"before"') is None


def test_a_page_that_is_too_old_is_found(case):
    assert "generation 5" in case.judge(case.page(NEWEST - 1))
    assert "generation 5" in case.judge(case.page(NEWEST - 1), age=TTL + SIE, status=STALE)
    case.oracle = Oracle(case.history)
    assert case.judge(case.page(NEWEST - 1), age=int(EVERY), status=STALE.replace(str(-SIE), "-40")) == f"older than {TTL + SIE} s"


def test_a_page_of_the_future_is_found(case):
    """That Nexudus did not have yet when the answer says that it was fetched, nor within the time of a call."""
    case.history.began[NEWEST] = case.history.made[NEWEST] = NOW - 1
    assert "generation 6" in case.judge(case.page(), age=int(CALL_MAX) + 2, status="nexgate; hit; ttl=-3; detail=revalidating")


def test_answers_to_other_questions_are_found(case):
    for other in ((4, 2, 25), (1, 3, 25), (1, 2, 10), (0, 2, 25), (2, 2, 25)):
        assert "the page of no generation" in case.judge(case.page(target=other), etag=f'"{other}"'), other


def test_a_page_of_two_generations_is_found(case):
    """Records of one, records of another, and the envelope of either."""
    target = 0, 1, 300
    new, old = case.page(NEWEST, target), case.page(NEWEST - 1, target)
    cut = new.index(b'"Id":', len(new) // 2)
    mixed = new[:cut] + old[old.index(new[cut:cut + 15]):]
    assert mixed != old and "the page of no generation" in case.judge(mixed, target=target)


def test_every_changed_byte_of_an_envelope_is_found(case):
    """Or of a record; every tenth, for the time it takes."""
    target = 1, 1, 10
    body = case.page(target=target)
    for at in range(0, len(body), 10):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        assert case.judge(changed, target=target, etag=f'"{at}"'), at


def test_records_that_are_missing_twice_or_in_another_order_are_found(case):
    target = 1, 1, 10
    good = case.page(target=target)
    one, two = Envelope(good).records[:2]
    for number, bad in enumerate((good.replace(one, b"", 1), good.replace(one, two, 1),
                                  good.replace(one, b"@", 1).replace(two, one, 1).replace(b"@", two, 1))):
        assert bad != good and case.judge(bad, target=target, etag=f'"{number}"')


def test_what_a_purge_should_have_ended_is_found(case):
    case.purge(ALL, NOW - 2, NOW - 1)
    changed = NOW - 2.5
    case.history.began[NEWEST] = case.history.made[NEWEST] = changed
    assert "generation 5" in case.judge(case.page(NEWEST - 1), age=2, status="nexgate; hit; ttl=1")
    case = Case()
    case.history.began[NEWEST] = case.history.made[NEWEST] = changed
    case.purge(TARGET[0] + 1, NOW - 2, NOW - 1)  # of another query
    case.purge(TARGET[0], NOW - 2, NOW - 0.05)  # confirmed after the request was sent
    assert case.judge(case.page(NEWEST - 1), age=3, status="nexgate; hit; ttl=0") is None


def test_an_age_that_reaches_back_before_a_purge_is_found(case):
    """Though the data are the same as before it."""
    case.purge(ALL, NOW - 1.5, NOW - 1)
    assert case.judge(case.page(), age=1, status="nexgate; hit; ttl=2") is None
    assert case.judge(case.page(), age=2, status="nexgate; hit; ttl=1") == "fetched before a purge, as its Age says"
    assert case.judge(case.page(), age=2, status="nexgate; hit; ttl=1", sent=NOW - 1.1) is None  # before the purge was confirmed


def test_what_the_request_forbids_is_found(case):
    page = case.page()
    assert case.judge(page, no_cache=True) == "a hit for no-cache"
    assert case.judge(page, only_if_cached=True, status=MISS) == "forwarded in spite of only-if-cached"
    assert case.judge(page, age=2, status="nexgate; hit; ttl=1", min_fresh=2) == "less fresh than min-fresh"
    assert case.judge(page, age=2, status="nexgate; hit; ttl=1", max_age=1) == "older than max-age"
    assert case.judge(page, age=TTL + 3, status="nexgate; hit; ttl=-3", max_stale=2) == f"older than {TTL + 2} s"
    case.history.began[NEWEST] = case.history.made[NEWEST] = NOW - 0.5  # just before it was sent
    assert "generation 5" in case.judge(case.page(NEWEST - 1), no_cache=True, status="nexgate; fwd=request; fwd-status=200; stored")


def test_what_the_answer_says_of_itself_is_held_against_it(case):
    page = case.page()
    assert case.judge(page, status="nexgate; hit; ttl=3; detail=odd; x") == "Cache-Status or Age is missing or odd"
    assert case.judge(page, status="nexgate; ttl=3") == "neither a hit nor forwarded"
    assert case.judge(page, age=2, status=HIT) == "ttl and Age are more than the lifetime"
    assert case.judge(page, age=TTL + 1, status="nexgate; hit; ttl=-1") == f"older than {TTL} s"
    assert case.judge(page, age=TTL + SWR + 1, status="nexgate; hit; ttl=-5; detail=revalidating") == f"older than {TTL + SWR} s"
    assert case.judge(page, etag="") == "no ETag"
    assert case.judge(None) == "a 304 with an ETag that was never given for it"
    assert case.judge(page) is None
    assert case.judge(case.page(NEWEST - 1)) == "the same ETag for another page"
    assert case.judge(b"{}", etag='"x"') is not None and case.judge(b"", etag='"y"') is not None


def test_a_304_is_judged_by_the_page_that_it_stands_for(case):
    assert case.judge(case.page(NEWEST - 1), age=TTL + SIE, status=STALE) is not None  # learnt, and wrong
    case.oracle.known.clear()
    case.history.began[NEWEST] = case.history.made[NEWEST] = NOW - 3
    assert case.judge(case.page(NEWEST - 1), age=3, status="nexgate; hit; ttl=0") is None
    case.history.began[NEWEST] = case.history.made[NEWEST] = moment(NEWEST)
    assert "generation 5" in case.judge(None)
    assert "generation 5" in case.judge(None, method="HEAD")


def test_the_evidence_says_what_was_allowed(case):
    case.purge(ALL, NOW - 2, NOW - 1)
    request = Request(b"", {200}, "GET", TARGET)
    request.sent = NOW - 0.1
    lines = "\n".join(case.oracle.explain(request, {"age": "1"}, NOW))
    assert f"from {NOW - 2:.3f} to {NOW:.3f}" not in lines  # the purge is not known to the oracle before it judged something
    case.judge(case.page())
    lines = "\n".join(case.oracle.explain(request, {"age": "1"}, NOW))
    assert f"from {NOW - 2:.3f} to {NOW:.3f}" in lines and f"generation {NEWEST}" in lines and "purge of everything" in lines


def test_no_two_generations_can_be_mistaken_for_each_other():
    """Each differs from those before it, as far back as anything may be served, in every page of every question."""
    world = World()
    reach = 40  # generations; none is current for less than a second
    assert reach < WAVE and reach > TTL + SIE + CALL_MAX
    for generation in (1, 30, WAVE - 1, WAVE, WAVE + 5):
        world.advance(generation + reach)
        for question in range(len(QUESTIONS)):
            totals = {world.total(question, g) for g in range(generation, generation + reach)}
            assert len(totals) == reach


def test_the_world_is_the_simulators():
    """Byte for byte, some generations later."""
    simulator, world = Simulator(records=RECORDS, seed=SEED), World()
    try:
        for generation in range(1, 4):
            simulator.records(**change_of(generation))
            world.advance(generation)
            targets = [(question, page, 150) for question in range(len(QUESTIONS)) for page in (1, 2)]
            paths = [f"/api/sys/webhooks?{urllib.parse.urlencode(QUESTIONS[q])}&page={page}&size={size}" for q, page, size in targets]
            for target, answer in zip(targets, simulator.direct(paths)):
                assert answer.body == world.page(target[0], generation, *target[1:]), target
    finally:
        simulator.close()
