# SPDX-License-Identifier: MIT
"""One process of clients: many connections, kept and pipelined, that come, stay for a while and go, some in the middle of an answer.
Every answer is read, judged and counted; whoever leaves counts what was left unread."""

import collections
import random
import re
import select
import socket
import time

from evidence import Evidence
from oracle import Oracle
from traffic import Traffic

CONNECTIONS = 10
PATIENCE = 120  # seconds without an answer: it hangs
PROBLEM = "application/problem+json"


class Gone(Exception):
    """The gateway ended the connection."""


class Answer:
    __slots__ = ("status", "fields", "head", "body")

    def __init__(self, head):
        self.head, self.body = head, b""
        first, *lines = head.decode("latin-1").split("\r\n")
        if not first.startswith("HTTP/1.1 ") or not first[9:12].isdigit():
            raise ValueError(f"no status line: {first!r}")
        self.status, self.fields = int(first[9:12]), {}
        for line in lines:
            name, _, value = line.partition(": ")
            if name.lower() in self.fields:
                raise ValueError(f"{name} twice")
            self.fields[name.lower()] = value

    def length(self, method):
        return 0 if method == "HEAD" or self.status in (204, 304) else int(self.fields["content-length"])

    def is_last(self):
        return self.fields.get("connection", "").lower() == "close"


