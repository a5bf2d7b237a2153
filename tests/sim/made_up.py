# SPDX-License-Identifier: MIT
"""Made-up records: the n-th record of an entity is the same bytes in every run with the same seed, and full of what is legal in
JSON but easily broken by whoever reads and writes it anew. Knows no search."""

import datetime
import random
import uuid

from sim import json_text

FIRST_ID = 1_000_003
ID_STEP = 10  # room for records that are added between others
LOCATIONS = (101, 102, 103, 2_147_483_659)
EPOCH = datetime.datetime(2024, 1, 1)

NAMES = (
    "Invoices", "invoices", "Café sync", "Cafe\u0301 sync", "日本語の通知", "🚀 launch", 'He said "hi"', "back\\slash",
    "tab\there", "a/b", " padded ", "a+b & c=d", "100%", "zero\0byte", "lone \ud83d half", "naïve", "İstanbul", "ß", "]}", "{,[",
)
ERRORS = (None, None, None, "", "timeout", "HTTP 500: <html>", "connexion refusée", "🔥")

# JSON texts that must come through as they are; as Python strings of JSON, not values.
CUSTOM = (
    "null",
    "{}",
    '{"Price":1.50,"Ratio":1E+2,"Zero":-0,"Tiny":1e-7,"Big":123456789012345678901234567890}',
    '{"Huge":1e999,"Less":-1e999,"Same":1.0,"Also":1.00}',
    '{"Pair":"\\ud83d\\ude00","Nul":"\\u0000","Slash":"\\/","Lone":"\\ud800","Acute":"\\u00E9\\u00e9"}',
    '{"Nested":[[],[[1,[2 , [3]]],{}],{"a" : [ ]}],"":""}',
    '{"Records":[{"Id":1},{"Id":1}],"TotalItems":3,"HasNextPage":true}',
    '{"Quoted":"]},{\\"Id\\":7","Backslash":"\\\\","Twice":1,"Twice":2}',
    '[ ]',
    '{"Emoji":"👩‍👩‍👧","CJK":"漢字","RTL":"שלום"}',
)


class Record:
    """`raw` is what is sent; `values` is what is searched, by property; `number` is what it was made from."""

    __slots__ = ("raw", "values", "number")

    def __init__(self, raw, values, number):
        self.raw, self.values, self.number = raw, values, number


def _moment(rng):
    """A time of the location's own clock; most are on the minute, so that bounds are hit exactly."""
    seconds = rng.choice((0, 0, 0, 1, 59))
    return EPOCH + datetime.timedelta(minutes=rng.randrange(2 * 365 * 24 * 60), seconds=seconds)


def _json(value, spelling):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime.datetime):
        return '"' + value.strftime("%Y-%m-%dT%H:%M:%SZ") + '"'
    return json_text.string(value, spelling)


def webhook(seed, number, ident, changes=None):
    rng = random.Random(f"webhooks {seed} {number}")
    name = f"{rng.choice(NAMES)} {number % 40}"
    values = {
        "Id": ident,
        "UniqueId": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "BusinessId": rng.choice(LOCATIONS),
        "Name": name,
        "Action": rng.randint(1, 90),
        "Description": rng.choice((None, "", "for billing", "für Räume")),
        "URL": f"https://hooks.example.com/{rng.choice(('a', 'b c', 'ü'))}/{rng.getrandbits(48):012x}?x=1&y=2",
        "Active": rng.random() < 0.6,
        "LastError": rng.choice(ERRORS),
        "ErrorCount": rng.choice((0, 0, 1, 2, 3, 5, 10, 100, 4_294_967_296)),
        "LastTrigger": _moment(rng) if rng.random() < 0.8 else None,
        "CreatedOn": _moment(rng),
        "UpdatedOn": _moment(rng),
        "UpdatedBy": rng.choice(("admin@example.com", "žofie@example.com")),
        "IsNew": False,
        "SystemId": rng.choice((None, f"sys-{number % 97}")),
        "ToStringText": name,
        "LocalizationDetails": None,
        "CustomFields": None,
    }
    values.update(changes or {})
    spelling, layout, custom = rng.randrange(3), rng.randrange(len(json_text.LAYOUTS)), rng.choice(CUSTOM)
    pairs = [(prop, _json(value, spelling)) for prop, value in values.items()]
    shown = dict(pairs, Description="null", CustomFields=custom)  # a list answer does not fill in the description
    values["CustomFields"] = custom
    return Record(json_text.members(shown.items(), layout).encode(), values, number)


def coworker(seed, number, ident, changes=None):
    rng = random.Random(f"coworkers {seed} {number}")
    values = {
        "Id": ident,
        "UniqueId": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "FullName": rng.choice(("Zoë Ångström", "Jan Novák", "山田太郎", "O'Neil")) + f" {number % 100}",
        "Email": f"member{number % 50}+{rng.randrange(3)}@example.com",
        "Country": rng.choice(("Åland & co", "Åland & co", "Österreich", "日本")),
        "Tag": rng.choice((None, "vip", "a b", "c,d")),
        "Active": rng.random() < 0.8,
        "Type": rng.choice((1, 2, -3)),
        "Floor": rng.randint(-2, 40),
        "CreatedOn": _moment(rng),
    }
    values.update(changes or {})
    layout = rng.randrange(len(json_text.LAYOUTS))
    text = json_text.members([(prop, _json(value, json_text.MIXED)) for prop, value in values.items()], layout)
    return Record(text.encode(), values, number)


MAKERS = {"webhooks": webhook, "coworkers": coworker}
