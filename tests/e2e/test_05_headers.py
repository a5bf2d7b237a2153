# SPDX-License-Identifier: MIT
"""What an answer says of itself: validators, age, where it came from, what is left of the quota, whose request it was."""

import email.utils
import re
import time

import pytest

from gateway import SEARCH

TTL = 60


def test_a_search_says_all_that_is_promised(gateway):
    for answer in (gateway.search(), gateway.search()):
        assert answer.fields["Content-Type"] == "application/json; charset=utf-8"
        assert int(answer.fields["Content-Length"]) == len(answer.body)
        assert abs(email.utils.parsedate_to_datetime(answer.fields["Date"]).timestamp() - time.time()) < 60
        assert answer.fields["X-Request-Id"]
        assert answer.fields["No-Vary-Search"] == "key-order"
        assert re.fullmatch(r'"[!#-~]+"', answer.fields["ETag"])
        assert answer.fields["Age"] == "0"
        assert answer.fields["Cache-Control"] == f"private, max-age={TTL}"
        assert len(answer.fields.all("Cache-Status")) == 1
        for name in ("Retry-After", "WWW-Authenticate", "Set-Cookie", "Pragma", "Expires", "Vary", "RateLimit", "RateLimit-Policy"):
            assert name not in answer.fields


# Validators

def test_an_etag_is_of_the_pages_bytes(gateway, simulator):
    tags = [gateway.search(query).fields["ETag"] for query in ("size=5", "size=5&page=2", "size=6", "size=5&dir=1")]
    assert len(set(tags)) == 4
    assert gateway.search("size=5", cache_control="no-cache").fields["ETag"] == tags[0]
    simulator.records(add=1)
    assert gateway.search("size=5", cache_control="no-cache").fields["ETag"] != tags[0]


def test_an_etag_is_the_same_on_all_instances(workshop, simulator, gateway):
    other = workshop.gateway(simulator)
    assert gateway.search("size=30&page=7").fields["ETag"] == other.search("size=30&page=7").fields["ETag"]


@pytest.mark.parametrize("form, status", [
    ("{tag}", 304), ("W/{tag}", 304), ("*", 304), ('"other", {tag}', 304), ('W/"a,b" , "c",W/{tag}', 304), ("{tag}, {tag}", 304),
    ('"other"', 200), ('W/"other"', 200), ("", 200), ('"{bare}x"', 200), ("{bare}", 200), ('"*"', 200),
])
def test_if_none_match(gateway, form, status):
    whole = gateway.search("size=5")
    tag = whole.fields["ETag"]
    answer = gateway.search("size=5", if_none_match=form.format(tag=tag, bare=tag.strip('"')))
    assert answer.status == status
    assert answer.fields["ETag"] == tag
    assert answer.body == (b"" if status == 304 else whole.body)
    if status == 304:
        assert answer.fields.get("Content-Length", str(len(whole.body))) == str(len(whole.body))
        for name in ("Cache-Control", "Age", "Date", "X-Request-Id", "Cache-Status"):
            assert name in answer.fields


def test_if_none_match_on_several_lines(gateway):
    tag = gateway.search("size=5").fields["ETag"]
    with gateway.connect() as connection:
        fields = [*gateway.fields().items(), ("If-None-Match", '"x"'), ("If-None-Match", tag)]
        assert connection.request(SEARCH + "?size=5", fields=fields).status == 304
        assert connection.request(SEARCH + "?size=5", fields=gateway.fields()).status == 200


def test_304_also_after_a_fetch(gateway, simulator):
    tag = gateway.search("size=5").fields["ETag"]
    gateway.move_time(TTL * 20)
    answer = gateway.search("size=5", if_none_match=tag)
    assert answer.status == 304 and answer.cache_status()["fwd"] == "stale"
    assert gateway.search("size=6", if_none_match="*").status == 304
    assert simulator.counters()["searches"] == 2


# Age and origin

def test_age_and_the_time_left(gateway):
    gateway.search("size=5")
    gateway.move_time(17)
    answer = gateway.search("size=9&page=3")
    age, left = int(answer.fields["Age"]), answer.cache_status()["ttl"]
    assert 17 <= age < TTL and age + left in (TTL, TTL - 1)
    assert answer.fields["Cache-Status"] == f"nexgate; hit; ttl={left}"
    assert answer.fields["Cache-Control"] == f"private, max-age={TTL}"


def test_the_age_of_a_page_is_that_of_its_older_window(gateway):
    gateway.search("size=200&page=1")
    gateway.move_time(20)
    gateway.search("size=200&page=2")
    gateway.move_time(5)
    assert 25 <= int(gateway.search("size=150&page=2").fields["Age"]) < TTL
    assert 5 <= int(gateway.search("size=200&page=2").fields["Age"]) < 25


def test_where_an_answer_came_from(workshop, simulator):
    gateway = workshop.gateway(simulator, {"cache.stale_while_revalidate": "0s"})
    assert gateway.search().fields["Cache-Status"] == "nexgate; fwd=uri-miss; fwd-status=200; stored"
    assert gateway.search(cache_control="no-cache").fields["Cache-Status"] == "nexgate; fwd=request; fwd-status=200; stored"
    gateway.move_time(TTL + 1)
    assert gateway.search().fields["Cache-Status"] == "nexgate; fwd=stale; fwd-status=200; stored"
    assert gateway.search("size=3&dir=1", cache_control="no-store").fields["Cache-Status"] == "nexgate; fwd=uri-miss; fwd-status=200"
    assert gateway.search("size=3&dir=1").fields["Cache-Status"] == "nexgate; fwd=uri-miss; fwd-status=200; stored"


