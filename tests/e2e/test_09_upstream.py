# SPDX-License-Identifier: MIT
"""Nexudus misbehaves in every way it can, and callers get the promised status, in our words, and nothing wrong is kept.

That no token and no word of the upstream gets out is checked at the end of every test (gateway.py)."""

import json

import pytest

from envelopes import Envelope
from gateway import SEARCH
from secrecy import made_up_base32
from simulator import wait_until

TTL = 60
HOUR = 3600

ENVELOPE = {
    "Records": [], "CurrentPage": 1, "CurrentPageSize": 200, "CurrentOrderField": "Id", "CurrentSortDirection": 0, "FirstItem": 0,
    "LastItem": 0, "TotalItems": 0, "TotalPages": 0, "HasNextPage": False, "HasPreviousPage": False, "PageNumber": 1, "PageSize": 200,
}


def body(text):
    """A fault that answers 200 with this text."""
    return {"status": 200, "headers": {"Content-Type": "application/json"}, "body": text}


def lie(**members):
    return {"envelope": {name: value if value is None else str(value) for name, value in members.items()}}


# Faults of a search, each with the status that it means when nothing is stored.
FAULTS = {
    "500": ({"status": 500}, 503),
    "502": ({"status": 502}, 503),
    "503": ({"status": 503}, 503),
    "503 with Retry-After": ({"status": 503, "headers": {"Retry-After": "2"}}, 503),
    "409 as documented": ({"status": 409, "reason": "You must wait before accessing this url again.",
                           "headers": {"Retry-After": "1"}, "body": ""}, 503),
    "409 without Retry-After": ({"status": 409, "body": ""}, 503),
    "409 for a week": ({"status": 409, "headers": {"Retry-After": "604800"}}, 503),
    "429": ({"status": 429, "headers": {"Retry-After": "1"}}, 503),
    "dropped connection": ({"drop": True}, 503),
    "401 for ever": ({"status": 401, "headers": {"WWW-Authenticate": 'Bearer realm="upstream"'}}, 502),
    "403": ({"status": 403}, 502),
    "redirect to a login": ({"status": 302, "headers": {"Location": "https://login.example.com/"}}, 502),
    "HTML with 200": ({"html": 200}, 502),
    "HTML with 503": ({"html": 503}, 503),
    "no content": ({"status": 200, "body": ""}, 502),
    "broken JSON": ({"truncate": 1000}, 502),
    "cut body": ({"cut": 1000}, 502),
    "an array": (body("[]"), 502),
    "another object": (body('{"error":"no"}'), 502),
    "two envelopes": (body(json.dumps(ENVELOPE) * 2), 502),
    "bad UTF-8 escape": (body(json.dumps(ENVELOPE)[:-1] + ',"X":"\\u12"}'), 502),
    "raw control byte": (body(json.dumps(ENVELOPE)[:-1] + ',"X":"\u0001"}'), 502),
    "nested too deep": (body(json.dumps(ENVELOPE)[:-1] + ',"X":' + "[" * 5000 + "]" * 5000 + "}"), 502),
    "17 megabytes": (body(" " * (17 << 20) + json.dumps(ENVELOPE)), 502),
    "a record missing": ({"short": 1}, 502),
    "Records missing": (lie(Records=None), 502),
    "Records null": (lie(Records="null"), 502),
    "Records an object": (lie(Records="{}"), 502),
    "Records of numbers": (lie(Records="[1,2,3]"), 502),
    "TotalItems missing": (lie(TotalItems=None), 502),
    "TotalItems text": (lie(TotalItems='"1000"'), 502),
    "TotalItems negative": (lie(TotalItems=-1), 502),
    "TotalItems a fraction": (lie(TotalItems="1000.5"), 502),
    "TotalItems beyond 64 bits": (lie(TotalItems=10**30), 502),
    "TotalItems less than the records": (lie(TotalItems=3), 502),
    "TotalItems zero": (lie(TotalItems=0), 502),
    "TotalPages wrong": (lie(TotalPages=99), 502),
    "CurrentPage another": (lie(CurrentPage=2, PageNumber=2), 502),
    "CurrentPageSize more than asked": (lie(CurrentPageSize=500, PageSize=500), 502),
    "CurrentPageSize zero": (lie(CurrentPageSize=0, PageSize=0), 502),
    "CurrentOrderField a number": (lie(CurrentOrderField=1), 502),
    "CurrentSortDirection text": (lie(CurrentSortDirection='"up"'), 502),
    "HasNextPage wrong": (lie(HasNextPage="false"), 502),
    "HasNextPage a number": (lie(HasNextPage=1), 502),
    "HasPreviousPage wrong": (lie(HasPreviousPage="true"), 502),
    "FirstItem wrong": (lie(FirstItem=7), 502),
    "LastItem wrong": (lie(LastItem=7), 502),
}


