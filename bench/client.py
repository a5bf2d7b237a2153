# SPDX-License-Identifier: MIT
"""A client by hand: one kept-alive connection, one request after another, each answer read to its end."""

import socket

from servers import key_of


class Client:
    def __init__(self, port, source="127.0.0.1"):
        self._connection = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._connection.close()

    def ask(self, path, fields=()):
        """The response: its head with the empty line, and its body."""
        lines = [f"GET {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {key_of(0)}", *fields, "", ""]
        self._connection.sendall("\r\n".join(lines).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        length = 0 if head.startswith(b"HTTP/1.1 304") else int(field(head, "Content-Length"))
        while len(body) < length:
            body += self._receive()
        return head + b"\r\n\r\n", body

    def _receive(self):
        received = self._connection.recv(1 << 16)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received


def field(head, name):
    wanted = name.lower() + ": "
    return next(line[len(wanted):] for line in head.decode().split("\r\n") if line.lower().startswith(wanted))


def ask(port, path, fields=()):
    with Client(port) as client:
        return client.ask(path, fields)
