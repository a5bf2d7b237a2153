# SPDX-License-Identifier: MIT
"""What docs/operations.md says under "When Nexudus fails" is read here and tried, cell by cell: each fault of the simulator, with a fresh
answer stored, a stale one, one that is past stale_if_error, and none. What is in the tables and what is here must be the same."""

import itertools
import pathlib
import re

import pytest

from gateway import ROOT, SEARCH
from secrecy import made_up
from simulator import wait_until

PAGE = ROOT / "docs/operations.md"
HOUR = 3600
AGES = {"fresh": 0, "stale": 2 * HOUR, "past `stale_if_error`": 25 * HOUR, "nothing stored": None}

# A table stands under a heading that says where answers are stored; here are the settings for it.
STORES = {"Memory alone": {}, "Redis alone": {"cache.memory": "0kb", "redis.token_key": made_up(64)}}

OURS = {"Content-Type": "application/json"}


def search(**action):
    return {"kind": "search", "action": action}


def token(**action):
    return {"kind": "token", "action": action}


REFUSED = token(status=400, headers=OURS, body='{"error":"invalid_grant"}')

# What the first column's words mean to the simulator. `gone`: our tokens are dead, so that the login is needed. `hangs`: the answer needs
# the clock to be moved past the timeout.
FAULTS = {
    "500": search(status=500),
    "502": search(status=502),
    "503": search(status=503),
    "503 with `Retry-After`": search(status=503, headers={"Retry-After": "2"}),
    "500 with `Retry-After`": search(status=500, headers={"Retry-After": "2"}),
    "409": search(status=409, reason="You must wait before accessing this url again.", headers={"Retry-After": "1"}, body=""),
    "409 without `Retry-After`": search(status=409, body=""),
    "429": search(status=429, headers={"Retry-After": "1"}),
    "HTML with 200": search(html=200),
    "HTML with 503": search(html=503),
    "no body": search(status=200, body=""),
    "broken JSON": search(truncate=1000),
    "a lying envelope": search(envelope={"TotalItems": "3"}),
    "records missing": search(short=1),
    "a record twice": search(twice=True),
    "a cut body": search(cut=1000),
    "a redirect": search(status=302, headers={"Location": "https://login.example.com/"}),
    "404": search(status=404),
    "400": search(status=400),
    "422": search(status=422),
    "403": search(status=403),
    "401 for every token": search(status=401, headers={"WWW-Authenticate": 'Bearer realm="upstream"'}),
    "no answer": search(hold="before") | {"hangs": True},
    "a drip": search(drip=[10, 0.05]) | {"hangs": True},
    "connection dropped": search(drop=True),
    "connection refused": None,
    "tokens revoked": {"gone": True},
    "login refused": REFUSED | {"gone": True},
    "login 500": token(status=500) | {"gone": True},
    "login 409": token(status=409, headers={"Retry-After": "1"}) | {"gone": True},
    "login HTML": token(html=200) | {"gone": True},
    "login dropped": token(drop=True) | {"gone": True},
    "login hangs": token(hold="before") | {"gone": True, "hangs": True},
}

CELL = re.compile(r"(?P<status>\d{3})(?: (?P<word>hit|miss|stale(?:: (?P<why>[^·]+))?))? · (?P<calls>\d+)")


def read_tables():
    """{heading: {fault: {column: cell}}} of the section."""
    section = PAGE.read_text().split("\n## When Nexudus fails\n", 1)[1].split("\n## ", 1)[0]
    found = {}
    for part in section.split("\n### ")[1:]:
        heading, _, text = part.partition("\n")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        if heading.strip() not in STORES:
            continue
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        assert head[1:] == list(AGES), head
        found[heading.strip()] = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
        assert len(found[heading.strip()]) == len(rows), "a fault stands there twice"
    return found


TABLES = read_tables()


def test_the_page_and_this_file_speak_of_the_same():
    assert list(TABLES) == list(STORES)
    for table in TABLES.values():
        assert set(table) == set(FAULTS)


