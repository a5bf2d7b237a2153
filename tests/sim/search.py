# SPDX-License-Identifier: MIT
"""A search: the question out of a query string, the records that match, the page and its envelope.

As ASP.NET does it: names in any case, an empty value is no filter, unknown parameters mean nothing, the first of several values
counts unless the parameter may repeat. Knows no HTTP.
"""

import functools
import urllib.parse

from sim.entities import BadValue, integer

SIZE_MAX = 1000

# Between two records; blanks there are legal and belong to neither.
SEPARATORS = (b",", b", ", b",\n", b" ,")


class Question:
    """What one query string asks of an entity."""

    def __init__(self, entity, query):
        given = {}
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            value = urllib.parse.unquote_plus(value)
            if value:
                given.setdefault(urllib.parse.unquote_plus(name).lower(), []).append(value)
        given = {name: [value] for name, value in entity.defaults.items()} | given
        self.page = _number(given, "page", 1, 2**31 - 1)
        self.size = _number(given, "size", 1, SIZE_MAX)
        self.direction = _number(given, "dir", 0, 1)
        order = given["orderby"][0].lower()
        if order not in entity.properties:
            raise BadValue("orderBy is not a property")
        self.order = entity.properties[order]
        self.filters = tuple(
            (name, tuple(spec.read(value) for value in (given[name] if spec.repeats else given[name][:1])))
            for name, spec in sorted(entity.filters.items())
            if name in given
        )


def _number(given, name, least, most):
    number = integer(given[name][0])
    if not least <= number <= most:
        raise BadValue(f"{name} is out of range")
    return number


@functools.lru_cache(maxsize=20_000)
def read(entity, query):
    return Question(entity, query)


def matching(entity, records, question):
    """The records that match, sorted; records that are equal in the sort property stay in the order of their ids."""
    filters = [(entity.filters[name], wanted) for name, wanted in question.filters]
    found = [
        record for record in records
        if all(spec.accepts(record.values[spec.prop], wanted) for spec, wanted in filters)
    ]

    def rank(record):
        value = record.values[question.order]
        return (value is not None, 0 if value is None else value)

    found.sort(key=rank, reverse=question.direction == 1)
    return found


class Page:
    """The records of one page, and the envelope that speaks of them."""

    def __init__(self, question, found, cap):
        self.question = question
        self.size = min(question.size, cap)
        self.start, self.total = (question.page - 1) * self.size, len(found)
        self.pages = -(-self.total // self.size)
        self.first = self.start + 1 if self.total else 0
        self.records = found[self.start:self.start + self.size]
        self.last = self.start + len(self.records) if self.records else self.total

    def members(self):
        """In the order they are sent, as a list of [name, JSON bytes]."""
        question = self.question
        return [
            ["Records", b"[" + self._body() + b"]"],
            ["CurrentPage", _text(question.page)],
            ["CurrentPageSize", _text(self.size)],
            ["CurrentOrderField", b'"' + question.order.encode() + b'"'],
            ["CurrentSortDirection", _text(question.direction)],
            ["FirstItem", _text(self.first)],
            ["LastItem", _text(self.last)],
            ["TotalItems", _text(self.total)],
            ["TotalPages", _text(self.pages)],
            ["HasNextPage", b"true" if question.page < self.pages else b"false"],
            ["HasPreviousPage", b"true" if question.page > 1 else b"false"],
            ["PageNumber", _text(question.page)],
            ["PageSize", _text(self.size)],
        ]

    def _body(self):
        pieces = []
        for number, record in enumerate(self.records):
            if number:
                pieces.append(SEPARATORS[(self.start + number) % len(SEPARATORS)])
            pieces.append(record.raw)
        return b"".join(pieces)


# What the vendor may add any day: before, between and after the known members.
EXTRA_FIRST = ["Links", b'{ "self" : "\\/api?a=1\\u0026b=2", "Records":[{"Id":1}] ,"n":[1.50,1E+2,-0,1e999] }']
EXTRA_MIDDLE = ["Summ\u00e4ry", '"\\ud83d\\ude00 漢字 ]},{"'.encode()]
EXTRA_LAST = ["Last", b"[[],{}, null ]"]


def with_extras(members):
    return [EXTRA_FIRST, *members[:5], EXTRA_MIDDLE, *members[5:], EXTRA_LAST]


def to_bytes(members):
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members) + b"}"


def _text(number):
    return b"%d" % number
