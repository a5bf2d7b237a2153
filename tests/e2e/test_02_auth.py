# SPDX-License-Identifier: MIT
"""Who may ask, and what a wrong key is told."""

import base64
import json
import re

import pytest

from gateway import SEARCH, digest
from secrecy import make_key

MISSING = 'Bearer realm="nexgate"'
INVALID = 'Bearer realm="nexgate", error="invalid_token"'


@pytest.fixture(scope="module")
def gateway(module_workshop):
    simulator = module_workshop.simulator(records=100)
    old, new = make_key(), make_key()
    clients = {
        "rotating": {"key": f"{digest(old)}, {digest(new)}"},
        "one-location": {"businesses": "101"},
        "two-locations": {"businesses": "103, 101"},
    }
    made = module_workshop.gateway(simulator, clients=clients)
    made.rotating = (old, new)
    return made


def ask(gateway, *fields, target=SEARCH, method="GET"):
    with gateway.connect() as connection:
        return connection.request(target, method, list(fields))


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_key_is_taken_three_ways(gateway):
    key = gateway.key_of["alpha"]
    for field in (("Authorization", f"Bearer {key}"), ("authorization", f"bearer {key}"), ("X-API-Key", key), ("x-api-key", key),
                  ("Authorization", basic("anybody", key)), ("Authorization", basic("", key))):
        assert ask(gateway, field).status == 200, field


def test_the_same_key_twice_is_one_key(gateway):
    key = gateway.key_of["alpha"]
    assert ask(gateway, ("Authorization", f"Bearer {key}"), ("X-API-Key", key)).status == 200


def test_no_key_is_401_without_an_error(gateway):
    answer = ask(gateway)
    assert answer.status == 401 and answer.fields["WWW-Authenticate"] == MISSING
    assert "RateLimit" not in answer.fields
    answer.problem()


@pytest.mark.parametrize("field", [
    ("Authorization", "Bearer nxg_nobody"), ("Authorization", "Bearer"), ("Authorization", "Bearer  "), ("Authorization", "Bearer a b"),
    ("Authorization", "Basic !!!"), ("Authorization", "Basic " + base64.b64encode(b"no colon").decode()),
    ("Authorization", basic("nobody", "nothing")), ("Authorization", "Digest username=x"), ("Authorization", "Bearer " + "x" * 4000),
    ("X-API-Key", "nobody"),
], ids=lambda field: field[1][:24])
def test_a_wrong_key_is_401_with_invalid_token(gateway, field):
    answer = ask(gateway, field)
    assert answer.status == 401 and answer.fields["WWW-Authenticate"] == INVALID
    answer.problem()


def test_two_different_keys_are_none(gateway):
    alpha, beta = gateway.key_of["alpha"], gateway.key_of["beta"]
    assert ask(gateway, ("Authorization", f"Bearer {alpha}"), ("X-API-Key", beta)).fields["WWW-Authenticate"] == INVALID


def test_a_keys_digest_is_no_key(gateway):
    assert ask(gateway, ("X-API-Key", digest(gateway.key_of["alpha"]))).status == 401
    assert ask(gateway, ("X-API-Key", digest(gateway.key_of["alpha"]).removeprefix("sha256:"))).status == 401


def test_a_client_can_have_two_keys(gateway):
    for key in gateway.rotating:
        assert ask(gateway, ("X-API-Key", key)).status == 200


def test_the_key_comes_before_all_else(gateway):
    assert ask(gateway, target="/nothing").status == 401
    assert ask(gateway, method="POST").status == 401
    assert ask(gateway, target=SEARCH + "?nonsense=1").status == 401


def test_another_path_or_method(gateway):
    fields = list(gateway.fields().items())
    for target in ("/", "/api/sys/webhooks/", "/api/sys/Webhooks", "/api/sys/webhooks/1", "/metrics", "/status"):
        answer = ask(gateway, *fields, target=target)
        assert answer.status == 404, target
        answer.problem()
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = ask(gateway, *fields, method=method)
        assert answer.status == 405 and answer.fields["Allow"] == "GET, HEAD", method
        answer.problem()


def test_a_body_is_read_and_the_connection_stays(gateway):
    with gateway.connect() as connection:
        for method, body in (("POST", b"x" * 65536), ("POST", b""), ("GET", b"GET / HTTP/1.1\r\n\r\n"), ("PUT", b"{}")):
            answer = connection.request(SEARCH, method, gateway.fields(), body)
            assert answer.status == (200 if method == "GET" else 405)
        assert connection.request(SEARCH, fields=gateway.fields()).status == 200


def test_a_location_that_is_not_the_clients_is_403(gateway):
    answer = gateway.search("WebHook_Business=102", "one-location")
    assert answer.status == 403
    answer.problem()
    assert gateway.search("WebHook_Business=102", "two-locations").status == 403


def test_the_only_location_is_part_of_the_question(gateway):
    implied, said = gateway.search("size=100", "one-location"), gateway.search("size=100&WebHook_Business=101", "one-location")
    assert implied.status == said.status == 200 and implied.body == said.body
    assert {record["BusinessId"] for record in implied.json()["Records"]} == {101}
    everything = gateway.search("size=100", "alpha")
    assert {record["BusinessId"] for record in everything.json()["Records"]} > {101}
    shared = gateway.search("webhook_business=101&size=100", "alpha")
    assert shared.body == implied.body and shared.cache_status()["hit"] is True


def test_of_several_locations_one_must_be_chosen(gateway):
    answer = gateway.search("size=5", "two-locations")
    assert answer.status == 403
    told = json.dumps(answer.problem())
    assert re.search(r"\b101\b", told) and re.search(r"\b103\b", told) and not re.search(r"\b102\b", told)
    assert gateway.search("size=5&WebHook_Business=103", "two-locations").status == 200
