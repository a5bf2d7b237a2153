# SPDX-License-Identifier: MIT
"""HTTP/1.1 on one socket: a request read, a response sent, also slowly, in part or not at all when told to. Knows no
Nexudus."""

import gzip
import http
import socket
import struct
import time

HEAD_MAX = 64 * 1024
READ_SIZE = 64 * 1024


class Request:
    __slots__ = ("method", "path", "query", "version", "headers", "body")

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, target, self.version = lines[0].split(" ")
        self.path, _, self.query = target.partition("?")
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = b""

    def keeps_alive(self):
        connection = self.headers.get("connection", "").lower()
        return connection != "close" if self.version == "HTTP/1.1" else connection == "keep-alive"


class Response:
    """What to send, and how: `drip` is (bytes, seconds) for each piece; `cut` is the number of body bytes after which the
    connection breaks; `drop` breaks it before a byte is sent; `raw` is sent instead of all, and
    ends the connection unless it `stays`."""

    def __init__(self, status, body=b"", headers=(), reason=None):
        self.status, self.body, self.headers, self.reason = status, body, list(headers), reason
        self.drip = self.cut = self.raw = None
        self.drop = self.gzip = self.chunked = self.stays = False

    def head_and_body(self):
        body = gzip.compress(self.body, 1) if self.gzip else self.body
        lines = [f"HTTP/1.1 {self.status} {self.reason or http.HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.gzip:
            lines.append("Content-Encoding: gzip")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in _split(body, 1000)) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self._buffer = b""

    def read(self):
        """The next request, or None when the other side is done or makes no sense."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        try:
            request = Request(head)
            length = int(request.headers.get("content-length", "0"))
        except ValueError:
            return None
        while len(self._buffer) < length:
            if not self._more():
                return None
        request.body, self._buffer = self._buffer[:length], self._buffer[length:]
        return request

    def send(self, response):
        """True when the connection can be used on."""
        if response.drop:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if response.raw is not None:
            self.sock.sendall(response.raw)
            return response.stays
        head, body = response.head_and_body()
        if response.cut is not None:
            body = body[:response.cut]
        if response.drip:
            size, pause = response.drip
            self.sock.sendall(head)
            for piece in _split(body, size):
                self.sock.sendall(piece)
                time.sleep(pause)
        else:
            self.sock.sendall(head + body)
        return response.cut is None

    def _until(self, mark):
        while mark not in self._buffer:
            if len(self._buffer) > HEAD_MAX or not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(mark)
        return head

    def _more(self):
        received = self.sock.recv(READ_SIZE)
        self._buffer += received
        return bool(received)


def _split(content, size):
    return [content[at:at + size] for at in range(0, len(content), size)]
