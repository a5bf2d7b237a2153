# SPDX-License-Identifier: MIT
"""What is asked: lists of (path, client number). Random where a workload is, but the same in each run."""

import random
import urllib.parse

PATH = "/api/sys/webhooks"

# In the order in which the curve over parameters adds them; the first nine and the size are "10 parameters".
FILTERS = [
    ("WebHook_Active", "true"),
    ("WebHook_Name", "Front desk, 2nd floor"),
    ("WebHook_Action", "CoworkerCreate"),
    ("from_WebHook_ErrorCount", "1"),
    ("to_WebHook_ErrorCount", "10"),
    ("from_WebHook_CreatedOn", "2025-01-01T00:00"),
    ("to_WebHook_CreatedOn", "2025-12-31T23:59"),
    ("orderBy", "Name"),
    ("dir", "descending"),
    ("WebHook_Business", "101"),
    ("WebHook_URL", "https://hooks.example.com/nexudus?x=1"),
    ("WebHook_LastError", "timed out"),
    ("WebHook_Description", "door & bell"),
    ("from_WebHook_LastTrigger", "2025-01-01T00:00"),
    ("to_WebHook_LastTrigger", "2025-12-31T23:59"),
    ("from_WebHook_UpdatedOn", "2025-01-01T00:00"),
    ("to_WebHook_UpdatedOn", "2025-12-31T23:59"),
    ("UniqueId", "430d799c-b21e-4ba4-a963-5b73bf03d494"),
    ("WebHook_SystemId", "sys-1"),
    ("WebHook_ErrorCount", "3"),
]
WORDS = {"WebHook_Active", "WebHook_Action", "orderBy", "dir"}  # read without regard to case
SPELLINGS = 20_000  # far more than any cache of spellings would hold


def page(size=25):
    return [(f"{PATH}?WebHook_Active=true&size={size}", 0)]


def parameters(count):
    """One question of so many filters, plainly spelt."""
    return [(f"{PATH}?{urllib.parse.urlencode(FILTERS[:count])}", 0)]


def spellings(count, size=False, many=SPELLINGS):
    """The same question in many spellings: the order, the case of names and words, blanks and percent signs."""
    pairs = FILTERS[:count] + ([("size", "25")] if size else [])
    draw = random.Random(count)
    return [(f"{PATH}?{_respell(pairs, draw)}", 0) for _ in range(many)]


def _respell(pairs, draw):
    return "&".join(f"{_any_case(name, draw)}={_respell_value(name, value, draw)}" for name, value in draw.sample(pairs, len(pairs)))


def _any_case(text, draw):
    return draw.choice((text, text.lower(), text.upper()))


def _respell_value(name, value, draw):
    if name in WORDS:
        return _any_case(value, draw)
    quote = draw.choice((urllib.parse.quote, urllib.parse.quote_plus))
    at = draw.randrange(len(value))
    return quote(value[:at]) + f"%{ord(value[at]):02x}" + quote(value[at + 1:])


def distinct(count, name="n"):
    """So many different questions, in random order."""
    lines = [(f"{PATH}?WebHook_Active=true&WebHook_Name={name}{number}&size=25", 0) for number in range(count)]
    random.Random(count).shuffle(lines)
    return lines


def crowd(clients):
    """The same question by clients in random order."""
    numbers = list(range(clients))
    random.Random(clients).shuffle(numbers)
    return [(page()[0][0], number) for number in numbers]


def zipf(clients=200, queries=10_000, draws=100_000):
    """Clients at random, questions by Zipf's law: the n-th most popular comes up 1/n as often as the first."""
    draw = random.Random(clients)
    paths = [path for path, _ in distinct(queries)]
    chosen = draw.choices(paths, weights=[1 / rank for rank in range(1, queries + 1)], k=draws)
    return [(path, draw.randrange(clients)) for path in chosen]
