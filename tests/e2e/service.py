# SPDX-License-Identifier: MIT
"""A service manager as systemd is one: it opens the sockets, keeps them while programs come and go, and is told how they are."""

import os
import socket
import threading

# Puts the descriptors named by the first word where the program looks for them, and says that they are for it.
LAUNCHER = """
import os, sys
kept = [os.dup(int(word)) for word in sys.argv[1].split(",") if word]
while any(number < 3 + len(kept) for number in kept):
    kept = [os.dup(number) if number < 3 + len(kept) else number for number in kept]
for place, number in enumerate(kept, 3):
    os.dup2(number, place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""


def listen(address=("127.0.0.1", 0)):
    """A listening socket; a text is a path."""
    sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    sock.bind(address)
    sock.listen(4096)
    return sock


class Service:
    """`sockets` is [(name, socket)]; `notify` the address that it hears at, an abstract one with "@" in front."""

    def __init__(self, sockets=(), notify=None, watchdog_seconds=None):
        self.sockets = list(sockets)
        self.descriptors = tuple(sock.fileno() for _, sock in self.sockets)
        self.launcher = ["/usr/bin/python3", "-c", LAUNCHER, ",".join(map(str, self.descriptors))]
        self.variables = {"LISTEN_FDS": str(len(self.sockets)), "LISTEN_FDNAMES": ":".join(name for name, _ in self.sockets)}
        self.heard = []  # {word: value} of each message
        self._hearing = None
        if watchdog_seconds:
            self.variables["WATCHDOG_USEC"] = str(watchdog_seconds * 1_000_000)
        if notify:
            self.variables["NOTIFY_SOCKET"] = str(notify)
            self._hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._hearing.bind(str(notify).replace("@", "\0", 1))
            threading.Thread(target=self._hear, daemon=True).start()

    def states(self):
        """What was told so far, without the watchdog's."""
        order = ("READY", "RELOADING", "STOPPING")
        return [word for message in list(self.heard) for word in order if word in message]

    def count(self, word):
        return sum(word in message for message in list(self.heard))

    def _hear(self):
        while True:
            lines = self._hearing.recv(4096).decode().split("\n")
            self.heard.append(dict(line.split("=", 1) for line in lines))
