# SPDX-License-Identifier: MIT
"""JSON written in the ways that real servers write it: escaped or raw, tight or with blanks. Every spelling here is legal
(RFC 8259); what passes a record on must not change a byte of it."""

# How strings are spelt.
RAW, ASCII, MIXED = range(3)

# (after '{', between name and ':', after ':', after ',', before '}')
LAYOUTS = (
    ("", "", "", "", ""),
    (" ", " ", " ", " ", " "),
    ("\r\n\t", "", " ", "\r\n\t", "\r\n"),
    ("", "", "", "\n", ""),
)

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def _units(character):
    """The character as UTF-16 code units, in \\u escapes."""
    point = ord(character)
    if point < 0x10000:
        return f"\\u{point:04x}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


def string(text, spelling):
    out = []
    for position, character in enumerate(text):
        if character in _SHORT:
            out.append(_SHORT[character])
        elif character < " " or 0xD800 <= ord(character) <= 0xDFFF:
            out.append(_units(character))
        elif character == "/" and spelling != RAW:
            out.append("\\/")
        elif spelling == ASCII and character > "~":
            out.append(_units(character))
        elif spelling == MIXED and position % 3 == 0:
            out.append(_units(character).upper().replace("\\U", "\\u"))
        else:
            out.append(character)
    return '"' + "".join(out) + '"'


def members(pairs, layout):
    """An object from (name, JSON text of the value) pairs."""
    first, after_name, before_value, between, last = LAYOUTS[layout]
    body = ("," + between).join(
        string(name, RAW) + after_name + ":" + before_value + value for name, value in pairs
    )
    return "{" + first + body + last + "}"
