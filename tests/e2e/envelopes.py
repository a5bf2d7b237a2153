# SPDX-License-Identifier: MIT
"""An envelope taken apart without loss: each record as the bytes it came in, each other member as its JSON text."""

import json


class Envelope:
    """`records`: the bytes of each; `members`: [(name, text of the value)] in order, "Records" with the value None."""

    def __init__(self, body):
        text = body.decode("utf-8")
        self.records, self.members = [], []
        end = _blanks(text, _members(text, _blanks(text, 0), self._member))
        assert end == len(text), f"bytes after the envelope: {text[end:end + 40]!r}"

    def member(self, name):
        values = [value for member, value in self.members if member == name]
        assert len(values) == 1, f"{name} came {len(values)} times"
        return json.loads(values[0])

    def others(self):
        """All but the records."""
        return [(name, value) for name, value in self.members if name != "Records"]

    def ids(self):
        return [json.loads(record)["Id"] for record in self.records]

    def _member(self, text, name, start):
        if name != "Records":
            end = _value(text, start)
            self.members.append((name, text[start:end]))
            return end
        self.members.append((name, None))
        return _elements(text, start, lambda record: self.records.append(record.encode("utf-8")))


_decode = json.JSONDecoder(strict=True).raw_decode


def _value(text, at):
    return _decode(text, at)[1]


def _blanks(text, at):
    while text[at:at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _expect(text, at, character):
    assert text[at:at + 1] == character, f"{character!r} expected: {text[at:at + 40]!r}"
    return _blanks(text, at + 1)


def _members(text, at, on_member):
    at = _expect(text, at, "{")
    while True:
        name, at = _decode(text, at)
        at = _expect(text, _blanks(text, at), ":")
        at = _blanks(text, on_member(text, name, at))
        if text[at:at + 1] == "}":
            return at + 1
        at = _expect(text, at, ",")


def _elements(text, at, on_element):
    at = _expect(text, at, "[")
    while text[at:at + 1] != "]":
        end = _value(text, at)
        on_element(text[at:end])
        at = _blanks(text, end)
        if text[at:at + 1] != "]":
            at = _expect(text, at, ",")
    return at + 1
