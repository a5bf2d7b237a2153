# SPDX-License-Identifier: MIT
"""docs/openapi.yaml: every answer that can be had of both listeners is described there, and nothing is described that cannot be had."""

import json
import re
import socket

import jsonschema
import pytest
import yaml

from gateway import ROOT, SEARCH, digest
from secrecy import make_key
from simulator import wait_until

DOCUMENT = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
SCHEMA = json.loads((ROOT / "conf/entities/webhooks.json").read_text())
RESOLVER = jsonschema.RefResolver.from_schema(DOCUMENT)
GENERAL = {"date", "content-type", "content-length", "connection"}  # of HTTP itself, on any answer
# Statuses that are described and not asked for here: memory must be out for them.
RARE = {("/api/sys/webhooks", "500"), ("/purge", "503")}


def resolved(thing):
    while "$ref" in thing:
        thing = RESOLVER.resolve(thing["$ref"])[1]
    return thing


def check(schema, value):
    jsonschema.Draft202012Validator(schema, resolver=RESOLVER).validate(value)


def check_headers(described, fields):
    known = {name.lower(): resolved(header) for name, header in described.items()}
    for name, header in known.items():
        assert not header.get("required") or name in fields, f"no {name} in {fields.pairs}"
    for name, value in fields.pairs:
        if name.lower() in known:
            schema = known[name.lower()]["schema"]
            check(schema, int(value) if schema.get("type") == "integer" else value)
        else:
            assert name.lower() in GENERAL, f"{name} is not described"


class Witness:
    def __init__(self):
        self.seen = set()

    def look(self, answer, path, method="GET", status=None):
        """Checks an answer against the description of the path, and that it has the status that was meant to be had."""
        assert status is None or answer.status == status, (answer, answer.body)
        item = DOCUMENT["paths"].get(path)
        operation = item.get(method.lower()) or item.get("get") or item["post"] if item else None
        responses = operation["responses"] if item else {"404": {"$ref": "#/components/responses/NotFound"}}
        assert str(answer.status) in responses, f"{method} {path}: {answer.status} is not described"
        response = resolved(responses[str(answer.status)])
        check_headers(response.get("headers", {}), answer.fields)
        content = response.get("content")
        if content is None:
            assert answer.body == b"" and "Content-Type" not in answer.fields
        else:
            kind = answer.fields["Content-Type"]
            assert kind in content, (kind, list(content))
            if method != "HEAD":
                check(content[kind]["schema"], answer.json() if "json" in kind else answer.body.decode())
        if kind_is_problem(answer) and method != "HEAD":
            assert answer.json()["status"] == answer.status and answer.json()["instance"] == answer.fields["X-Request-Id"]
        self.seen.add((path if item else SEARCH, str(answer.status)))
        return answer


def kind_is_problem(answer):
    return answer.fields.get("Content-Type") == "application/problem+json"


@pytest.fixture(scope="module")
def witness():
    return Witness()


def test_the_document_is_whole():
    assert DOCUMENT["openapi"] == "3.1.0" and DOCUMENT["info"]["license"]
    ids = [operation["operationId"] for item in DOCUMENT["paths"].values() for method, operation in item.items() if method in ("get", "head", "post")]
    assert len(ids) == len(set(ids))

    def walk(thing):
        if isinstance(thing, dict):
            if "$ref" in thing:
                resolved(thing)
            for value in thing.values():
                walk(value)
        elif isinstance(thing, list):
            for value in thing:
                walk(value)

    walk(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def expected_parameter(row):
    """The description that a row of the entity's schema gives."""
    number = {"type": "integer", "format": "int64"}
    paging = {"type": "integer", "minimum": row.get("min"), "maximum": row.get("max"), "default": row.get("default")}
    values = row.get("values", {})
    schema = {
        "page": paging, "size": paging, "integer": number, "boolean": {"type": "boolean"}, "string": {"type": "string"},
        "date-time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:00)?$"},
        "direction": {"enum": [0, 1, "ascending", "descending"], "default": row.get("default")},
        "property": {"enum": list(values), "default": row.get("default")},
        "enum": {"enum": [*(values.values() if isinstance(values, dict) else ()), *values]},
    }[row["type"]]
    found = {"name": row["name"], "in": "query"}
    if row.get("repeats"):
        schema, found = {"type": "array", "items": schema}, found | {"style": "form", "explode": True}
    if row.get("sensitive"):
        found["x-sensitive"] = True
    return found | {"schema": schema}


def test_the_parameters_are_those_of_the_schema():
    for method in ("get", "head"):
        described = [row for row in DOCUMENT["paths"][SCHEMA["path"]][method]["parameters"] if row["in"] == "query"]
        assert described == [expected_parameter(row) for row in SCHEMA["parameters"]]


