# SPDX-License-Identifier: MIT
"""Answers of Nexudus that are odd as HTTP, byte for byte: lying lengths, broken encodings, strange heads, more behind the answer than
belongs to it. Callers get the whole truth or a refusal, and no byte of one answer is taken for another's."""

import gzip
import itertools
import json
import zlib

import pytest

EMPTY = json.dumps({
    "Records": [], "CurrentPage": 1, "CurrentPageSize": 200, "CurrentOrderField": "Id", "CurrentSortDirection": 0, "FirstItem": 0,
    "LastItem": 0, "TotalItems": 0, "TotalPages": 0, "HasNextPage": False, "HasPreviousPage": False, "PageNumber": 1, "PageSize": 200,
})
GZIP = gzip.compress(EMPTY.encode())
CHUNK = f"{len(EMPTY):x}\r\n{EMPTY}\r\n"
FOREIGN = "of another answer"


def answer(body, *fields, length=True, status="200 OK"):
    """The bytes of an answer, as Latin-1; `length` True: the right one, None: none."""
    body = body.decode("latin-1") if isinstance(body, bytes) else body
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *fields]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length is True else length}")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def chunked(body, *fields):
    return answer(body, "Transfer-Encoding: chunked", *fields, length=None)


def packed(body, coding="gzip"):
    return answer(body, f"Content-Encoding: {coding}")


BROKE_OFF, TOO_LARGE, NO_ENVELOPE = "broke off", "is larger than any search result may be", "Not a search envelope"

# What is sent, the status that it means when nothing is stored, and words of the reason.
ANSWERS = {
    "as it should be": (answer(EMPTY), 200, None),
    "no length": (answer(EMPTY, length=None), 200, None),
    "HTTP/1.0": ("HTTP/1.0 200 OK\r\n\r\n" + EMPTY, 200, None),
    "length too large": (answer(EMPTY, length=len(EMPTY) + 10), 502, BROKE_OFF),
    "length too small": (answer(EMPTY, length=len(EMPTY) - 10), 502, NO_ENVELOPE),
    "length negative": (answer(EMPTY, length=-5), 502, BROKE_OFF),
    "length no number": (answer(EMPTY, length="abc"), 502, BROKE_OFF),
    "length of 2^62": (answer(EMPTY, length=1 << 62), 502, TOO_LARGE),
    "length of 2^70": (answer(EMPTY, length=1 << 70), 502, TOO_LARGE),
    "chunks without an end": (chunked(CHUNK), 502, BROKE_OFF),
    "chunks of nonsense": (chunked("zz\r\n" + EMPTY + "\r\n0\r\n\r\n"), 502, BROKE_OFF),
    "chunk of 2^72": (chunked("f" * 18 + "\r\n" + EMPTY), 502, BROKE_OFF),
    "trailers that contradict the head": (chunked(CHUNK + "0\r\nContent-Type: text/html\r\nRetry-After: 9\r\n\r\n"), 200, None),
    "gzip": (packed(GZIP), 200, None),
    "gzip cut in its data": (packed(GZIP[:-20]), 502, NO_ENVELOPE),
    "gzip with a wrong checksum": (packed(GZIP[:-8] + bytes(4) + GZIP[-4:]), 502, BROKE_OFF),
    "gzip and something behind it": (packed(GZIP + b"junk"), 502, BROKE_OFF),
    "gzip that is none": (packed(EMPTY), 502, BROKE_OFF),
    "gzip that nobody said": (answer(GZIP), 502, NO_ENVELOPE),
    "gzip nine times": (packed(GZIP, ", ".join(["gzip"] * 9)), 502, BROKE_OFF),
    "gzip bomb in a bomb": (packed(gzip.compress(gzip.compress(bytes(64 << 20))), "gzip, gzip"), 502, TOO_LARGE),
    "deflate": (packed(zlib.compress(EMPTY.encode()), "deflate"), 200, None),
    "an encoding that nobody knows": (packed(EMPTY, "x-foo"), 502, BROKE_OFF),
    "a head of 90 kB": (answer(EMPTY, "X: " + "y" * 90_000), 502, TOO_LARGE),
    "20,000 fields": (answer(EMPTY, *["X: y"] * 20_000), 502, TOO_LARGE),
    "NUL in a field": (answer(EMPTY, "X: a\0b"), 502, BROKE_OFF),
    "a head that ends early": ("HTTP/1.1 200 OK\r\nContent-Le", 502, BROKE_OFF),
    "no head": (EMPTY, 502, BROKE_OFF),
    "another protocol": ("ICY 200 OK\r\n\r\n" + EMPTY, 502, BROKE_OFF),
    "nothing": ("", 503, "cannot be reached"),
    "50 interim answers": ("HTTP/1.1 100 Continue\r\n\r\n" * 50 + answer(EMPTY), 200, None),
    "fields of an interim answer": ("HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n" + answer(EMPTY), 200, None),
    "206": (answer(EMPTY, "Content-Range: bytes 0-9/10", status="206 Partial Content"), 502, "answered 206"),
    "304": (answer("", "ETag: \"x\"", status="304 Not Modified"), 502, "answered 304"),
    "407": (answer("", "Proxy-Authenticate: Basic realm=\"x\"", status="407 Who"), 502, "answered 407"),
    "999": (answer(EMPTY, status="999 Odd"), 502, "answered 999"),
    "2000": (answer(EMPTY, status="2000 OK"), 502, BROKE_OFF),
    "too much beside the records": (answer(EMPTY[:-1] + ',"X":"' + "y" * (4 << 20) + '"}'), 502, "beside the records"),
    "UTF-16": (answer(EMPTY.encode("utf-16")), 502, "text in UTF-8 was expected"),
    "a byte order mark": (answer("\ufeff".encode() + EMPTY.encode()), 502, NO_ENVELOPE),
    "a number of 100,000 digits": (answer(EMPTY[:-1] + ',"X":' + "1" * 100_000 + "}"), 200, None),
    "NaN": (answer(EMPTY[:-1] + ',"X":NaN}'), 502, NO_ENVELOPE),
}


