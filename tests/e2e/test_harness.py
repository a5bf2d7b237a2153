# SPDX-License-Identifier: MIT
"""The search for secrets itself: whatever is told, in whatever pieces, is found; and what would not be found fails the test."""

import base64
import contextlib
import socket
import threading
import urllib.parse

import pytest

from gateway import Gateway
from http_client import Connection
from secrecy import MARK, UPSTREAM_WORDS, Search, made_up, made_up_base32, make_key

ODD = 'pass word, "quoted" ;#${} ě'
SPELT = {
    "as it is": str,
    "in a URL": lambda secret: urllib.parse.quote(secret),
    "in a form": lambda secret: urllib.parse.quote_plus(secret),
    "between quotes": lambda secret: secret.replace('"', '\\"'),
    "in hexadecimal": lambda secret: secret.encode().hex(),
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in base64, after another byte": lambda secret: base64.b64encode(b":" + secret.encode() + b"more").decode(),
    "in base64url, after two": lambda secret: base64.urlsafe_b64encode(b"a:" + secret.encode()).decode().rstrip("="),
}


def is_found(text, pieces):
    search = Search([ODD])
    look = search.witness("it")
    for piece in pieces(text):
        look(piece)
    return bool(search.found)


@pytest.mark.parametrize("spelling", SPELT)
@pytest.mark.parametrize("secret", [made_up(), make_key(), made_up_base32(), ODD], ids=["made up", "a key", "in base32", "of another make"])
def test_a_secret_is_found_in_any_spelling_and_in_any_two_pieces(secret, spelling):
    text = b"HTTP/1.1 200 OK\r\n\r\n" + SPELT[spelling](secret).encode() + b'"} and more'
    assert is_found(text, lambda text: [text])
    assert is_found(text, lambda text: [bytes([byte]) for byte in text])
    for at in range(len(text)):
        assert is_found(text, lambda text: [text[:at], text[at:]]), at
    assert is_found(text, lambda text: [b"x" * 100_000, text[:50], b"", text[50:], b"x" * 100_000])


def test_what_is_no_secret_is_not_found():
    for text in (b"pass word", MARK[:-1].encode() + b"!" + MARK[-1:].encode(), base64.b64encode(MARK[:-1].encode())):
        assert not is_found(text, lambda text: [text])


def test_what_was_seen_is_not_kept():
    search = Search([ODD])
    look = search.witness("it")
    for _ in range(1000):
        look(b"x" * 10_000 + made_up().encode())
    assert len(search.found) == 1 and all(len(around) < 1000 for around in search.found.values())
    assert len(look.kept) == search.overlap < 100


class Telltale:
    """Sends one connection these pieces, the next when the one before has been read."""

    def __init__(self, pieces):
        self.was_read = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._run, args=(pieces,))
        self._thread.start()

    def _run(self, pieces):
        sock, _ = self._listener.accept()
        with sock:
            for piece in pieces:
                sock.sendall(piece)
                assert self.was_read.wait(120)
                self.was_read.clear()

    def close(self):
        self._thread.join()
        self._listener.close()


def judged(gateway):
    """What its end says; it is ended whatever that is."""
    try:
        gateway.close()
    except AssertionError as failure:
        return str(failure)
    return None


@pytest.fixture
def own(tmp_path, simulator):
    """A gateway that is not ended, and so not judged, by anybody else."""
    made = Gateway(tmp_path, simulator)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def receive(gateway, pieces):
    """As if the gateway had answered so."""
    telltale = Telltale(pieces)
    with contextlib.closing(telltale), Connection(telltale.address, gateway.witness()) as connection:
        for piece in pieces:
            got = len(connection._buffer) + len(piece)
            while len(connection._buffer) < got:
                assert connection._more()
            telltale.was_read.set()


def test_a_gateway_that_tells_nothing_is_good(own):
    own.start()
    assert own.search().status == 200 and own.ask_admin("/status").status == 200
    assert judged(own) is None


def test_a_token_in_two_pieces_fails_the_run(own, simulator):
    own.start()
    assert own.search().status == 200
    token = simulator.tokens()[0].encode()
    receive(own, [b"HTTP/1.1 200 OK\r\n\r\n" + token[:20], token[20:]])
    assert "an answer tells" in judged(own)


@pytest.mark.parametrize("told", ["key", "password", "words"])
def test_what_is_known_before_fails_the_run_too(own, simulator, told):
    own.start()
    text = {"key": own.key_of["beta"], "password": simulator.password, "words": UPSTREAM_WORDS}[told]
    receive(own, [b"{" + text.encode()[:7], text.encode()[7:]])
    assert "an answer tells" in judged(own)


def test_a_secret_in_the_log_fails_the_run(own):
    own.configure({"log.access": "all"})
    own.start()
    with own.connect() as connection:
        assert connection.request("/" + made_up(), fields=own.fields()).status == 404
    assert "the log tells" in judged(own)


@pytest.mark.parametrize("late", ["a secret", "a key", "a token"])
def test_a_secret_that_nobody_looked_for_fails_the_run(tmp_path, workshop, late):
    simulator = workshop.simulator(records=1, token_mark="" if late == "a token" else MARK)
    gateway = Gateway(tmp_path, simulator).start()
    assert gateway.search().status == 200
    if late == "a secret":
        gateway.secrets.append("sesame")
    elif late == "a key":
        gateway.key_of["late"] = "nxg_" + "x" * 43
    assert "nobody looked for" in judged(gateway)
