# SPDX-License-Identifier: MIT
"""One process of clients: many connections, kept and pipelined, that come, stay for a while and go, some in the middle of an answer.
Every answer is read, judged and counted; whoever leaves counts what was left unread."""

import collections
import random
import select
import socket
import time

from oracle import Oracle
from traffic import Traffic

CONNECTIONS = 12
PATIENCE = 120  # seconds without an answer: it hangs
EVIDENCE_MAX = 20
PROBLEM = "application/problem+json"


class Gone(Exception):
    """The gateway ended the connection."""


class Client:
    def __init__(self, number, gateway, traffic):
        self.gateway = number
        self.sock = socket.create_connection(gateway, PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.traffic = traffic
        self.waiting = collections.deque()  # requests without an answer
        self.buffer = bytearray()
        self.rounds = traffic.rng.randint(1, 200)
        self.heard = time.monotonic()

    def send(self):
        rng = self.traffic.rng
        batch = [self.traffic.next() for _ in range(rng.choice((1, 1, 2, 4, 8, 16, 32)))]
        if rng.random() < 0.004:
            batch.append(self.traffic.malformed())
        self.rounds -= 1
        now = self.heard = time.monotonic()
        for request in batch:
            request.sent = now
        self.waiting.extend(batch)
        self.sock.sendall(b"".join(request.wire for request in batch))

    def receive(self):
        """The answers that are there, as (request, status, fields, body)."""
        received = self.sock.recv(1 << 20)
        if not received:
            raise Gone
        self.heard = time.monotonic()
        self.buffer += received
        at = 0
        while self.waiting:
            end = self.buffer.find(b"\r\n\r\n", at)
            if end < 0:
                break
            request = self.waiting[0]
            status, fields = _head(bytes(self.buffer[at:end]))
            length = 0 if request.method == "HEAD" or status in (204, 304) else int(fields["content-length"])
            if len(self.buffer) < end + 4 + length:
                break
            body = bytes(self.buffer[end + 4:end + 4 + length])
            at = end + 4 + length
            self.waiting.popleft()
            yield request, status, fields, body
        del self.buffer[:at]
        if self.buffer and not self.waiting:
            raise ValueError(f"more than was asked for: {bytes(self.buffer[:100])!r}")


def _head(head):
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 ") or not first[9:12].isdigit():
        raise ValueError(f"no status line: {first!r}")
    fields = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name.lower() in fields:
            raise ValueError(f"{name} twice")
        fields[name.lower()] = value
    return int(first[9:12]), fields


class Crowd:
    """`gateways`: [address]; `stop`: a shared value that ends it; `told`: a shared array with this process's count of answers."""

    def __init__(self, number, gateways, keys, history, stop, told):
        self.gateways, self.stop, self.told, self.number = gateways, stop, told, number
        self.oracle = Oracle(history)
        self.traffic = Traffic(random.Random(number), keys, self.oracle)
        self.answers = [collections.Counter() for _ in gateways]  # by status
        self.unread = [0 for _ in gateways]
        self.connections = [0 for _ in gateways]
        self.wrong, self.wrong_count = [], 0
        self.clients = {}

    def run(self):
        """Until told to stop; then everybody waits for the answers to what was asked, and goes. Returns the report."""
        poller = select.poll()
        while not self.stop.value or self.clients:
            while len(self.clients) < CONNECTIONS and not self.stop.value:
                self._come(poller)
            for descriptor, _ in poller.poll(1000):
                self._hear(poller, self.clients[descriptor])
            late = time.monotonic() - PATIENCE
            for client in [client for client in self.clients.values() if client.heard < late]:
                self._say_wrong(client.waiting[0], client.gateway, "no answer: it hangs")
                self._go(poller, client)
        return {"answers": self.answers, "unread": self.unread, "connections": self.connections, "wrong": self.wrong,
                "wrong_count": self.wrong_count, "seen": self.oracle.seen, "judged": len(self.oracle.known)}

    def _come(self, poller):
        gateway = self.traffic.rng.randrange(len(self.gateways))
        client = Client(gateway, self.gateways[gateway], self.traffic)
        self.connections[gateway] += 1
        self.clients[client.sock.fileno()] = client
        poller.register(client.sock, select.POLLIN)
        client.send()

    def _go(self, poller, client):
        self.unread[client.gateway] += len(client.waiting)
        poller.unregister(client.sock)
        del self.clients[client.sock.fileno()]
        client.sock.close()

    def _hear(self, poller, client):
        try:
            answers = list(client.receive())
            for answer in answers:
                self._judge(client, *answer)
            if answers and answers[-1][0].closes:
                return self._expect_end(poller, client)
        except (Gone, OSError, ValueError, KeyError) as odd:
            self._say_wrong(client.waiting[0] if client.waiting else None, client.gateway, f"{type(odd).__name__}: {odd}")
            return self._go(poller, client)
        if client.waiting:
            if self.traffic.rng.random() < 0.0005:
                self._go(poller, client)  # in the middle of it
        elif client.rounds <= 0 or self.stop.value:
            self._go(poller, client)
        else:
            client.send()
            if self.traffic.rng.random() < 0.0005:
                self._go(poller, client)  # without a look at the answers
        return None

    def _expect_end(self, poller, client):
        if client.buffer or client.sock.recv(1) != b"":
            self._say_wrong(None, client.gateway, "the connection is not ended after what is no request")
        self._go(poller, client)

    def _judge(self, client, request, status, fields, body):
        received = time.monotonic()
        self.answers[client.gateway][status] += 1
        self.told[self.number] += 1
        wrong = None
        if status not in request.statuses:
            wrong = f"status {status}"
        elif request.target is not None and status in (200, 304):
            wrong = self.oracle.judge(request, fields, body if status == 200 and request.method != "HEAD" else None, received)
            if "etag" in fields and request.method == "GET":
                self.traffic.etags[request.target] = fields["etag"]
        elif status >= 400 and request.method != "HEAD" and fields.get("content-type") != PROBLEM:
            wrong = "no problem+json"
        elif status in (429, 503) and "retry-after" not in fields:
            wrong = "no Retry-After"
        if wrong:
            self._say_wrong(request, client.gateway, wrong, status, fields)

    def _say_wrong(self, request, gateway, why, status=None, fields=None):
        self.wrong_count += 1
        if len(self.wrong) < EVIDENCE_MAX:
            wire = request.wire.decode("latin-1") if request else ""
            wire = "\n".join(line for line in wire.split("\r\n") if not line.startswith(("Authorization", "X-API-Key")))
            shown = {name: (fields or {}).get(name) for name in ("cache-status", "age", "etag")}
            at = f"sent {request.sent:.3f}, read {time.monotonic():.3f}" if request else ""
            self.wrong.append(f"gateway {gateway}: {why}\n{wire.strip()}\n{at} status {status} {shown}")