def test_the_public_listener(workshop, simulator, witness):
    gateway = workshop.gateway(simulator, clients={"poor": {"rate": "1/day", "burst": "1", "misses": "5/day"}, "tied": {"businesses": "7, 8"}})

    def search(status, query="", client="alpha", method="GET", **fields):
        return witness.look(gateway.search(query, client, method, **fields), SEARCH, method, status)

    tag = search(200, "size=5").fields["ETag"]
    search(200, "size=5", method="HEAD")
    search(200, "size=5", prefer="wait=9")
    search(200, "size=5", cache_control="no-cache", prefer="wait=9")
    search(200, client="poor")
    search(304, "size=5", if_none_match=tag)
    search(400, "nonsense=1")
    search(400, "size=x", method="HEAD")
    search(403, client="tied")
    search(405, method="POST")
    search(429, client="poor")
    search(504, "WebHook_ErrorCount=1", cache_control="only-if-cached")
    simulator.fault(status=400)
    for _ in range(2):  # asked, and remembered
        search(400, "WebHook_ErrorCount=2")
    simulator.fault(html=200)
    search(502, "WebHook_ErrorCount=3")
    simulator.fault(status=409, headers={"Retry-After": "5"}, count=1)
    search(503, "WebHook_ErrorCount=4", prefer="wait=0")
    simulator.faults()
    gateway.move_time(60)
    assert gateway.search("size=5").status == 200
    gateway.move_time(60)
    search(200, "size=5")  # stale
    for fields, status in (({}, 401), ({"Authorization": "Bearer x"}, 401)):
        with gateway.connect() as connection:
            witness.look(connection.request(SEARCH, fields=fields), SEARCH, status=status)
    with gateway.connect() as connection:
        witness.look(connection.request("/elsewhere", fields=gateway.fields()), "/elsewhere", status=404)
        for method, status in (("GET", 200), ("HEAD", 200), ("POST", 405)):
            witness.look(connection.request("/healthz", method), "/healthz", method, status)


MALFORMED = [
    (400, b"nonsense\r\n\r\n"), (413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"),
    (414, b"GET /?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"), (417, b"GET / HTTP/1.1\r\nHost: x\r\nExpect: the impossible\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000 + b"\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"), (505, b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"),
]


def test_what_is_refused_for_its_form(gateway, witness):
    for status, message in MALFORMED:
        with gateway.connect() as connection:
            connection.send(message)
            witness.look(connection.answer(), SEARCH, status=status)
    with gateway.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n")
        gateway.wait_read([connection])
        gateway.move_time(11)
        witness.look(connection.answer(), SEARCH, status=408)


def test_the_admin_listener(workshop, simulator, witness):
    key = make_key()
    gateway = workshop.gateway(simulator, {"server.admin_key": digest(key)}, {"late": {"rate": "5/s", "misses": "9/day"}})
    own = {"Authorization": f"Bearer {key}"}

    def ask(status, target, method="GET", fields=()):
        return witness.look(gateway.ask_admin(target, method, fields), target.partition("?")[0], method, status)

    assert gateway.search("size=1").status == gateway.search("size=1", client="late").status == 200
    assert gateway.search("nonsense=1").status == 400
    simulator.fault(status=500)
    assert gateway.search("WebHook_ErrorCount=1").status == 503
    simulator.faults()
    wait_until(lambda: gateway.ask_admin("/status").json()["hottest"], "a query that was noticed")
    for path in ("/", "/metrics", "/healthz", "/readyz", "/status", "/explain"):
        for method, status in (("GET", 200), ("HEAD", 200), ("POST", 405)):
            ask(status, path, method)
    told = ask(200, "/explain?client=late&size=1").json()
    assert told["windows"][0]["state"] == "hit" and "rate_left" in told["client"]
    assert "error" in ask(200, "/explain?nonsense=1&client=late").json()
    ask(400, "/explain?client=nobody")
    ask(400, "/explain?entity=nothing")
    witness.look(gateway.ask_admin("/elsewhere"), "/elsewhere", status=404)

    for path in ("/purge?all=1", "/reload"):
        ask(405, path, fields=own)
        ask(401, path, "POST")
        ask(401, path, "POST", {"Authorization": "Bearer x"})
    for order in ("all=1", "entity=webhooks", "query=WebHook_Active%3Dtrue", "all=true&soft=1"):
        ask(200, "/purge?" + order, "POST", own)
    for order in ("", "all=1&entity=webhooks", "query=nonsense%3D1", "entity=nothing"):
        ask(400, "/purge?" + order, "POST", own)
    ask(200, "/reload", "POST", own)
    gateway.config.write_text(gateway.config.read_text() + "[cache]\nttl = soon\n")
    ask(422, "/reload", "POST", own)


def test_who_is_not_ready(gateway, simulator, witness):
    simulator.fault(kind="token", status=401)
    assert gateway.search().status == 502
    witness.look(gateway.ask_admin("/readyz"), "/readyz", status=503)
    simulator.faults()


def test_a_purge_that_nobody_hears(workshop, simulator, witness):
    with socket.socket() as sock:  # bound and never listening: nobody else gets the port
        sock.bind(("127.0.0.1", 0))
        gateway = workshop.gateway(simulator, {"redis.url": f"redis://127.0.0.1:{sock.getsockname()[1]}"})
        answer = witness.look(gateway.ask_admin("/purge?all=1", "POST"), "/purge", "POST", 202)
        assert answer.json()["told"] is False


def test_nothing_else_is_described(witness):
    """After all the others: what the document tells was seen."""
    described = {(path, status) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
                 if method in ("get", "head", "post") for status in operation["responses"]}
    assert described - witness.seen == RARE
    assert re.fullmatch(r"\d+\.\d+\.\d+", DOCUMENT["info"]["version"])
