#!/usr/bin/python3
"""The canonical query, once more: slow, obvious, and written from docs/canonical-query.md alone.

    normalise.py SCHEMA.json [--scope 12,34] QUERY      prints what `nexgate key` says first
    normalise.py SCHEMA.json [--scope 12,34] -          one query a line, an empty line after each answer
"""
import argparse
import datetime
import json
import re
import sys

PAIRS_MAX = 512

# Zeros before a number may be any number.
sys.set_int_max_str_digits(0)


class Refused(Exception):
    """The query has no canonical form."""


def decode(spelling: bytes) -> bytes:
    """Percent escapes and '+', strictly."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", spelling):
        raise Refused("bad escape")
    blanks = spelling.replace(b"+", b" ")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match.group(1), 16)]), blanks)


def text_of(spelling: bytes) -> str:
    try:
        text = decode(spelling).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not UTF-8") from error
    if "\0" in text:
        raise Refused("NUL")
    return text


def encode(text: str) -> str:
    keep = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/"
    return "".join(chr(byte) if byte in keep else f"%{byte:02X}" for byte in text.encode())


def lower(text: str) -> str:
    """ASCII only: there are no other letters in a schema."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def read_integer(row, text):
    if not re.fullmatch(r"-?[0-9]+", text):
        raise Refused("not an integer")
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise Refused("not 64 bits")
    least, most = {"page": (1, 2**31 - 1), "size": (1, 1000)}.get(row["type"], (-(2**63), 2**63 - 1))
    if not row.get("min", least) <= number <= row.get("max", most):
        raise Refused("out of range")
    return number


def read_boolean(_row, text):
    if lower(text) not in ("true", "false"):
        raise Refused("not a boolean")
    return lower(text)


def read_enum(row, text):
    if re.fullmatch(r"-?[0-9]+", text):
        if int(text) in row["values"].values():
            return int(text)
    for name, number in row["values"].items():
        if lower(name) == lower(text):
            return number
    raise Refused("not in the table")


def read_date_time(_row, text):
    match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(:00)?", text)
    if not match:
        raise Refused("not a date-time")
    try:
        datetime.datetime.strptime(match.group(1), "%Y-%m-%dT%H:%M")
    except ValueError as error:
        raise Refused("not in the calendar") from error
    return match.group(1)


def read_string(_row, text):
    return text


def read_property(row, text):
    for name in row["values"]:
        if lower(name) == lower(text):
            return name
    raise Refused("not a property")


def read_direction(_row, text):
    if lower(text) in ("ascending", "descending"):
        return 0 if lower(text) == "ascending" else 1
    if re.fullmatch(r"-?[0-9]+", text) and int(text) in (0, 1):
        return int(text)
    raise Refused("not a direction")


READERS = {
    "integer": read_integer,
    "boolean": read_boolean,
    "enum": read_enum,
    "date-time": read_date_time,
    "string": read_string,
    "property": read_property,
    "direction": read_direction,
    "page": read_integer,
    "size": read_integer,
}


def read_default(row):
    if "default" not in row:
        return None
    default = row["default"]
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return READERS[row["type"]](row, text)


def collect(schema, query: bytes):
    """The values of each parameter that was named, in the order they came, empty ones too."""
    rows = {lower(row["name"]): row for row in schema["parameters"]}
    given = {}
    pieces = [piece for piece in query.split(b"&") if piece]
    if len(pieces) > PAIRS_MAX:
        raise Refused("too many")
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        row = rows.get(lower(text_of(name)))
        if row is None:
            raise Refused("unknown")
        given.setdefault(row["name"], []).append(value)
    for row in schema["parameters"]:
        if len(given.get(row["name"], [])) > 1 and not row.get("repeats", False):
            raise Refused("twice")
    return given


def normalise(schema, query: bytes, scope=None):
    """(canonical query, page, size); `scope` lists the locations of a client that may not search all."""
    given = collect(schema, query)
    meanings = {}
    for row in schema["parameters"]:
        values = [READERS[row["type"]](row, text_of(value)) for value in given.get(row["name"], []) if value]
        if row["type"] == "string":
            ordered = sorted(set(values), key=lambda text: text.encode())
        else:
            ordered = sorted(set(values))
        meanings[row["name"]] = [value for value in ordered if value != read_default(row)]
    if scope is not None:
        if "scope" not in schema:
            raise Refused("cannot be limited")
        if not meanings[schema["scope"]] and len(scope) == 1:
            meanings[schema["scope"]] = list(scope)
        if not meanings[schema["scope"]] or meanings[schema["scope"]][0] not in scope:
            raise Refused("outside of the scope")
    paging = {}
    pairs = []
    for row in sorted(schema["parameters"], key=lambda row: row["name"].encode()):
        if row["type"] in ("page", "size"):
            paging[row["type"]] = (meanings[row["name"]] or [read_default(row)])[0]
        else:
            pairs += [row["name"] + "=" + encode(str(value)) for value in meanings[row["name"]]]
    return "&".join(pairs), paging["page"], paging["size"]


def answer(schema, query: bytes, scope):
    try:
        canonical, page, size = normalise(schema, query, scope)
    except Refused as refused:
        print(f"normalise: {refused}", file=sys.stderr)
        print("canonical  -")
        return False
    print(f"canonical  {canonical}")
    print(f"page       {page} of size {size}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schema")
    parser.add_argument("--scope", type=lambda text: [int(part) for part in text.split(",") if part])
    parser.add_argument("query")
    arguments = parser.parse_args()
    with open(arguments.schema, encoding="utf-8") as file:
        schema = json.load(file)
    if arguments.query != "-":
        return 0 if answer(schema, arguments.query.encode("utf-8", "surrogateescape"), arguments.scope) else 1
    good = True
    for line in sys.stdin.buffer:
        good = answer(schema, line.removesuffix(b"\n"), arguments.scope) and good
        print()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
