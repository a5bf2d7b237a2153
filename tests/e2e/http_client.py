# SPDX-License-Identifier: MIT
"""A strict HTTP/1.1 client on plain sockets, for tests: what it does not understand fails the test. Requests can be pipelined,
split anywhere, or be no HTTP at all; everything that was received is given to a witness, piece by piece."""

import json
import re
import select
import socket
import threading
import urllib.parse

TIMEOUT = 120  # seconds without a byte: a test that hangs, not a slow machine
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NO_BODY = (204, 304)


class Fields:
    """Header fields: names in any case, each with all of its lines."""

    def __init__(self, pairs):
        self.pairs = pairs

    def all(self, name):
        return [value for field, value in self.pairs if field.lower() == name.lower()]

    def __getitem__(self, name):
        """The value of a field that came exactly once."""
        values = self.all(name)
        assert len(values) == 1, f"{name} came {len(values)} times in {self.pairs}"
        return values[0]

    def __contains__(self, name):
        return bool(self.all(name))

    def get(self, name, default=None):
        return self[name] if name in self else default

    def parameters(self, name):
        """The parameters of a field with one member, like Cache-Status: {"": first word, "hit": True, "ttl": 42, …}."""
        first, *rest = self[name].split(";")
        found = {"": first.strip()}
        for part in rest:
            key, equals, value = part.strip().partition("=")
            found[key] = True if not equals else int(value) if re.fullmatch(r"-?\d+", value) else value.strip('"')
        return found


class Answer:
    def __init__(self, status, reason, fields, body):
        self.status, self.reason, self.fields, self.body = status, reason, fields, body

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """The members of an RFC 9457 problem, after a check of what every problem must have."""
        assert self.fields["Content-Type"] == "application/problem+json", (self, self.body)
        problem = self.json()
        assert {"type", "title", "status", "detail", "instance"} <= set(problem), problem
        assert problem["status"] == self.status
        return problem

    def cache_status(self):
        found = self.fields.parameters("Cache-Status")
        assert found.pop("") == "nexgate"
        return found

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields.pairs}>"


class Closed(Exception):
    """The other side ended the connection where an answer was expected."""


class Connection:
    def __init__(self, address, witness=None):
        self.witness = witness or (lambda received: None)
        self.host = "%s:%d" % address
        self.sock = socket.create_connection(address, TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.interim = []  # 1xx answers so far
        self._buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, content):
        self.sock.sendall(content)

    def message(self, target, method="GET", fields=(), body=None):
        """The bytes of a request."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (fields.items() if isinstance(fields, dict) else fields)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")

    def request(self, target, method="GET", fields=(), body=None):
        self.send(self.message(target, method, fields, body))
        return self.answer(method)

    def pipeline(self, targets, fields=(), depth=32):
        """One answer for each target, in order, with at most `depth` requests on the way."""
        sent = 0
        for received in range(len(targets)):
            if sent == received:
                batch = targets[sent:sent + depth]
                self.send(b"".join(self.message(target, fields=fields) for target in batch))
                sent += len(batch)
            yield self.answer()

    def answer(self, method="GET"):
        """The next final answer."""
        while True:
            status, reason, fields = self._head()
            if status >= 200:
                return Answer(status, reason, fields, self._body(method, status, fields))
            assert status != 101, "nobody asked for another protocol"
            self.interim.append(status)

    def readable(self, seconds):
        """True when something came, or the connection ended, within that time."""
        return bool(self._buffer) or bool(select.select([self.sock], [], [], seconds)[0])

    def closed(self):
        """True when the other side ends the connection without another byte."""
        return not self._buffer and not self._more()

    def _head(self):
        head = bytes(self._until(b"\r\n\r\n"))
        assert b"\0" not in head and b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b""), head
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 ([1-5]\d\d) ([\t -~]*)", lines[0])
        assert match, lines[0]
        pairs = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and TOKEN.fullmatch(name) and value == " " + value.strip(), line
            pairs.append((name, value.strip()))
        return int(match[1]), match[2], Fields(pairs)

    def _body(self, method, status, fields):
        if method == "HEAD" or status in NO_BODY:
            return b""
        if "Transfer-Encoding" in fields:
            assert fields["Transfer-Encoding"] == "chunked" and "Content-Length" not in fields, fields.pairs
            return self._chunks()
        if "Content-Length" in fields:
            assert re.fullmatch(r"\d+", fields["Content-Length"]), fields.pairs
            return self._exactly(int(fields["Content-Length"]))
        assert fields.get("Connection", "").lower() == "close", f"no end of the body: {fields.pairs}"
        while self._more():
            pass
        body, self._buffer = bytes(self._buffer), bytearray()
        return body

    def _chunks(self):
        body = bytearray()
        while True:
            size = int(self._until(b"\r\n"), 16)
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
            if size == 0:
                return bytes(body)

    def _until(self, mark):
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            searched = max(0, len(self._buffer) - len(mark))
            if not self._more():
                raise Closed(bytes(self._buffer))
        found = self._buffer[:at]
        del self._buffer[:at + len(mark)]
        return found

    def _exactly(self, count):
        while len(self._buffer) < count:
            if not self._more():
                raise Closed(f"{len(self._buffer)} of {count} bytes")
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def _more(self):
        try:
            received = self.sock.recv(256 * 1024)
        except ConnectionResetError:
            return False
        self.witness(received)
        self._buffer += received
        return bool(received)


def query(**parameters):
    return urllib.parse.urlencode(parameters)


def all_at_once(count, work):
    """Runs work(0) … work(count - 1), each in a thread, behind a barrier; the results in order. The first failure is raised."""
    barrier = threading.Barrier(count)
    results, failures = [None] * count, []

    def run(number):
        try:
            barrier.wait(TIMEOUT)
            results[number] = work(number)
        except BaseException as failure:  # handed to the caller below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results
