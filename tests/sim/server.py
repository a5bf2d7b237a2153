# SPDX-License-Identifier: MIT
"""A port, and a thread for each connection that comes in by it. Knows no Nexudus: a handler turns requests into responses."""

import socket
import sys
import threading
import traceback

from sim.wire import Connection, Response

BACKLOG = 4096


class Server:
    """The port stays ours while nobody listens on it: callers are then refused by the kernel, as when a server is down."""

    def __init__(self, host, port, handler):
        self.handler = handler
        self.accepted = 0
        self._lock = threading.Lock()
        self._open = set()
        self._listening = None
        self._keeper = _bound((host, port))
        self.address = self._keeper.getsockname()
        self.listen()

    def url(self):
        return "http://%s:%d" % self.address

    def listen(self):
        with self._lock:
            if self._listening is None:
                self._listening = _bound(self.address)
                self._listening.listen(BACKLOG)
                threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def refuse(self):
        """New connections are refused and the open ones are cut, until listen()."""
        with self._lock:
            if self._listening is not None:
                self._listening.shutdown(socket.SHUT_RDWR)
                self._listening.close()
                self._listening = None
        self.cut()

    def cut(self):
        """Ends all open connections, whatever goes on in them."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # gone already

    def _accept(self, listening):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(sock)
                self.accepted += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = Connection(sock)
        try:
            while self._exchange(connection):
                pass
        except OSError:
            pass  # the other side left
        finally:
            with self._lock:
                self._open.discard(sock)
                sock.close()

    def _exchange(self, connection):
        request = connection.read()
        if request is None:
            return False
        try:
            response = self.handler(request)
        except Exception:  # a mistake of the simulator's own; said aloud, so that no test takes it for a fault it asked for
            traceback.print_exc(file=sys.stderr)
            response = Response(500, b"the simulator itself failed")
        return connection.send(response) and request.keeps_alive()


def _bound(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    return sock
