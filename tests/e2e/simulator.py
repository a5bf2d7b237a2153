# SPDX-License-Identifier: MIT
"""The Nexudus simulator in a process of its own, and its control path as methods."""

import json
import pathlib
import subprocess
import time
import urllib.parse

from http_client import Connection
from secrecy import MARK

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "sim" / "nexudus_sim.py"
PYTHON = "/usr/bin/python3"
DEADLINE = 120  # seconds


class Simulator:
    def __init__(self, **options):
        """Options as on the command line: records=1000, throttle="10/100ms", extra_members=True, …"""
        self.username = options.setdefault("username", "gateway@example.com")
        self.password = options.setdefault("password", "pass word, \"quoted\" ;#${} ě")
        options.setdefault("token_mark", MARK)
        arguments = []
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            arguments += [flag] if value is True else [flag, str(value)]
        self.process = subprocess.Popen([PYTHON, str(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        words = self.process.stdout.readline().split()
        assert words[::2] == ["listening", "control"], words
        self.url, self.control_url = words[1], words[3]
        self._token = None

    def close(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE) == 0
        self.process.stdout.close()

    # The control path.

    def counters(self):
        return self._control("GET", "/counters")

    def tokens(self):
        """Every token ever issued to the gateway, and to us."""
        return self._control("GET", "/tokens")["issued"]

    def held(self):
        return self._control("GET", "/held")["held"]

    def busy(self):
        """True while a call is under way."""
        return self._control("GET", "/held")["in_flight"] > 0

    def faults(self, *rules):
        self._control("POST", "/faults", list(rules))

    def fault(self, kind="search", count=None, skip=0, query="", **action):
        """One rule instead of all before."""
        rule = {"kind": kind, "skip": skip, "query": query, "action": action}
        self.faults(rule if count is None else rule | {"count": count})

    def release(self, count=None):
        self._control("POST", "/release", {} if count is None else {"count": count})

    def revoke(self, access=True, refresh=False):
        self._control("POST", "/revoke", {"access": access, "refresh": refresh})

    def records(self, **change):
        self._control("POST", "/records", change)

    def config(self, **change):
        self._control("POST", "/config", change)

    def listen(self, listening):
        self._control("POST", "/listen", {"listening": listening})

    def reset(self):
        self._control("POST", "/reset")

    def wait_held(self, count):
        """Until so many calls are held back."""
        wait_until(lambda: self.held() >= count, f"{count} calls held by the simulator")

    def _control(self, method, path, content=None):
        with Connection(address(self.control_url)) as connection:
            body = b"" if content is None else json.dumps(content).encode()
            answer = connection.request(path, method, {"Connection": "close"}, body)
        assert answer.status == 200, (path, answer.body)
        return answer.json()

    # The API itself, asked directly.

    def connect(self):
        return Connection(address(self.url))

    def login(self):
        """A token of a client_id of our own, so that the gateway's stays good; the one before it is dead."""
        form = urllib.parse.urlencode({"grant_type": "password", "username": self.username, "password": self.password})
        fields = {"client_id": "the tests", "Content-Type": "application/x-www-form-urlencoded"}
        with self.connect() as connection:
            answer = connection.request("/api/token", "POST", fields, form.encode())
        assert answer.status == 200, answer.body
        self._token = answer.json()["access_token"]
        return self._token

    def direct(self, targets):
        """The simulator's own answers."""
        token = self._token or self.login()
        with self.connect() as connection:
            yield from connection.pipeline(targets, {"Authorization": f"Bearer {token}"})


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def wait_until(condition, what):
    """Asks again and again; fails after a deadline that only a hanging program meets."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)