@pytest.fixture(scope="module", params=STORES)
def house(request, module_workshop):
    settings = dict(STORES[request.param])
    simulator = module_workshop.simulator(records=1000)
    redis = module_workshop.redis() if "Redis" in request.param else None
    if redis:
        settings |= {"redis.url": redis.url, "redis.timeout": "10s"}
    return request.param, simulator, module_workshop.gateway(simulator, settings), redis


numbers = itertools.count(1)


def new_question():
    return f"from_WebHook_ErrorCount=-{next(numbers)}"


def calls(gateway):
    return gateway.metrics()["nexgate_upstream_searches_total"]


def heal(simulator, gateway, redis):
    """Nexudus is well, and nothing is left of what was: pauses, back-offs, an open breaker; and a retry is saved up. Redis's own
    clock cannot be moved, so what it holds is dropped."""
    if redis:
        redis("FLUSHALL")
    simulator.faults()
    simulator.release()
    simulator.listen(True)
    gateway.move_time(400)
    for _ in range(6):
        assert gateway.search(new_question()).status == 200


def is_in_redis(redis, query):
    """The window, and the flight that brought it has ended: who asks while it has not, waits for its end."""
    flights = [redis("GET", name) for name in redis("KEYS", f"nexgate:flight:*{query}#*")]
    return bool(redis("KEYS", f"nexgate:v1:*{query}#*")) and not any((flight or b"").startswith(b"F") for flight in flights)


def ask(simulator, gateway, query, hangs):
    """Asks as somebody does who does not wait in the queue; where Nexudus hangs, its time is over when it has the call."""
    with gateway.connect() as connection:
        connection.send(connection.message(SEARCH + "?" + query, fields=gateway.fields(prefer="wait=0")))
        while not connection.readable(0.02):
            if hangs and simulator.busy():
                gateway.move_time(5)
        return connection.answer()


def look(answer, calls):
    """The cell that the answer makes."""
    status = answer.cache_status()
    word = ""
    if answer.status == 200:
        word = " hit" if status.get("hit") else " miss"
        detail = status.get("detail", "")
        if detail.startswith("stale-if-error"):
            word = " stale: " + detail.removeprefix("stale-if-error: ")
    return f"{answer.status}{word} · {calls}"


def check_fields(answer, stored):
    if answer.status == 200:
        assert stored is None or answer.body == stored
        assert answer.fields["Cache-Control"].startswith("private, max-age=")
        return
    assert answer.problem()["detail"]
    assert "WWW-Authenticate" not in answer.fields and "ETag" not in answer.fields
    assert ("Retry-After" in answer.fields) == (answer.status == 503)
    assert answer.status != 503 or 1 <= int(answer.fields["Retry-After"]) <= 60


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("column", AGES)
def test_a_cell(house, fault, column):
    heading, simulator, gateway, redis = house
    rule = dict(FAULTS[fault] or {})
    gone, hangs = rule.pop("gone", False), rule.pop("hangs", False)
    age, query, stored = AGES[column], new_question(), None
    heal(simulator, gateway, redis)
    if age is not None:
        stored = gateway.search(query).body
        if redis:  # the answer does not wait for it
            wait_until(lambda: is_in_redis(redis, query), "the window to be in Redis, and the others to know")
        gateway.move_time(age)
        if age:  # the login is done when its turn comes, the kept connection is there
            assert gateway.search(new_question()).status == 200
    if rule:
        simulator.faults(rule)
    if gone:
        simulator.revoke(access=True, refresh=True)
    if FAULTS[fault] is None:
        simulator.listen(False)
    before = calls(gateway)
    answer = ask(simulator, gateway, query, hangs)
    found = look(answer, calls(gateway) - before)
    assert found == TABLES[heading][fault][column]
    check_fields(answer, stored if answer.status == 200 and " miss " not in found else None)
    if " stale: " in found:
        assert answer.cache_status()["ttl"] < 0 and int(answer.fields["Age"]) >= age
        assert answer.fields["Cache-Control"] == "private, max-age=0"
