# SPDX-License-Identifier: MIT
"""What may be asked, in how many spellings, and what a bad question is told."""

import urllib.parse

import pytest

from envelopes import Envelope
from gateway import SEARCH
from secrecy import made_up


@pytest.fixture(scope="module")
def simulator(module_workshop):
    return module_workshop.simulator(records=600)


@pytest.fixture(scope="module")
def gateway(module_workshop, simulator):
    return module_workshop.gateway(simulator)


@pytest.fixture(scope="module")
def record(simulator):
    """One record with something in every property, and a name that is not ASCII."""
    for answer in simulator.direct([f"{SEARCH}?size=600"]):
        for found in answer.json()["Records"]:
            full = all(found[prop] for prop in ("LastError", "LastTrigger", "SystemId", "ErrorCount"))
            if full and found["Name"].startswith("Café"):
                return found
    raise AssertionError("no such record")


def same_as_direct(gateway, simulator, query):
    answer = gateway.search(query)
    assert answer.status == 200, (query, answer.body)
    ours, theirs = Envelope(answer.body), Envelope(next(simulator.direct([f"{SEARCH}?{query}"])).body)
    assert ours.records == theirs.records, query
    assert ours.others() == theirs.others(), query
    return ours


@pytest.mark.parametrize("parameter, prop", [
    ("Id", "Id"), ("UniqueId", "UniqueId"), ("WebHook_SystemId", "SystemId"), ("WebHook_Business", "BusinessId"), ("WebHook_Name", "Name"),
    ("WebHook_Action", "Action"), ("WebHook_URL", "URL"), ("WebHook_Active", "Active"), ("WebHook_LastError", "LastError"),
    ("WebHook_ErrorCount", "ErrorCount"), ("from_WebHook_ErrorCount", "ErrorCount"), ("to_WebHook_ErrorCount", "ErrorCount"),
])
def test_every_filter_reaches_nexudus(gateway, simulator, record, parameter, prop):
    found = same_as_direct(gateway, simulator, urllib.parse.urlencode({parameter: str(record[prop])}))
    assert 0 < found.member("TotalItems") < 600


@pytest.mark.parametrize("bound", ["from", "to"])
@pytest.mark.parametrize("prop", ["LastTrigger", "CreatedOn", "UpdatedOn"])
def test_every_bound_of_time_reaches_nexudus(gateway, simulator, record, bound, prop):
    found = same_as_direct(gateway, simulator, f"{bound}_WebHook_{prop}={record[prop][:16]}&size=100")
    assert 0 < found.member("TotalItems") < 600


def test_filters_with_few_matches(gateway, simulator, record):
    same_as_direct(gateway, simulator, "WebHook_Description=for%20billing")
    same_as_direct(gateway, simulator, f"WebHook_LastTrigger={record['LastTrigger'][:16]}")
    same_as_direct(gateway, simulator, "WebHook_Name=nobody+has+this")


@pytest.mark.parametrize("order", [
    "Id", "UniqueId", "BusinessId", "Name", "Action", "Description", "URL", "Active", "LastError", "ErrorCount", "LastTrigger", "CreatedOn",
    "UpdatedOn", "UpdatedBy", "IsNew", "SystemId", "ToStringText",
])
def test_every_order_both_ways(gateway, simulator, order):
    up = same_as_direct(gateway, simulator, f"orderBy={order}&dir=0&size=600")
    down = same_as_direct(gateway, simulator, f"orderBy={order}&dir=1&size=600")
    assert up.ids() != down.ids() or order == "IsNew"


SPELLINGS = [
    ["WebHook_Name=a+b%20c", "webhook_name=a%20b+c", "WEBHOOK_NAME=%61%20%62+%63", "dir=0&WebHook%5FName=a%20b%20c",
     "WebHook_Name=a+b+c&page=1&size=25", "WebHook_Name=a%20b%20c&WebHook_URL=&Id=", "&&WebHook_Name=a%20b%20c&&"],
    ["WebHook_Action=6", "WebHook_Action=BookingCreate", "webhook_action=bookingcreate", "WebHook_Action=006", "WebHook_Action=%36"],
    ["Id=4&Id=30", "Id=30&Id=4", "id=30&ID=4&Id=30&Id=", "Id=04&iD=0030"],
    ["dir=1", "dir=descending", "DIR=Descending&orderBy=ID", "dir=01"],
    ["from_WebHook_CreatedOn=2025-01-15T10:30", "from_webhook_createdon=2025-01-15T10%3a30", "from_WebHook_CreatedOn=2025-01-15T10:30:00"],
    ["WebHook_Active=false", "WebHook_Active=FALSE", "webhook_active=False&dir=ascending&orderby=id"],
    ["WebHook_ErrorCount=-0", "WebHook_ErrorCount=0", "WebHook_ErrorCount=000"],
    ["WebHook_Name=caf%C3%A9", "WebHook_Name=c%61f%c3%a9"],
]


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda spellings: spellings[0])
def test_spellings_of_one_question_share_one_answer(gateway, simulator, spellings):
    before = simulator.counters()["searches"]
    answers = [gateway.search(spellings[0], cache_control="no-cache")]
    answers += [gateway.search(spelling, cache_control="max-age=3600") for spelling in spellings[1:]]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.fields["ETag"] for answer in answers}) == 1
    assert simulator.counters()["searches"] - before == 1


def test_different_questions_stay_different(gateway, simulator):
    names = ("a", "A", "%20a", "a%20", "a%26b", "a&WebHook_URL=b", "a%3Db", "a%2Bb", "a+b", "a%25b", "a%2526b", "a%23b", "e%CC%81",
             "%C3%A9")
    queries = [f"WebHook_Name={name}" for name in names] + ["WebHook_URL=a", "Id=1", "Id=11", "Id=1&Id=11"]
    before = simulator.counters()["searches"]
    for query in queries:
        assert gateway.search(query, cache_control="max-age=3600").cache_status().get("fwd") == "uri-miss", query
    assert simulator.counters()["searches"] - before == len(queries)


