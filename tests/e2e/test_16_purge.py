# SPDX-License-Identifier: MIT
"""POST /purge of a gateway alone: what it covers is gone, or stale, from the answer on, however it was on its way."""

import json
import threading

import pytest

from gateway import digest
from secrecy import make_key


def purge(gateway, what, fields=()):
    answer = gateway.ask_admin("/purge?" + what, "POST", fields)
    assert answer.status == 200, answer.body
    said = json.loads(answer.body)
    assert said["silent"] == [] and said["told"] is True
    assert len(said["confirmed"]) == 1 and said["confirmed"][0].endswith(f":{gateway.process.pid}")
    return said


def status(gateway, query, **fields):
    return gateway.search(query, **fields).fields["Cache-Status"]


@pytest.mark.parametrize("what", ["all=1", "entity=webhooks", "query=WebHook_Active%3Dtrue", "query=%3Fwebhook_active%3DTRUE%26page%3D3",
                                  "query=/api/sys/webhooks%3FWebHook_Active%3Dtrue%26size%3D5"])
def test_what_is_purged_is_gone(gateway, simulator, what):
    assert "fwd=uri-miss" in status(gateway, "WebHook_Active=true")
    assert "hit" in status(gateway, "WebHook_Active=true")
    purge(gateway, what)
    assert "fwd=uri-miss" in status(gateway, "WebHook_Active=true")
    assert "hit" in status(gateway, "WebHook_Active=true")
    assert gateway.metrics()["nexgate_purges_total"] == 1


def test_only_what_is_named_is_purged(gateway):
    for query in ("WebHook_Active=true", "WebHook_Active=false", "WebHook_Active=true&size=100&page=3"):
        status(gateway, query)
    said = purge(gateway, "query=WebHook_Active%3Dtrue")
    assert said["purged"] == "nexgate:v1:webhooks:WebHook_Active=true#"
    assert "hit" in status(gateway, "WebHook_Active=false")
    assert "fwd=uri-miss" in status(gateway, "WebHook_Active=true&size=100&page=3")
    assert gateway.metrics()["nexgate_store_entries"] >= 1


def test_a_soft_purge_makes_stale(gateway, simulator):
    status(gateway, "")
    assert purge(gateway, "all=1&soft=1")["soft"] is True
    gateway.move_time(3)
    answer = gateway.search("")
    assert answer.fields["Cache-Status"] == "nexgate; hit; ttl=-3; detail=revalidating"
    assert answer.fields["Cache-Control"] == "private, max-age=0"
    assert answer.fields["Age"] == "3"


def test_a_fetch_under_way_is_not_stored(gateway, simulator):
    simulator.fault(hold="before")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(gateway.search("")))
    waiting.start()
    simulator.wait_held(1)
    purge(gateway, "all=1")
    simulator.faults()
    simulator.release()
    waiting.join()
    assert answers[0].fields["Cache-Status"] == "nexgate; fwd=uri-miss; fwd-status=200"
    assert "fwd=uri-miss" in status(gateway, "")


@pytest.mark.parametrize("what", ["", "all=0", "all=1&entity=webhooks", "entity=coworkers", "entity=webhooks&entity=webhooks", "all=1&soft=2",
                                  "query=NoSuch%3D1", "query=/api/sys/none%3Fa%3D1", "query=%ZZ", "everything=1", "all=1&x=1", "soft=1"])
def test_what_is_no_order_is_refused(gateway, what):
    answer = gateway.ask_admin("/purge?" + what, "POST")
    assert answer.status == 400
    assert answer.fields["Content-Type"] == "application/problem+json"
    assert gateway.metrics()["nexgate_purges_total"] == 0


def test_only_post_purges(gateway):
    answer = gateway.ask_admin("/purge?all=1")
    assert answer.status == 405 and answer.fields["Allow"] == "POST"


def test_the_admin_key_is_asked_for(workshop, simulator):
    key = make_key()
    gateway = workshop.gateway(simulator, settings={"server.admin_key": digest(key)})
    for fields in ({}, {"Authorization": "Bearer " + make_key()}, {"Authorization": "Basic " + key}):
        assert gateway.ask_admin("/purge?all=1", "POST", fields).status == 401
    purge(gateway, "all=1", {"Authorization": "Bearer " + key})