@pytest.fixture(scope="module")
def house(module_workshop):
    """A simulator and a gateway for all faults: what one leaves behind must not trouble the next."""
    simulator = module_workshop.simulator(records=1000)
    return simulator, module_workshop.gateway(simulator)


@pytest.fixture
def simulator(house):
    yield house[0]
    house[0].reset()


@pytest.fixture
def gateway(house, simulator):
    yield house[1]
    house[1].move_time(2 * HOUR)  # pauses and back-offs of this fault are over for the next


questions = iter(range(10_000))


def new_question():
    return f"from_WebHook_ErrorCount=-{next(questions)}"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_with_nothing_stored(simulator, gateway, name):
    fault, status = FAULTS[name]
    query = new_question()
    simulator.fault(**fault)
    answer = gateway.search_as_time_moves(query)
    assert answer.status == status, answer.body
    problem = answer.problem()
    assert problem["detail"]
    assert "WWW-Authenticate" not in answer.fields and "ETag" not in answer.fields
    if status == 503:
        assert 1 <= int(answer.fields["Retry-After"]) <= 60
    assert answer.cache_status()["fwd"] == "uri-miss"
    assert simulator.counters()["searches"] <= 12

    simulator.faults()
    gateway.move_time(120)
    healed = gateway.search_as_time_moves(query)
    assert healed.status == 200 and healed.cache_status()["fwd"] == "uri-miss"


@pytest.mark.parametrize("name", [
    "500", "503 with Retry-After", "409 as documented", "409 without Retry-After", "429", "dropped connection", "HTML with 200",
    "broken JSON", "a record missing", "cut body", "401 for ever", "403",
])
def test_a_fault_with_a_stale_answer_stored(simulator, gateway, name):
    fault, _ = FAULTS[name]
    query = new_question()
    before = gateway.search_as_time_moves(query)
    assert before.status == 200
    simulator.fault(**fault)
    gateway.move_time(2 * HOUR)
    answer = gateway.search_as_time_moves(query)
    assert answer.status == 200 and answer.body == before.body
    status = answer.cache_status()
    assert status["hit"] is True and status["ttl"] < -HOUR and status["detail"].startswith("stale-if-error: ")
    assert answer.fields["Cache-Control"] == "private, max-age=0" and int(answer.fields["Age"]) >= 2 * HOUR
    if name[:3] in ("500", "503", "409", "429", "403"):
        assert status["detail"] == f"stale-if-error: {name[:3]}"
    gateway.move_time(24 * HOUR)
    assert gateway.search_as_time_moves(query).status == FAULTS[name][1]


def test_a_bad_query_is_ours_to_tell_and_no_reason_for_stale(simulator, gateway):
    query = new_question()
    simulator.fault(status=400)
    for _ in range(5):  # the refusal is remembered for negative_ttl
        answer = gateway.search(query)
        assert answer.status == 400
        answer.problem()
    assert simulator.counters()["searches"] == 1
    simulator.faults()
    gateway.move_time(6)
    assert gateway.search(query).status == 200
    gateway.move_time(2 * HOUR)
    simulator.fault(status=400)
    assert gateway.search_as_time_moves(query).status == 400


@pytest.mark.parametrize("fault", [{"hold": "before"}, {"drip": [10, 0.05]}], ids=["no answer", "drip"])
def test_an_answer_that_does_not_come_in_time_is_504(simulator, gateway, fault):
    query = new_question()
    assert gateway.search(new_question()).status == 200
    simulator.fault(**fault)
    with gateway.connect() as connection:
        connection.send(connection.message(f"{SEARCH}?{query}", fields=gateway.fields()))
        if "hold" in fault:
            simulator.wait_held(1)
        assert not connection.readable(0.05)
        while not connection.readable(0.05):
            gateway.move_time(5)
        answer = connection.answer()
    assert answer.status == 504
    answer.problem()
    simulator.release()
    simulator.faults()
    gateway.move_time(120)
    assert gateway.search_as_time_moves(query).cache_status() == {"fwd": "uri-miss", "fwd-status": 200, "stored": True}


