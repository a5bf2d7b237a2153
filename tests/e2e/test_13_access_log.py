# SPDX-License-Identifier: MIT
"""The access log: a line for each request, or for one in so many; what it tells, what it hides, and that nothing from outside can
break it. And that each request is counted exactly once, whatever became of it."""

import json
import re
import socket
import struct

import pytest

from gateway import SEARCH
from secrecy import made_up
from simulator import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def lines(gateway, count=None, **fields):
    """The lines of the access log with these fields; waits for so many."""
    if count is not None:
        wait_until(lambda: len(gateway.logged("access", **fields)) >= count, f"{count} lines of {fields}")
    return gateway.logged("access", **fields)


def test_it_is_off_unless_asked_for(workshop, simulator):
    gateway = workshop.gateway(simulator)
    assert gateway.search().status == 200
    gateway.close()
    assert not gateway.logged("access")


def test_a_line_tells_what_became_of_a_request(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all"})
    miss = gateway.search("webhook_active=TRUE&size=3&page=2", x_request_id="the-first")
    hit = gateway.search("WebHook_Active=true&size=3&page=2")
    head = gateway.search("WebHook_Active=true&size=3&page=2", method="HEAD")
    line, = lines(gateway, 1, request="the-first")
    assert line["level"] == "info" and line["client"] == "alpha" and line["method"] == "GET" and line["path"] == SEARCH
    assert line["query"] == "WebHook_Active=true" and line["page"] == "2" and line["size"] == "3"
    assert line["status"] == "200" and line["outcome"] == "miss" and int(line["bytes"]) == len(miss.body)
    assert int(line["us"]) >= int(line["fetcher_us"]) > 0
    for step in ("authenticate", "normalise", "quota", "lookup", "page", "write"):
        assert int(line[step + "_us"]) >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    line, = lines(gateway, 1, request=hit.fields["X-Request-Id"])
    assert line["outcome"] == "hit" and int(line["bytes"]) == len(hit.body) and line["fetcher_us"] == "0"
    line, = lines(gateway, 1, request=head.fields["X-Request-Id"])
    assert line["method"] == "HEAD" and line["bytes"] == "0"


def test_refusals_have_their_lines(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all"}, {"slow": {"rate": "1/day"}})
    gateway.search(client="slow")
    asked = [
        (gateway.search(client="slow"), {"outcome": "over_rate", "client": "slow", "query": ""}),
        (gateway.search("Nobody=1"), {"outcome": "invalid", "client": "alpha", "path": SEARCH}),
        (gateway.search(authorization="Bearer nonsense"), {"outcome": "unauthorized", "path": SEARCH}),
        (gateway.search(cache_control="only-if-cached", query="Id=7"), {"outcome": "failed", "query": "Id=7"}),
    ]
    with gateway.connect() as connection:
        asked.append((connection.request("/elsewhere", fields=gateway.fields()), {"outcome": "not_found", "path": "/elsewhere"}))
        asked.append((connection.request(SEARCH, "DELETE", gateway.fields()), {"outcome": "invalid", "method": "DELETE"}))
        asked.append((connection.request("/healthz"), {"outcome": "health", "path": "/healthz", "method": "GET"}))
    with gateway.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        asked.append((connection.answer(), {"outcome": "malformed", "status": "400"}))
    for answer, expected in asked:
        line, = lines(gateway, 1, request=answer.fields["X-Request-Id"])
        assert expected.items() <= line.items(), (expected, line)
        assert line["status"] == str(answer.status)
        if expected["outcome"] == "invalid":
            assert "query" not in line  # nobody knows what is in it


def test_json_is_json(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all", "log.format": "json"})
    assert gateway.search("WebHook_Name=%22%0A%5C").status == 200
    with gateway.connect() as connection:
        assert connection.request("/a'b", fields=gateway.fields()).status == 404
    lines(gateway, 2)
    gateway.close()
    access = [line for line in map(json.loads, gateway.log) if line["msg"] == "access"]
    search, other = sorted(access, key=lambda line: line["status"])  # two workers may write them in either order
    assert search["query"] == "WebHook_Name=%22%0A%5C" and search["status"] == 200 and search["us"] > 0
    assert other["path"] == "/a'b" and other["outcome"] == "not_found" and "query" not in other


def test_addresses_of_webhooks_are_hidden(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all"})
    secret = "https://hooks.example.com/T00/" + made_up()
    assert gateway.search(f"webhook_url={secret}&WebHook_Name=shown").status == 200
    line, = lines(gateway, 1, client="alpha")
    assert line["query"] == "WebHook_Name=shown&WebHook_URL=***"


def test_nothing_from_outside_can_break_a_line(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all"})
    with gateway.connect() as connection:
        answer = connection.request("/a'(x)=*;,:@&$!+" + "x" * 900, "!#$%&'*+-.^_`|~" + "M" * 100, gateway.fields())
        assert answer.status == 404
    line, = lines(gateway, 1, request=answer.fields["X-Request-Id"])
    assert line["path"].startswith("/a'(x)=*;,:@&$!+xxx") and line["path"].endswith("...") and len(line["path"]) <= 512
    assert line["method"].startswith("!#$%&'*+-.^_`|~M") and line["method"].endswith("...")
    answer = gateway.search("WebHook_Name=" + "%22%5C%0A%C3%A9" * 200)
    line, = lines(gateway, 1, request=answer.fields["X-Request-Id"])
    assert line["query"].startswith("WebHook_Name=%22%5C%0A%C3%A9") and line["query"].endswith("...")
    gateway.close()
    for line in gateway.log:
        assert line.startswith("ts=") and line.isprintable(), line


@pytest.mark.parametrize("sent, told", [
    (f"00-{TRACE}-{PARENT}-01", (TRACE, PARENT)),
    (f"cc-{TRACE}-{PARENT}-00-later", (TRACE, PARENT)),
    (f"00-{TRACE.upper()}-{PARENT}-01", None),
    ("00-" + "0" * 32 + f"-{PARENT}-01", None),
    ("nonsense", None),
])
def test_a_trace_is_taken_or_begun(workshop, simulator, sent, told):
    gateway = workshop.gateway(simulator, {"log.access": "all"})
    answer = gateway.search(traceparent=sent)
    line, = lines(gateway, 1, request=answer.fields["X-Request-Id"])
    if told:
        assert (line["trace"], line["parent"]) == told
    else:
        assert re.fullmatch("[0-9a-f]{32}", line["trace"]) and line["trace"] != TRACE and "parent" not in line
    assert all("traceparent" not in str(call).lower() for call in simulator.counters()["recent"])  # it is not Nexudus's business
    answer = gateway.search()
    line, = lines(gateway, 1, request=answer.fields["X-Request-Id"])
    assert "trace" not in line


def test_a_share_is_logged_and_every_failure(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "1/10", "server.workers": 1})
    with gateway.connect() as connection:
        for _ in range(100):
            assert connection.request(SEARCH, fields=gateway.fields()).status == 200
        for number in range(7):
            answer = connection.request(f"{SEARCH}?Id={number}", fields=gateway.fields(cache_control="only-if-cached"))
            assert answer.status == 504
    assert len(lines(gateway, 7, status="504")) == 7
    gateway.close()
    assert len(gateway.logged("access", status="200")) == 10


def test_a_client_that_is_gone_has_its_line(workshop, simulator):
    gateway = workshop.gateway(simulator, {"log.access": "all"})
    simulator.fault(hold="before")
    with gateway.connect() as connection:
        connection.send(connection.message(SEARCH, fields=gateway.fields(x_request_id="gone")))
        simulator.wait_held(1)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, which is noticed
    wait_until(lambda: gateway.metrics()["nexgate_connections"] == 0, "the connection to close")
    simulator.faults()
    simulator.release()
    line, = lines(gateway, 1, request="gone")
    assert line["client_gone"] == "yes" and line["bytes"] == "0" and line["outcome"] == "miss"


# Each request counts exactly once.

def counted(gateway):
    """{(client, outcome, status): requests}"""
    found = {}
    for name, count in gateway.metrics().items():
        if match := re.fullmatch(r'nexgate_requests_total\{client="(.*)",outcome="(.*)",status="(.*)"\}', name):
            found[match.groups()] = count
    return found


def test_requests_are_the_sum_of_outcomes(workshop, simulator):
    gateway = workshop.gateway(simulator, {"cache.ttl": "10s"}, {"slow": {"rate": "1/day"}, "poor": {"misses": "1/day"},
                                                                 "local": {"businesses": "1"}})
    expected = {}

    def note(client, outcome, answer):
        key = client, outcome, str(answer.status)
        expected[key] = expected.get(key, 0) + 1

    note("alpha", "miss", gateway.search())
    tag = gateway.search()
    note("alpha", "hit", tag)
    note("alpha", "hit", gateway.search(if_none_match=tag.fields["ETag"]))
    gateway.move_time(11)
    note("beta", "stale", gateway.search(client="beta"))
    note("alpha", "invalid", gateway.search("Nobody=1"))
    note("alpha", "invalid", gateway.search(method="POST"))
    note("(none)", "unauthorized", gateway.search(authorization="Bearer nonsense"))
    note("local", "forbidden", gateway.search("WebHook_Business=2", client="local"))
    note("slow", "stale", gateway.search(client="slow", cache_control="max-stale"))
    note("slow", "over_rate", gateway.search(client="slow"))
    note("poor", "miss", gateway.search("Id=1", client="poor"))
    note("poor", "over_misses", gateway.search("Id=2", client="poor"))
    note("alpha", "failed", gateway.search("Id=3", cache_control="only-if-cached"))
    with gateway.connect() as connection:
        note("alpha", "not_found", connection.request("/elsewhere", fields=gateway.fields()))
        note("(none)", "health", connection.request("/healthz"))
        note("(none)", "invalid", connection.request("/healthz", "POST"))
    for message in (b"nonsense\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n"):
        with gateway.connect() as connection:
            connection.send(message)
            note("(none)", "malformed", connection.answer())
    found = counted(gateway)
    stale = sum(count for (_, outcome, _), count in expected.items() if outcome == "stale")
    assert {key: count for key, count in found.items() if key[1] not in ("stale", "hit")} == \
        {key: count for key, count in expected.items() if key[1] not in ("stale", "hit")}
    # A refresh in the background may have made a stale answer a hit; but each was counted.
    assert sum(count for key, count in found.items() if key[1] in ("stale", "hit")) == stale + 2
    assert sum(found.values()) == sum(expected.values())
    status = gateway.ask_admin("/status").json()["requests"]
    assert status["total"] == sum(expected.values()) == sum(status["outcomes"].values()) == sum(status["statuses"].values())
    # A histogram has one observation for each request that it is about.
    metrics = gateway.metrics()
    timed = sum(count for name, count in metrics.items() if name.startswith("nexgate_request_duration_seconds_count"))
    assert timed == sum(count for key, count in expected.items() if key[1] not in ("malformed", "health"))