class Client:
    def __init__(self, number, address, traffic):
        self.gateway = number
        self.connected = time.monotonic()
        self.sock = socket.create_connection(address, PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.traffic = traffic
        self.waiting = collections.deque()  # requests without an answer
        self.buffer = bytearray()
        self.rounds = traffic.rng.randint(1, 200)
        self.heard = time.monotonic()
        self.told_to_close = False

    def send(self):
        rng = self.traffic.rng
        batch = [self.traffic.next() for _ in range(rng.choice((1, 2, 4, 8, 16, 32)))]
        if rng.random() < 0.004:
            batch.append(self.traffic.malformed())
        self.rounds -= 1
        now = self.heard = time.monotonic()
        for request in batch:
            request.sent = now
        self.waiting.extend(batch)
        self.sock.sendall(b"".join(request.wire for request in batch))

    def receive(self):
        """The answers that are there, as (request, answer)."""
        received = self.sock.recv(1 << 20)
        if not received:
            raise Gone("the connection was ended")
        self.heard = time.monotonic()
        self.buffer += received
        at = 0
        while self.waiting:
            end = self.buffer.find(b"\r\n\r\n", at)
            if end < 0:
                break
            request, answer = self.waiting[0], Answer(bytes(self.buffer[at:end]))
            length = answer.length(request.method)
            if len(self.buffer) < end + 4 + length:
                break
            answer.body = bytes(self.buffer[end + 4:end + 4 + length])
            at = end + 4 + length
            self.waiting.popleft()
            self.told_to_close = answer.is_last()
            yield request, answer
        del self.buffer[:at]
        if self.buffer and not self.waiting:
            raise ValueError(f"more than was asked for: {bytes(self.buffer[:100])!r}")


class Crowd:
    """`gateways`: how many there are; `folder`: for the evidence."""

    def __init__(self, number, gateways, keys, stage, history, folder):
        self.stage, self.number = stage, number
        self.oracle = Oracle(history)
        self.traffic = Traffic(random.Random(number), keys, self.oracle)
        self.evidence = Evidence(folder, f"crowd{number}")
        self.answers = [collections.Counter() for _ in range(gateways)]  # by status
        self.unread = [0] * gateways
        self.connections = [0] * gateways
        self.drained = 0  # requests that a draining gateway left to be asked again
        self.clients = {}

    def run(self):
        """Until told to stop; then everybody waits for the answers to what was asked, and goes. Returns the report."""
        poller = select.poll()
        while not self.stage.stop.value or self.clients:
            while len(self.clients) < CONNECTIONS and not self._leaving():
                if not self._come(poller):
                    break
            for descriptor, _ in poller.poll(50):
                self._hear(poller, self.clients[descriptor])
            late = time.monotonic() - PATIENCE
            for client in [client for client in self.clients.values() if client.heard < late]:
                self._say_wrong(client.gateway, "no answer: it hangs", client.waiting[0] if client.waiting else None)
                self._go(poller, client)
        return {"answers": self.answers, "unread": self.unread, "connections": self.connections, "kinds": self.evidence.kinds,
                "files": self.evidence.files, "seen": self.oracle.seen, "judged": len(self.oracle.known), "drained": self.drained}

    def _leaving(self):
        return self.stage.stop.value or self.stage.rest.value

    def _come(self, poller):
        gateway = self.traffic.rng.randrange(len(self.answers))
        address, began = self.stage.address(gateway), time.monotonic()
        if address is None:
            return False
        try:
            client = Client(gateway, address, self.traffic)
        except OSError as odd:
            if self.stage.drained_at(gateway) < began:
                self._say_wrong(gateway, f"no connection: {odd}")
            return False
        self.connections[gateway] += 1
        self.clients[client.sock.fileno()] = client
        poller.register(client.sock, select.POLLIN)
        self._send(poller, client)
        return True

    def _send(self, poller, client):
        try:
            client.send()
        except OSError as odd:
            self._end(poller, client, odd)

    def _go(self, poller, client):
        self.unread[client.gateway] += len(client.waiting)
        poller.unregister(client.sock)
        del self.clients[client.sock.fileno()]
        client.sock.close()

    def _end(self, poller, client, odd):
        """The gateway ended the connection, or broke the protocol."""
        if self._may_end(client, odd):
            self.drained += len(client.waiting)
        else:
            self._say_wrong(client.gateway, type(odd).__name__, client.waiting[0] if client.waiting else None, None, [str(odd)],
                            bytes(client.buffer[:10_000]))
        self._go(poller, client)

    def _may_end(self, client, odd):
        """A gateway that drains ends connections between two answers: after one that said so, or when it was idle."""
        drained = self.stage.drained_at(client.gateway)
        if not isinstance(odd, (Gone, OSError)) or client.buffer or drained < client.connected:
            return False
        return client.told_to_close or not client.waiting or client.waiting[0].sent >= drained

    def _hear(self, poller, client):
        try:
            answers = list(client.receive())
            for request, answer in answers:
                self._judge(client, request, answer)
            if answers and answers[-1][0].closes:
                return self._expect_end(poller, client)
        except (Gone, OSError, ValueError, KeyError) as odd:
            return self._end(poller, client, odd)
        if client.waiting:
            if self.traffic.rng.random() < 0.0005:
                self._go(poller, client)  # in the middle of it
        elif client.rounds <= 0 or self._leaving():
            self._go(poller, client)
        else:
            self._send(poller, client)
            if client.sock.fileno() in self.clients and self.traffic.rng.random() < 0.0005:
                self._go(poller, client)  # without a look at the answers
        return None

    def _expect_end(self, poller, client):
        if client.buffer or client.sock.recv(1) != b"":
            self._say_wrong(client.gateway, "the connection is not ended after what is no request")
        self._go(poller, client)

    def _judge(self, client, request, answer):
        received = time.monotonic()
        status, fields = answer.status, answer.fields
        self.answers[client.gateway][status] += 1
        self.stage.told[self.number] += 1
        wrong, why = None, []
        if status not in request.statuses:
            wrong = f"status {status}"
        elif request.target is not None and status in (200, 304):
            body = answer.body if status == 200 and request.method != "HEAD" else None
            wrong = self.oracle.judge(request, fields, body, received)
            if wrong:
                why = self.oracle.explain(request, fields, received)
            elif request.method == "GET":
                self.traffic.etags[request.target] = fields["etag"]
        elif status >= 400 and request.method != "HEAD" and fields.get("content-type") != PROBLEM:
            wrong = "no problem+json"
        elif status in (429, 503) and "retry-after" not in fields:
            wrong = "no Retry-After"
        if wrong:
            self._say_wrong(client.gateway, wrong, request, answer, why)

    def _say_wrong(self, gateway, what, request=None, answer=None, why=(), bytes_left=b""):
        kind = re.sub(r"\d+", "N", what)[:60]
        lines = [f"Gateway {gateway}: {what}", *why]
        if request:
            lines.append(f"Sent {request.sent:.3f}, target (query, page, size) {request.target}.")
        wire, head, body = request.wire if request else b"", answer.head if answer else b"", answer.body if answer else bytes_left
        self.evidence.keep(kind, lines, wire, head, body)
