# SPDX-License-Identifier: MIT
"""The simulator itself. The other tests believe it, so it is compared here with a search of the plainest kind over its own records,
and with the vendor's documented behaviour."""

import datetime
import gzip
import itertools
import json
import random
import time
import urllib.parse

import pytest

from envelopes import Envelope
from http_client import Closed, Connection, all_at_once, query
from sim.tokens import totp
from simulator import address

SEARCH = "/api/sys/webhooks"
MINUTE = "%Y-%m-%dT%H:%M"
KNOWN = ["Records", "CurrentPage", "CurrentPageSize", "CurrentOrderField", "CurrentSortDirection", "FirstItem", "LastItem",
         "TotalItems", "TotalPages", "HasNextPage", "HasPreviousPage", "PageNumber", "PageSize"]


@pytest.fixture(scope="module")
def simulator(module_workshop):
    """Shared, as nothing here changes it for good."""
    return module_workshop.simulator(records=700)


@pytest.fixture(autouse=True)
def as_at_the_start(simulator):
    yield
    simulator.reset()


def ask(simulator, text="", path=SEARCH):
    return next(simulator.direct([f"{path}?{text}"]))


def page(simulator, text="", path=SEARCH):
    answer = ask(simulator, text, path)
    assert answer.status == 200, (text, answer.body)
    return Envelope(answer.body)


def all_records(simulator):
    envelopes = [page(simulator, f"size=300&page={number}") for number in (1, 2, 3)]
    return [json.loads(record) for envelope in envelopes for record in envelope.records]


# Searching

TEXTS = {"WebHook_Name": "Name", "WebHook_URL": "URL", "WebHook_LastError": "LastError", "UniqueId": "UniqueId",
         "WebHook_SystemId": "SystemId"}
NUMBERS = {"WebHook_Business": "BusinessId", "WebHook_Action": "Action", "WebHook_ErrorCount": "ErrorCount"}
TIMES = ("LastTrigger", "CreatedOn", "UpdatedOn")


def sendable(value):
    """A lone half of a surrogate pair can stand in JSON, but in no query."""
    return not any("\ud800" <= character <= "\udfff" for character in str(value))


def random_filters(rng, records):
    """[(parameter, value, what it accepts)], with values taken from the records so that something matches."""
    found = []
    for parameter, prop in rng.sample(sorted((TEXTS | NUMBERS).items()), rng.choice((0, 1, 1, 2))):
        value = rng.choice(records)[prop]
        if value not in (None, "") and sendable(value):
            found.append((parameter, value, lambda record, prop=prop, value=value: record[prop] == value))
    if rng.random() < 0.3:
        active = rng.random() < 0.5
        found.append(("WebHook_Active", rng.choice((str(active), str(active).lower(), str(active).upper())),
                      lambda record: record["Active"] is active))
    if rng.random() < 0.3:
        least = rng.choice((0, 1, 2, 100, 4294967296))
        found.append(("from_WebHook_ErrorCount", least, lambda record: record["ErrorCount"] >= least))
    if rng.random() < 0.3:
        most = rng.choice((0, 1, 2, 100))
        found.append(("to_WebHook_ErrorCount", most, lambda record: record["ErrorCount"] <= most))
    for prop in TIMES:
        moment = rng.choice(records)[prop]
        if moment and rng.random() < 0.4:
            # A record's time to the minute: text in this format sorts as time does, so no date is computed here.
            bound = moment[:16]
            if rng.random() < 0.5:
                found.append((f"from_WebHook_{prop}", bound,
                              lambda record, prop=prop, bound=bound: bool(record[prop]) and record[prop] >= bound + ":00Z"))
            else:
                found.append((f"to_WebHook_{prop}", bound,
                              lambda record, prop=prop, bound=bound: bool(record[prop]) and record[prop] <= bound + ":00Z"))
    ids = rng.sample([record["Id"] for record in records], rng.choice((0, 0, 0, 1, 3)))
    if ids:
        found += [("Id", ident, lambda record, ids=ids: record["Id"] in ids) for ident in ids]
    return found