def test_nobody_listens(simulator, gateway):
    query = new_question()
    stored = gateway.search_as_time_moves(query)
    simulator.listen(False)
    answer = gateway.search_as_time_moves(new_question())
    assert answer.status == 503 and int(answer.fields["Retry-After"]) >= 1
    answer.problem()
    assert gateway.search(query).body == stored.body
    gateway.move_time(2 * HOUR)
    stale = gateway.search_as_time_moves(query)
    assert stale.status == 200 and stale.cache_status()["detail"].startswith("stale-if-error")
    simulator.listen(True)
    gateway.move_time(120)
    assert gateway.search_as_time_moves(query, cache_control="no-cache").status == 200


def test_a_broken_kept_connection_is_no_error(simulator, gateway):
    """The upstream closes its idle connections; the next search goes over a new one."""
    assert gateway.search_as_time_moves(new_question()).status == 200
    for _ in range(5):
        simulator.listen(False)
        simulator.listen(True)
        assert gateway.search(new_question()).status == 200


@pytest.mark.parametrize("form", [{"gzip": True}, {"chunked": True}, {"gzip": True, "chunked": True}, {"drip": [1000, 0]}],
                         ids=["gzip", "chunked", "both", "pieces"])
def test_other_ways_to_send_the_same(simulator, gateway, form):
    query = new_question() + "&size=200"
    theirs = Envelope(next(simulator.direct([f"{SEARCH}?{query}"])).body)
    simulator.fault(**form)
    ours = Envelope(gateway.search_as_time_moves(query).body)
    assert ours.records == theirs.records and dict(ours.others()) == dict(theirs.others())


def test_a_throttle_that_passes_is_waited_for(simulator, gateway):
    simulator.fault(status=409, headers={"Retry-After": "1"}, body="", count=2)
    answer = gateway.search_as_time_moves(new_question(), step=0.1)
    assert answer.status == 200
    assert simulator.counters()["calls"]["search"] == {"409": 2, "200": 1}


def test_a_pause_holds_for_every_question(simulator, gateway):
    simulator.fault(status=409, headers={"Retry-After": "10"}, body="", count=1)
    assert gateway.search(new_question()).status == 503
    calls = simulator.counters()["searches"]
    for _ in range(20):
        answer = gateway.search(new_question())
        assert answer.status == 503 and 1 <= int(answer.fields["Retry-After"]) <= 12  # a little jitter is allowed
    assert simulator.counters()["searches"] == calls
    gateway.move_time(12)
    assert gateway.search(new_question()).status == 200


# The login

def test_refused_credentials_are_502_and_not_hammered(workshop):
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator)
    refusal = '{"error":"invalid_grant","error_description":"no"}'
    simulator.fault("token", status=400, headers={"Content-Type": "application/json"}, body=refusal)
    for number in range(30):
        answer = gateway.search(f"WebHook_ErrorCount={number}")
        assert answer.status == 502
        answer.problem()
    assert simulator.counters()["calls"]["token"]["400"] <= 3  # at once, and after one and three seconds if this took so long
    assert gateway.ask_admin("/readyz").status == 503
    assert gateway.ask_admin("/readyz").json()["reasons"]
    tries = []
    for _ in range(40):  # the pause between two tries grows, up to a minute
        gateway.move_time(30)
        gateway.search_as_time_moves("dir=1")
        tries.append(simulator.counters()["calls"]["token"]["400"])
    assert tries[-1] >= tries[0] + 10 and tries[-1] - tries[19] <= 20 + 2
    simulator.faults()
    gateway.move_time(70)  # a minute, and its jitter
    assert gateway.search().status == 200
    assert gateway.ask_admin("/readyz").status == 200