def test_who_waited_for_anothers_fetch_says_so(gateway, simulator):
    simulator.fault(hold="before")
    with gateway.connect() as first, gateway.connect() as second:
        message = first.message(SEARCH, fields=gateway.fields())
        first.send(message)
        simulator.wait_held(1)
        second.send(message)
        gateway.wait_read([second])
        simulator.release()
        statuses = [connection.answer().fields["Cache-Status"] for connection in (first, second)]
    assert statuses == ["nexgate; fwd=uri-miss; fwd-status=200; stored", "nexgate; fwd=uri-miss; fwd-status=200; stored; collapsed"]


# Quota

def test_the_quota_is_on_every_authenticated_answer(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"limited": {"rate": "1/m", "burst": 30, "misses": "2000/day"}})
    tag = gateway.search("size=5").fields["ETag"]
    policy = '"rate";q=30;w=1800, "misses";q=2000;w=86400'
    asked = [
        (dict(query="size=5"), 200, 29), (dict(query="size=5"), 200, 28), (dict(query="size=5", if_none_match=tag), 304, 27),
        (dict(query="size=5", method="HEAD"), 200, 26), (dict(query="size=0"), 400, 26), (dict(query="size=5", method="POST"), 405, 26),
        (dict(query="dir=1", cache_control="only-if-cached"), 504, 25),
    ]
    for arguments, status, left in asked:
        answer = gateway.search(client="limited", **arguments)
        assert answer.status == status, arguments
        assert answer.fields["RateLimit-Policy"] == policy
        match = re.fullmatch(r'"rate";r=(\d+);t=(\d+), "misses";r=(\d+);t=(\d+)', answer.fields["RateLimit"])
        assert match, answer.fields["RateLimit"]
        assert int(match[1]) == left
        assert 0 < int(match[2]) <= (30 - left) * 60
        assert int(match[3]) == 2000 and 0 < int(match[4]) <= 86400


@pytest.mark.parametrize("rate, burst, quota, seconds", [
    ("10/s", None, 10, 1), ("10/s", 20, 20, 2), ("50/s", 101, 101, 3), ("1/m", None, 1, 60), ("100/250ms", 50, 50, 1), ("7/3s", 10, 10, 5),
    ("1000/h", 1000, 1000, 3600),
])
def test_the_policy_is_burst_and_the_seconds_to_refill_it(workshop, simulator, rate, burst, quota, seconds):
    gateway = workshop.gateway(simulator, clients={"limited": {"rate": rate} | ({"burst": burst} if burst else {})})
    answer = gateway.search(client="limited")
    assert answer.fields["RateLimit-Policy"] == f'"rate";q={quota};w={seconds}'
    assert re.fullmatch(r'"rate";r=\d+;t=\d+', answer.fields["RateLimit"])


def test_misses_alone(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"limited": {"misses": "5/day"}})
    fields = [gateway.search(query, client="limited").fields["RateLimit"] for query in ("", "", "dir=1")]
    assert [re.fullmatch(r'"misses";r=(\d+);t=\d+', field)[1] for field in fields] == ["4", "4", "3"]
    assert gateway.search(client="limited").fields["RateLimit-Policy"] == '"misses";q=5;w=86400'


# Request ids

@pytest.mark.parametrize("given", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "a", "A.b_c-D", "req:7/1", "x" * 64])
def test_a_sane_request_id_is_kept(gateway, given):
    answer = gateway.search(x_request_id=given)
    assert answer.fields["X-Request-Id"] == given
    assert gateway.search("size=0", x_request_id=given).problem()["instance"] == given


@pytest.mark.parametrize("given", ["", "x" * 5000, "a b", "caf\u00e9", 'a"b', "a\tb"])
def test_another_request_id_is_replaced(gateway, given):
    answer = gateway.search("size=0", x_request_id=given)
    assert answer.status == 400
    ours = answer.fields["X-Request-Id"]
    assert ours != given and re.fullmatch(r"[!-~]{8,64}", ours)
    assert answer.problem()["instance"] == ours


def test_our_request_ids_differ(gateway):
    assert len({gateway.search().fields["X-Request-Id"] for _ in range(20)}) == 20


# HEAD

def test_head_is_get_without_a_body(gateway):
    gateway.search("size=5")
    get, head = gateway.search("size=5"), gateway.search("size=5", method="HEAD")
    assert head.status == 200 and head.body == b""

    def steady(answer):
        return [(name, value) for name, value in answer.fields.pairs if name not in ("Date", "X-Request-Id", "Age", "Cache-Status")]

    assert steady(head) == steady(get)
    with gateway.connect() as connection:
        fields = gateway.fields()
        connection.send(b"".join(connection.message(target, method, fields) for method, target in (
            ("HEAD", SEARCH + "?size=5"), ("HEAD", SEARCH + "?size=0"), ("GET", SEARCH + "?size=5"), ("HEAD", "/nothing"),
            ("GET", "/healthz"))))
        answers = [connection.answer(method) for method in ("HEAD", "HEAD", "GET", "HEAD", "GET")]
    assert [answer.status for answer in answers] == [200, 400, 200, 404, 200]


def test_a_head_of_a_miss_fetches(gateway, simulator):
    assert gateway.search("size=5", method="HEAD").cache_status()["fwd"] == "uri-miss"
    assert gateway.search("size=5").cache_status()["hit"] is True
    assert simulator.counters()["searches"] == 1