def respelt(rng, name):
    return "".join(rng.choice((letter.upper(), letter.lower())) for letter in name)


def test_any_search_equals_the_plainest_search(simulator):
    records = all_records(simulator)
    assert len(records) == 700 == len({record["Id"] for record in records})
    rng = random.Random(7)
    matched = 0
    for _ in range(400):
        filters = random_filters(rng, records)
        order = rng.choice(("Id", "Name", "CreatedOn", "LastTrigger", "Active", "ErrorCount", "BusinessId", "SystemId"))
        direction, size, number = rng.choice((0, 1)), rng.choice((1, 3, 25, 1000)), rng.choice((1, 1, 2, 3))
        wanted = [record for record in records if all(accepts(record) for _, _, accepts in filters)]
        wanted.sort(key=lambda record: record["Id"])
        some, none = [r for r in wanted if r[order] is not None], [r for r in wanted if r[order] is None]
        some.sort(key=lambda record: record[order], reverse=direction == 1)
        wanted = some + none if direction else none + some

        pairs = [(respelt(rng, name), value) for name, value, _ in filters]
        pairs += [("ORDERBY", order), ("Dir", direction), ("size", size), ("Page", number), ("webhook_name", ""), ("Nobody", "knows")]
        rng.shuffle(pairs)
        envelope = page(simulator, urllib.parse.urlencode(pairs, quote_via=rng.choice((urllib.parse.quote, urllib.parse.quote_plus))))
        start = (number - 1) * size
        assert envelope.ids() == [record["Id"] for record in wanted[start:start + size]], pairs
        assert envelope.member("TotalItems") == len(wanted)
        assert envelope.member("TotalPages") == -(-len(wanted) // size)
        assert envelope.member("CurrentOrderField") == order and envelope.member("CurrentSortDirection") == direction
        matched += bool(wanted)
    assert matched > 100


def test_bounds_are_inclusive_to_the_minute(simulator):
    simulator.records(count=0)
    simulator.records(add=[{"CreatedOn": f"2025-01-15T10:{minute}Z"} for minute in ("29:59", "30:00", "30:01", "31:00")])

    def count(text):
        return page(simulator, text).member("TotalItems")

    assert count("from_WebHook_CreatedOn=2025-01-15T10:30") == 3
    assert count("to_WebHook_CreatedOn=2025-01-15T10:30") == 2
    assert count("from_WebHook_CreatedOn=2025-01-15T10:30&to_webhook_createdon=2025-01-15T10%3A30") == 1


@pytest.mark.parametrize("total, size, number, first, last, pages, more, less", [
    (0, 25, 1, 0, 0, 0, False, False),
    (0, 25, 3, 0, 0, 0, False, True),
    (1, 25, 1, 1, 1, 1, False, False),
    (25, 25, 1, 1, 25, 1, False, False),
    (26, 25, 1, 1, 25, 2, True, False),
    (26, 25, 2, 26, 26, 2, False, True),
    (26, 25, 3, 51, 26, 2, False, True),
    (10, 1, 4, 4, 4, 10, True, True),
])
def test_an_envelope_counts_as_the_vendor_does(simulator, total, size, number, first, last, pages, more, less):
    simulator.records(count=total)
    envelope = page(simulator, query(size=size, page=number))
    assert [name for name, _ in envelope.members] == KNOWN
    values = {name: json.loads(value) for name, value in envelope.others()}
    assert values == {
        "CurrentPage": number, "CurrentPageSize": size, "CurrentOrderField": "Id", "CurrentSortDirection": 0,
        "FirstItem": first, "LastItem": last, "TotalItems": total, "TotalPages": pages,
        "HasNextPage": more, "HasPreviousPage": less, "PageNumber": number, "PageSize": size,
    }
    assert len(envelope.records) == len(range(total)[(number - 1) * size:number * size])


@pytest.mark.parametrize("text", [
    "page=0", "page=-1", "page=x", "size=0", "size=1001", "size=1.5", "dir=2", "dir=Ascending", "orderBy=Colour",
    "WebHook_Action=91", "WebHook_Action=BookingCreate", "WebHook_Active=yes", "Id=1&Id=x", "WebHook_ErrorCount=9223372036854775808",
    "from_WebHook_CreatedOn=2025-02-29T10:00", "from_WebHook_CreatedOn=2025-02-28", "to_WebHook_UpdatedOn=2025-02-28T24:00",
    "to_WebHook_UpdatedOn=2025-02-28T10:00:00",
])
def test_a_bad_value_is_400(simulator, text):
    assert ask(simulator, text).status == 400


def test_records_are_full_of_what_is_easily_broken(simulator):
    raw = b"".join(record for number in (1, 2, 3) for record in page(simulator, f"size=300&page={number}").records)
    for piece in (b"\\u00e9", b"\\u00E9", b"\\/", b"\\u0000", b"\\ud83d\\ude00", b"\\ud800", b"1.50", b"1E+2", b"-0,", b"1e999",
                  b"123456789012345678901234567890", "🚀".encode(), "漢字".encode(), b"[[],[[1,", b"\r\n\t", b'{ "'):
        assert piece in raw, piece


def test_the_same_seed_gives_the_same_bytes(simulator, workshop):
    answers = [ask(simulator, "size=700").body, ask(simulator, "size=700").body, ask(workshop.simulator(records=700), "size=700").body]
    assert answers[0] == answers[1] == answers[2]
    assert ask(workshop.simulator(records=700, seed=2), "size=700").body != answers[0]


def test_a_second_entity_has_its_own_rules(simulator):
    path = "/api/spaces/coworkers"
    everything = page(simulator, "size=1000", path)
    assert everything.member("CurrentPageSize") == 100 and everything.member("CurrentOrderField") == "FullName"
    shown = json.loads(page(simulator, "", path).records[0])
    assert shown["Active"] is True and shown["Country"] == "Åland & co"
    found = page(simulator, query(Coworker_Email=shown["Email"]), path)
    assert shown["Id"] in found.ids()
    tagged = page(simulator, "Coworker_Tag=vip&Coworker_Tag=a+b&size=100", path)
    assert {json.loads(record)["Tag"] for record in tagged.records} == {"vip", "a b"}


def test_changes_and_churn(simulator):
    before = page(simulator, "size=1000").ids()
    simulator.records(add=2, remove=[before[0]], update={before[1]: {"Name": "changed"}})
    after = page(simulator, "size=1000")
    assert len(after.ids()) == 701 and before[0] not in after.ids()
    assert page(simulator, "WebHook_Name=changed").ids() == [before[1]]
    assert after.ids() == sorted(set(after.ids()))
    simulator.records(churn={"add": 3, "remove": 1})
    totals = [page(simulator).member("TotalItems") for _ in range(3)]
    assert totals == [703, 705, 707]
    simulator.records(churn=None)
    assert page(simulator).member("TotalItems") == 707


def test_a_size_cap_and_unknown_members(simulator):
    simulator.config(size_cap=10, extra_members=True)
    envelope = page(simulator, "size=50&page=2")
    assert len(envelope.records) == 10 and envelope.member("CurrentPageSize") == 10 and envelope.member("FirstItem") == 11
    names = [name for name, _ in envelope.members]
    assert names[0] == "Links" and names[-1] == "Last" and set(KNOWN) < set(names)


# Logging in

def token(simulator, client_id=None, content_type="application/x-www-form-urlencoded", **form):
    fields = {"Content-Type": content_type}
    if client_id:
        fields["client_id"] = client_id
    with Connection(address(simulator.url)) as connection:
        return connection.request("/api/token", "POST", fields, urllib.parse.urlencode(form).encode())


def login(simulator, client_id=None, **more):
    return token(simulator, client_id, grant_type="password", username=simulator.username, password=simulator.password, **more)


def renew(simulator, granted, client_id):
    return token(simulator, client_id, grant_type="refresh_token", refresh_token=granted["refresh_token"])


def works(simulator, granted):
    with Connection(address(simulator.url)) as connection:
        return connection.request(SEARCH, fields={"Authorization": "Bearer " + granted["access_token"]}).status == 200


def refused(answer, error="invalid_grant"):
    return answer.status == 400 and answer.json()["error"] == error and answer.json()["error_description"]


def test_no_or_a_wrong_token_is_401(simulator):
    with Connection(address(simulator.url)) as connection:
        for fields in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic no"}):
            answer = connection.request(SEARCH, fields=fields)
            assert answer.status == 401 and "WWW-Authenticate" in answer.fields


def test_a_login_wants_a_form_and_the_right_words(simulator):
    assert refused(token(simulator, content_type="application/json", grant_type="password"), "unsupported_grant_type")
    assert refused(token(simulator, grant_type="client_credentials"), "unsupported_grant_type")
    assert refused(token(simulator, grant_type="password", username=simulator.username, password="no"))
    granted = login(simulator, "a").json()
    assert granted["token_type"] == "bearer" and granted["expires_in"] == 604_799
    assert works(simulator, granted)


def test_a_refresh_rotates_and_needs_the_client_id(simulator):
    first = login(simulator, "rotating").json()
    assert refused(renew(simulator, first, None)) and refused(renew(simulator, first, "another"))
    second = renew(simulator, first, "rotating").json()
    assert works(simulator, first) and works(simulator, second)
    assert refused(renew(simulator, first, "rotating"))
    assert renew(simulator, second, "rotating").status == 200


def test_without_a_client_id_the_user_is_the_client_id(simulator):
    granted = login(simulator).json()
    assert refused(renew(simulator, granted, None))
    assert renew(simulator, granted, simulator.username).status == 200


def test_a_login_kills_the_earlier_tokens_of_its_client_id_alone(simulator):
    first, other = login(simulator, "same").json(), login(simulator, "other").json()
    second = login(simulator, "same").json()
    assert not works(simulator, first) and refused(renew(simulator, first, "same"))
    assert works(simulator, second) and works(simulator, other)


def test_tokens_expire_and_can_be_revoked(simulator):
    simulator.config(expires_in=60)
    granted = login(simulator, "short").json()
    assert granted["expires_in"] == 60 and works(simulator, granted)
    simulator.config(clock_offset=61)
    assert not works(simulator, granted)
    simulator.config(clock_offset=0)
    assert works(simulator, granted)
    simulator.revoke()
    assert not works(simulator, granted) and renew(simulator, granted, "short").status == 200
    simulator.revoke(refresh=True)
    assert refused(renew(simulator, granted, "short"))
    simulator._token = None


def test_a_one_time_code_is_good_once(workshop):
    secret = "JBSWY3DPEHPK3PXP"
    simulator = workshop.simulator(records=1, totp_secret=secret)
    code = totp(secret, int(time.time() // 30))
    assert refused(login(simulator)) and refused(login(simulator, totp="000000" if code != "000000" else "111111"))
    assert login(simulator, totp=code).status == 200
    assert refused(login(simulator, totp=code))


def test_one_time_codes_are_those_of_the_rfc():
    """RFC 6238 appendix B, the last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for moment, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert totp(secret, moment // 30) == code


# The throttle, the faults, the counters

def test_the_throttle_refuses_as_documented(simulator):
    simulator.login()
    simulator.config(throttle="3/60s")
    answers = [ask(simulator) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 409, 409]
    late = answers[-1]
    assert late.reason == "You must wait before accessing this url again." and late.body == b""
    assert late.fields["Retry-After"] == "1"
    for answer in answers:
        assert (answer.fields["Cache-Control"], answer.fields["Pragma"], answer.fields["Expires"]) == ("no-cache", "no-cache", "-1")
    assert simulator.counters()["throttled"] == 2


def test_the_throttle_slides(simulator):
    simulator.login()
    simulator.config(throttle="5/50ms")
    starts, ends = [], []
    while len(starts) < 40:
        begun = time.monotonic()
        if ask(simulator).status == 200:
            starts.append(begun)
            ends.append(time.monotonic())
    for first, sixth in zip(starts, ends[5:]):
        assert sixth - first >= 0.05


def test_a_rule_skips_counts_and_matches(simulator):
    simulator.login()
    action = {"status": 503, "headers": {"Retry-After": "7"}}
    simulator.faults({"kind": "search", "query": "Name=x", "skip": 1, "count": 2, "action": action})
    statuses = [ask(simulator, text).status for text in ("WebHook_Name=x", "size=1", *["WebHook_Name=x"] * 3)]
    assert statuses == [200, 200, 503, 503, 200]
    simulator.faults({"kind": "token", "action": {"status": 500}})
    assert login(simulator).status == 500 and ask(simulator).status == 200


def test_faults_bend_what_they_say(simulator):
    simulator.fault(html=200)
    answer = ask(simulator)
    assert answer.status == 200 and answer.fields["Content-Type"].startswith("text/html") and b"<html>" in answer.body
    simulator.fault(envelope={"TotalItems": '"7"', "TotalPages": None})
    bent = page(simulator)
    assert bent.member("TotalItems") == "7" and "TotalPages" not in [name for name, _ in bent.members]
    simulator.fault(short=2)
    assert len(page(simulator).records) == 23 and page(simulator).member("LastItem") == 25
    simulator.fault(twice=True)
    assert len(page(simulator).ids()) == 25 and len(set(page(simulator).ids())) == 24
    simulator.fault(truncate=100)
    assert len(ask(simulator).body) == 100
    simulator.fault(chunked=True)
    assert len(page(simulator).records) == 25
    simulator.fault(drip=[4000, 0])
    assert len(page(simulator).records) == 25
    for action in ({"cut": 100}, {"drop": True}):
        simulator.fault(**action)
        with pytest.raises(Closed):
            ask(simulator)


def test_a_body_can_come_compressed(simulator):
    simulator.fault(gzip=True)
    answer = ask(simulator)
    assert answer.fields["Content-Encoding"] == "gzip" and len(Envelope(gzip.decompress(answer.body)).records) == 25


def test_calls_are_held_until_released(simulator):
    simulator.login()
    simulator.fault(hold="before")
    done = []
    with simulator.connect() as a, simulator.connect() as b, simulator.connect() as c:
        fields = {"Authorization": f"Bearer {simulator.login()}"}
        for connection in (a, b, c):
            connection.send(connection.message(SEARCH, fields=fields))
        simulator.wait_held(3)
        assert simulator.counters()["in_flight"]["search"] == 3
        simulator.release(1)
        simulator.records(count=0)
        simulator.release()
        done = [connection.answer() for connection in (a, b, c)]
    assert [answer.status for answer in done] == [200] * 3
    assert simulator.held() == 0 and ask(simulator).status == 200
    assert simulator.counters()["in_flight_max"]["search"] == 3


def test_nobody_listens_when_told_so(simulator):
    simulator.listen(False)
    with pytest.raises(ConnectionRefusedError):
        simulator.connect()
    simulator.listen(True)
    assert ask(simulator).status == 200


def test_counters_tell_no_secret(simulator):
    ask(simulator, "size=1")
    counters = simulator.counters()
    assert counters["searches"] == 1 and counters["calls"]["search"] == {"200": 1}
    assert counters["recent"][-1]["query"] == "size=1"
    told = json.dumps(counters)
    assert simulator.tokens() and not any(secret in told for secret in simulator.tokens())


def test_many_at_once(simulator):
    simulator.login()
    tokens = simulator.login()
    bodies = all_at_once(50, lambda _: ask_with(simulator, tokens))
    assert len(set(bodies)) == 1 and simulator.counters()["searches"] == 50


def ask_with(simulator, access_token):
    with simulator.connect() as connection:
        return connection.request(SEARCH, fields={"Authorization": f"Bearer {access_token}"}).body


def test_time_in_texts_sorts_as_time():
    """What the comparison above relies on."""
    moments = [datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=7919 * n) for n in range(200)]
    texts = [moment.strftime(MINUTE) for moment in moments]
    assert all(a < b for a, b in itertools.pairwise(texts))