@pytest.mark.parametrize("fault, statuses", [
    ({"status": 500}, {503}), ({"status": 409, "headers": {"Retry-After": "1"}}, {503}), ({"drop": True}, {503}),
    ({"html": 200}, {502, 503}), (body('{"access_token":""}'), {502, 503}), (body("{}"), {502, 503}),
    (body('{"access_token":"a\\r\\nb","expires_in":9}'), {502, 503}),
], ids=["500", "409", "dropped", "HTML", "empty", "nothing", "line break"])
def test_a_login_that_cannot_be_had(workshop, fault, statuses):
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator)
    simulator.fault("token", **fault)
    answer = gateway.search_as_time_moves()
    assert answer.status in statuses
    answer.problem()
    if answer.status == 503:
        assert int(answer.fields["Retry-After"]) >= 1
    simulator.faults()
    gateway.move_time(120)
    assert gateway.search_as_time_moves().status == 200


def test_every_fresh_token_refused_is_said_loudly_and_not_hammered(workshop):
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator)
    simulator.fault(status=401)
    for number in range(20):
        assert gateway.search(f"WebHook_ErrorCount={number}").status in (502, 503)
    counters = simulator.counters()
    assert counters["logins"] + counters["refreshes"] <= 3 and counters["searches"] <= 6
    assert any("client_id" in line for line in gateway.log)
    simulator.faults()
    gateway.move_time(120)
    assert gateway.search_as_time_moves().status == 200


def test_a_token_is_renewed_ahead_of_its_expiry_and_used_up_when_that_fails(workshop):
    simulator = workshop.simulator(records=10, expires_in=1000)
    gateway = workshop.gateway(simulator)
    assert gateway.search("WebHook_ErrorCount=1").status == 200
    gateway.move_time(790)
    assert gateway.search("WebHook_ErrorCount=2").status == 200
    assert simulator.counters()["refreshes"] == 0
    simulator.fault("token", status=500)
    gateway.move_time(115)  # past the last moment to start a renewal, before the expiry
    assert gateway.search("WebHook_ErrorCount=3").status == 200
    simulator.faults()
    gateway.move_time(70)
    wait_until(lambda: gateway.search().status == 200 and simulator.counters()["refreshes"] == 1, "the renewal")
    assert simulator.counters()["logins"] == 1


def test_the_client_id_goes_with_every_grant(workshop):
    for client_id in (None, "our own"):
        simulator = workshop.simulator(records=10, expires_in=1000)
        gateway = workshop.gateway(simulator, {"nexudus.client_id": client_id} if client_id else None)
        gateway.search()
        simulator.config(clock_offset=1001)
        gateway.move_time(1001)
        assert gateway.search("dir=1").status == 200
        counters = simulator.counters()
        assert (counters["logins"], counters["refreshes"], counters["token_failures"]) == (1, 1, 0)
        sent = [call["headers"].get("client_id") for call in counters["recent"] if call["kind"] == "token"]
        assert sent[0] == client_id and sent[1] == (client_id or simulator.username)


def test_a_refresh_token_that_is_dead_leads_to_a_login(workshop):
    simulator = workshop.simulator(records=10, expires_in=1000)
    gateway = workshop.gateway(simulator)
    gateway.search()
    simulator.revoke(access=True, refresh=True)
    gateway.move_time(1001)
    assert gateway.search_as_time_moves("dir=1").status == 200
    counters = simulator.counters()
    assert (counters["logins"], counters["refreshes"], counters["token_failures"]) == (2, 0, 1)


def test_no_one_time_code_is_sent_twice(workshop):
    secret = made_up_base32()
    spaced = f"{secret[:4]} {secret[4:8]} {secret[8:]}"
    simulator = workshop.simulator(records=10, totp_secret=spaced)
    gateway = workshop.gateway(simulator, {"nexudus.totp_secret": spaced})
    moved = lambda seconds: simulator.config(clock_offset=seconds)  # noqa: E731
    for number in range(4):
        answer = gateway.search_as_time_moves(f"WebHook_ErrorCount={number}", on_step=moved)
        while answer.status != 200:  # the code of these 30 seconds is used up
            assert answer.status in (502, 503, 504)
            gateway.move_time(10)
            moved(gateway.moved())
            answer = gateway.search_as_time_moves(f"WebHook_ErrorCount={number}", on_step=moved)
        simulator.revoke(access=True, refresh=True)
    counters = simulator.counters()
    assert counters["logins"] == 4
    refused_codes = counters["calls"]["token"].get("400", 0) - 3  # each revocation costs one refused refresh
    assert refused_codes == 0