@pytest.fixture(scope="module")
def house(module_workshop):
    simulator = module_workshop.simulator(records=1000)
    return simulator, module_workshop.gateway(simulator)


numbers = itertools.count(1)


def new_question():
    return f"from_WebHook_ErrorCount=-{next(numbers)}"


@pytest.fixture
def simulator(house):
    """Healthy, with pauses, back-offs and the breaker's memory behind it, and a retry saved up."""
    house[1].move_time(400)
    for _ in range(6):
        assert house[1].search(new_question()).status == 200
    yield house[0]
    house[0].reset()


@pytest.fixture
def gateway(house, simulator):
    return house[1]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_odd_answer(simulator, gateway, name):
    raw, status, words = ANSWERS[name]
    query = new_question()
    simulator.fault(raw=raw)
    found = gateway.search_as_time_moves(query)
    assert found.status == status, found.body
    if status == 200:
        assert found.body.startswith(b'{"Records":[],') and found.cache_status() == {"fwd": "uri-miss", "fwd-status": 200, "stored": True}
        return
    assert words in found.problem()["detail"]
    simulator.faults()
    healed = gateway.search_as_time_moves(query)  # nothing of it was kept
    assert healed.status == 200 and healed.cache_status()["fwd"] == "uri-miss"


OTHER = answer(EMPTY[:-1] + f',"X":"{FOREIGN}"' + "}")


@pytest.mark.parametrize("raw", [
    answer(EMPTY) + OTHER,
    answer(EMPTY, f"Content-Length: {len(EMPTY) + 7}") + " " * 7 + OTHER,
    answer(EMPTY + " " * 7, f"Content-Length: {len(EMPTY)}", length=len(EMPTY)) + OTHER,
    answer(CHUNK + "0\r\n\r\n", "Transfer-Encoding: chunked", length=3) + OTHER,
    chunked(CHUNK + "0\r\nX: y\r\n\r\n") + OTHER,
    answer("", status="304 Not Modified", length=10) + OTHER,
    answer("", status="204 No Content", length=10) + OTHER,
    "HTTP/1.1 100 Continue\r\n\r\n" + answer(EMPTY) + "HTTP/1.1 100 Continue\r\n\r\n" + OTHER,
], ids=["behind a length", "two lengths", "blanks", "length and chunks", "trailers", "304", "204", "interim"])
def test_what_stands_behind_an_answer_is_nobodys(simulator, gateway, raw):
    simulator.fault(raw=raw, stays=True, count=1)
    answers = [gateway.search_as_time_moves(new_question()) for _ in range(4)]
    assert all(FOREIGN.encode() not in found.body for found in answers)
    assert [found.status for found in answers[1:]] == [200] * 3
    assert all(found.json()["TotalItems"] == 1000 for found in answers[1:])


# A Retry-After, and the least and the most that the client is told: a fifth more than a second where it makes no sense, retry_after_max
# (10 s) where it is long.
@pytest.mark.parametrize("value, least, most", [
    ("0", 1, 1), ("7", 7, 9), ("1000000000", 10, 10), ("9223372036854775807", 10, 10), ("99999999999999999999", 10, 10),
    ("-1", 1, 2), ("1e9", 1, 2), ("1.5", 1, 2), ("0x10", 1, 2), ("5, 6", 1, 2), ("soon", 1, 2), ("", 1, 2),
    ("Sun, 06 Nov 1994 08:49:37 GMT", 1, 1), ("Fri, 31 Dec 9999 23:59:59 GMT", 10, 10), ("Fri, 31 Dec 99999 23:59:59 GMT", 1, 10),
])
def test_a_wait_in_every_spelling(simulator, gateway, value, least, most):
    simulator.fault(raw=answer("", f"Retry-After: {value}", status="409 Wait"))
    found = gateway.search(new_question(), prefer="wait=0")
    assert found.status == 503
    assert least <= int(found.fields["Retry-After"]) <= most
    assert simulator.counters()["searches"] <= 7  # the six before it


def test_a_failure_that_hangs_up_is_asked_again_over_another_connection(simulator, gateway):
    """It promised to keep the connection, which is dead when the retry would use it."""
    for _ in range(15):  # each saves up a fifth of a retry
        assert gateway.search(new_question()).status == 200
    for status in ("500 Failed", "502 Failed", "501 Failed"):
        simulator.fault(raw=answer("", status=status), count=1)
        assert gateway.search_as_time_moves(new_question()).status == 200