# query: (parameter that the problem names, value, a word of what is expected; None: not looked at)
BAD = {
    "WebHook_Nam=x": ("WebHook_Nam", "x", None),
    "nonsense=": ("nonsense", "", None),
    "page=0": ("page", "0", None),
    "page=-1": ("page", "-1", None),
    "page=1.5": ("page", "1.5", None),
    "page=+1": ("page", " 1", None),
    "size=0": ("size", "0", "1000"),
    "size=1001": ("size", "1001", "1000"),
    "size=99999999999999999999": ("size", "99999999999999999999", "1000"),
    "dir=2": ("dir", "2", None),
    "dir=-1": ("dir", "-1", None),
    "dir=down": ("dir", "down", None),
    "orderBy=Colour": ("orderBy", "Colour", "CreatedOn"),
    "WebHook_Active=yes": ("WebHook_Active", "yes", "true"),
    "WebHook_Active=1": ("WebHook_Active", "1", "true"),
    "WebHook_Action=0": ("WebHook_Action", "0", None),
    "WebHook_Action=91": ("WebHook_Action", "91", None),
    "WebHook_Action=BookingCreated": ("WebHook_Action", "BookingCreated", None),
    "WebHook_Business=abc": ("WebHook_Business", "abc", None),
    "WebHook_Business=9223372036854775808": ("WebHook_Business", "9223372036854775808", None),
    "WebHook_ErrorCount=1e2": ("WebHook_ErrorCount", "1e2", None),
    "WebHook_ErrorCount=%2B1": ("WebHook_ErrorCount", "+1", None),
    "Id=1&Id=x": ("Id", "x", None),
    "from_WebHook_CreatedOn=2025-02-29T10:00": ("from_WebHook_CreatedOn", "2025-02-29T10:00", "YYYY-MM-DDTHH:mm"),
    "to_WebHook_CreatedOn=2025-01-01": ("to_WebHook_CreatedOn", "2025-01-01", "YYYY-MM-DDTHH:mm"),
    "to_WebHook_UpdatedOn=2025-01-01T24:00": ("to_WebHook_UpdatedOn", "2025-01-01T24:00", None),
    "to_WebHook_UpdatedOn=2025-01-01T10:30:01": ("to_WebHook_UpdatedOn", "2025-01-01T10:30:01", None),
    "to_WebHook_UpdatedOn=2025-01-01T10:30Z": ("to_WebHook_UpdatedOn", "2025-01-01T10:30Z", None),
    "WebHook_Name=a&WebHook_Name=b": ("WebHook_Name", None, None),
    "WebHook_Name=a&webhook_name=": ("WebHook_Name", None, None),
    "size=5&size=5": ("size", None, None),
    "WebHook_Name=%": ("WebHook_Name", None, None),
    "WebHook_Name=%zz": ("WebHook_Name", None, None),
    "WebHook_Name=%00": ("WebHook_Name", None, None),
    "WebHook_Name=%ff": ("WebHook_Name", None, None),
    "WebHook_Name=%ed%a0%80": ("WebHook_Name", None, None),
    "WebHook_Name=%c0%af": ("WebHook_Name", None, None),
}


@pytest.mark.parametrize("query", BAD)
def test_a_bad_question_is_told_what_is_wrong(gateway, simulator, query):
    parameter, value, expected = BAD[query]
    before = simulator.counters()["searches"]
    answer = gateway.search(query)
    assert answer.status == 400, answer
    problem = answer.problem()
    assert problem["parameter"] == parameter
    assert problem["expected"]
    assert problem["value"] == value if value is not None else "value" in problem
    if expected is not None:
        assert expected in problem["expected"]
    assert simulator.counters()["searches"] == before


@pytest.mark.parametrize("wrong, near", [("WebHook_Nmae", "WebHook_Name"), ("webhook_activ", "WebHook_Active"), ("pgae", "page"),
                                         ("from_WebHook_CreateOn", "from_WebHook_CreatedOn"), ("order_by", "orderBy")])
def test_a_misspelt_name_is_told_the_nearest(gateway, wrong, near):
    assert near in gateway.search(f"{wrong}=1").problem()["detail"]


def test_dir_minus_one_says_why(gateway):
    problem = gateway.search("dir=-1").problem()
    assert "0" in problem["expected"] and "1" in problem["expected"]
    assert len(problem["detail"]) > 40


def test_too_much_is_refused_by_its_own_status(gateway):
    assert gateway.search("WebHook_Name=" + "x" * 7000).status == 200
    assert gateway.search("WebHook_Name=" + "x" * 9000).status == 414
    assert gateway.search("size=1", padding="x" * 20000).status == 431
    with gateway.connect() as connection:
        answer = connection.request(SEARCH, "POST", gateway.fields(), b"x" * 65537)
        assert answer.status == 413 and connection.closed()


def test_a_long_question_is_kept_apart_from_its_neighbour(gateway, simulator):
    long = "WebHook_Name=" + "x" * 3000
    assert gateway.search(long).cache_status()["fwd"] == "uri-miss"
    assert gateway.search(long + "y").cache_status()["fwd"] == "uri-miss"
    assert gateway.search(long).cache_status()["hit"] is True


def test_what_a_webhooks_url_tells_stays_out_of_the_log(gateway):
    secret = made_up()
    assert gateway.search(f"WebHook_URL=https://hooks.example.com/{secret}").status == 200
    assert gateway.search(f"WebHook_URL=https://hooks.example.com/{secret}&size=0").status == 400
