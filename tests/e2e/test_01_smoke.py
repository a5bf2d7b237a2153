# SPDX-License-Identifier: MIT
"""One search goes all the way, in the simplest case."""

import json

from envelopes import Envelope
from gateway import ROOT, SEARCH


def test_a_search_is_answered_from_nexudus_and_then_from_memory(simulator, gateway):
    first, second = gateway.search("size=10"), gateway.search("size=10")
    assert first.status == second.status == 200
    assert first.cache_status() == {"fwd": "uri-miss", "fwd-status": 200, "stored": True}
    assert second.cache_status()["hit"] is True
    assert first.body == second.body
    counters = simulator.counters()
    assert (counters["searches"], counters["logins"], counters["refreshes"]) == (1, 1, 0)


def test_the_answer_is_what_nexudus_would_have_sent(simulator, gateway):
    ours = Envelope(gateway.search("size=10&page=3").body)
    theirs = Envelope(next(simulator.direct([SEARCH + "?size=10&page=3"])).body)
    assert ours.records == theirs.records
    assert ours.others() == theirs.others()


def test_a_differently_written_search_is_the_same_search(simulator, gateway):
    spellings = ["WebHook_Active=true&size=5", "size=05&webhook_ACTIVE=True&dir=0", "page=1&WebHook_Name=&WebHook%5fActive=TRUE&size=5",
                 "orderBy=id&WebHook_Active=true&dir=Ascending&size=5&page="]
    answers = [gateway.search(spelling) for spelling in spellings]
    assert len({answer.body for answer in answers}) == 1
    assert [answer.cache_status().get("hit") for answer in answers] == [None, True, True, True]
    assert simulator.counters()["searches"] == 1


def test_a_connection_is_kept(gateway):
    with gateway.connect() as connection:
        for number in range(5):
            answer = connection.request(f"{SEARCH}?size=3&page={number + 1}", fields=gateway.fields())
            assert answer.status == 200 and len(answer.json()["Records"]) == 3


def test_healthz_needs_no_key(gateway):
    with gateway.connect() as connection:
        assert connection.request("/healthz").status == 200
        assert connection.request("/healthz", "HEAD").status == 200


def test_the_admin_listener_tells_how_it_goes(gateway):
    gateway.search()
    assert gateway.ask_admin("/healthz").status == 200
    assert gateway.ask_admin("/readyz").status == 200
    status = gateway.ask_admin("/status")
    assert status.status == 200 and status.fields["Content-Type"].startswith("application/json")
    assert isinstance(json.loads(status.body), dict)
    metrics = gateway.metrics()
    assert metrics['nexgate_requests_total{client="alpha",outcome="miss",status="200"}'] == 1
    assert metrics["nexgate_upstream_searches_total"] == 1
    assert metrics['nexgate_token_grants_total{grant="password"}'] == 1
    assert metrics["nexgate_store_entries"] == 1


def test_a_second_entity_is_a_file_and_no_code(workshop):
    folder = ROOT / "tests/data"
    simulator = workshop.simulator(records=700)
    gateway = workshop.gateway(simulator, {"server.entities": str(folder)})
    path = "/api/spaces/coworkers"
    targets = [f"{path}?size={size}&page={number}" for size in (7, 99, 100) for number in (1, 2, 3, 7, 50)]
    targets += [f"{path}?Coworker_Tag=vip&Coworker_Tag=a+b&orderBy=Email&dir=0",
                f"{path}?Coworker_Active=false&from_Coworker_CreatedOn=2025-01-01T00:00"]
    with gateway.connect() as connection:
        for target, theirs in zip(targets, simulator.direct(targets)):
            answer = connection.request(target, fields=gateway.fields())
            assert answer.status == 200, (target, answer.body)
            ours, theirs = Envelope(answer.body), Envelope(theirs.body)
            assert ours.records == theirs.records, target
            assert ours.others() == theirs.others(), target
        assert connection.request(f"{path}?size=101", fields=gateway.fields()).status == 400
        assert connection.request(f"{path}?WebHook_Name=x", fields=gateway.fields()).status == 400
