# SPDX-License-Identifier: MIT
"""Secrets made up on the spot, and the search for them in what a gateway says, while it says it.

Every secret that is made here, and every token of the simulator, carries one mark, which is another in each run and is nowhere else.
Who looks for the mark finds the secrets of later, too, and need not keep what was said before they were made. Secrets of another
make (a password with blanks in it) can only be looked for from the beginning on.
"""

import base64
import secrets
import urllib.parse

UPSTREAM_WORDS = "words of the upstream that no client may read"  # tests/sim/faults.py puts them into every error
SHOWN = 200  # bytes before and after what was found


def _random(alphabet, length):
    return "".join(secrets.choice(alphabet) for _ in range(length))


MARK = _random("234567", 24)  # 62 bits; at home in hexadecimal, in base32, in base64url, in a URL and between quotes


def made_up(length=40):
    """A secret; its characters are lower-case hexadecimal digits."""
    return MARK + _random("0123456789abcdef", length - len(MARK))


def made_up_base32(length=40):
    return MARK + _random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length - len(MARK))


def make_key():
    """A client's or an operator's key."""
    return "nxg_" + MARK + secrets.token_urlsafe(32)[len(MARK):]


def in_base64(content):
    """How these bytes look in base64 after 0, 1 and 2 other bytes: the digits that depend on nothing else, in both alphabets."""
    for before in range(3):
        digits = base64.b64encode(bytes(before) + content)[-(-8 * before // 6):8 * (before + len(content)) // 6]
        yield from {digits, digits.translate(bytes.maketrans(b"+/", b"-_"))}


def spellings(secret):
    """A secret as it may stand in what a program says, as bytes."""
    content = secret.encode()
    return {content, urllib.parse.quote(secret).encode(), urllib.parse.quote_plus(secret).encode(), secret.replace('"', '\\"').encode(),
            content.hex().encode(), *in_base64(content)}


class Search:
    """For the mark, and for the secrets of another make. `found` is {(where, spelling): what stood around it}, the first of each."""

    def __init__(self, others):
        self._others = frozenset(others)
        self.found = {}
        self.wanted = sorted(set().union(*map(spellings, {MARK, UPSTREAM_WORDS} | self._others)))
        self.overlap = max(map(len, self.wanted)) - 1  # bytes

    def knows(self, secret):
        """Whether it would have been found from the beginning on."""
        return MARK in secret or secret in self._others

    def witness(self, where):
        """What looks at one stream of bytes."""
        return Witness(self, where)


class Witness:
    """To be called with the pieces of a stream, in order. It keeps no more than the longest spelling of a secret."""

    def __init__(self, search, where):
        self._search, self._where = search, where
        self.kept = b""

    def __call__(self, piece):
        text = self.kept + piece
        for spelling in self._search.wanted:
            at = text.find(spelling)
            if at >= 0:
                self._search.found.setdefault((self._where, spelling), text[max(0, at - SHOWN):at + len(spelling) + SHOWN])
        self.kept = text[-self._search.overlap:]
