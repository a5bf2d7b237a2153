# SPDX-License-Identifier: MIT
"""The real program in a process of its own: its configuration, its ports, its log, its clock, its metrics; and at the end the
promises that hold for every run: it exits with 0, no sanitizer spoke, and no secret got out.

The program is the one that NEXGATE_BINARY names, or build/check/nexgate.
"""

import collections
import hashlib
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess
import threading

from http_client import Connection
from secrecy import Search, make_key
from simulator import DEADLINE, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:")
LOG_FIELD = re.compile(r'([a-z0-9_]+)=("(?:\\.|[^"\\])*"|\S*)')
METRIC = re.compile(r"([a-z_]+(?:\{[^}]*\})?) (-?\d+(?:\.\d+)?)")
SEARCH = "/api/sys/webhooks"


def binary():
    path = pathlib.Path(os.environ.get("NEXGATE_BINARY", ROOT / "build/check/nexgate")).resolve()
    assert path.exists(), f"{path} is not there: make VARIANT=check programs"
    return str(path)


def environment(**more):
    return os.environ | {
        "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": "exitcode=98:second_deadlock_stack=1",
    } | more


def digest(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Gateway:
    """`settings` is {"section.name": value} (None: not there), `clients` {name: {setting: value}}. A client "alpha" is always
    there, and asks where nobody else is named. `descriptors` is the limit of its process, `service` the service manager that starts it.
    `key_of[name]` is a client's API key. `secrets` are those that secrecy.py did not make; they must be named before it starts."""

    def __init__(self, folder, simulator, settings=None, clients=None, variables=None, descriptors=None, service=None):
        self.folder, self.simulator, self.descriptors, self.service = folder, simulator, descriptors, service
        self.secrets = [simulator.password]
        self.key_of = {}
        self.log, self._log_changed = [], threading.Condition()
        self._clock = self._make_clock(folder / "clock")
        self.config = folder / "nexgate.conf"
        self.config.write_text(self._configuration(settings or {}, {"alpha": {}, "beta": {}} | (clients or {})))
        self.environment = environment(
            NEXGATE_CLOCK_FILE=str(folder / "clock"), TEST_PASSWORD=simulator.password, **(variables or {}))
        self.process = None
        self._search = None
        self._log_ended = threading.Event()

    # Its life.

    def start(self):
        before = ["prlimit", f"--nofile={self.descriptors}:{self.descriptors}"] if self.descriptors else []
        before += self.service.launcher if self.service else []
        more = self.service.variables if self.service else {}
        self._begin = len(self.log)
        self._search = self._search or Search(self.secrets)
        self.process = subprocess.Popen(
            [*before, binary(), "serve", "-c", str(self.config)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env=self.environment | more, cwd=self.folder, start_new_session=True,
            pass_fds=self.service.descriptors if self.service else ())
        threading.Thread(target=self._read_log, daemon=True).start()
        self.public = self._listening("public")
        self.admin = self._listening("admin")
        wait_until(lambda: self.ask_admin("/readyz").status == 200, "the gateway to be ready")
        return self

    def restart(self):
        """Another process, when this one has ended; its addresses may differ."""
        self.terminate()
        assert self.process.wait(DEADLINE) == 0
        assert self._log_ended.wait(DEADLINE)
        self._log_ended.clear()
        return self.start()

    def configure(self, settings=None, clients=None):
        """Writes the configuration anew; clients that were there keep their keys."""
        self.config.write_text(self._configuration(settings or {}, {"alpha": {}, "beta": {}} | (clients or {})))

    def reload(self, settings=None, clients=None):
        """Another configuration, in force when this returns; the log's lines about it."""
        self.configure(settings, clients)
        return self.hup()

    def hup(self, good=True):
        """SIGHUP, until the reload is over and has come out so; the log's lines since."""
        outcomes = {"reloaded": True, "not reloaded: nothing was changed": False}
        begin = len(self.log)
        self.process.send_signal(signal.SIGHUP)

        def lines():
            return [parse_log_line(line) for line in self.log[begin:]]

        wait_until(lambda: any(line.get("msg") in outcomes for line in lines()), "the reload to be over")
        found = lines()
        assert [outcomes[line["msg"]] for line in found if line.get("msg") in outcomes] == [good], found
        return found

    def last_words(self):
        """The totals of the process that ended last, as {name: number}."""
        totals = self.logged("totals")[-1]
        return {name: int(totals[name]) for name in ("requests", "connections", "upstream_searches", "upstream_answers",
                                                    "upstream_timeouts")}

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def close(self):
        """Ends it, and checks what must be true of every run."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
        code = self.process.wait(DEADLINE)
        self._log_ended.wait(DEADLINE)
        log = "\n".join(self.log)
        assert not SANITIZER.search(log), log
        assert code == 0, f"exit code {code}\n{log[-4000:]}"
        self._check_secrets()

    def _check_secrets(self):
        for secret in [*self.secrets, *self.key_of.values(), *self.simulator.tokens()]:
            assert self._search.knows(secret), f"nobody looked for {secret!r}: secrecy.py makes secrets that are looked for"
        for (where, spelling), around in self._search.found.items():
            raise AssertionError(f"{where} tells {spelling!r}: {around!r}")

    # Asking it.

    def connect(self):
        return self._connect(self.public)

    def connect_admin(self):
        return self._connect(self.admin)

    def _connect(self, address):
        return Connection(address, self.witness())

    def witness(self):
        """For another connection to it: looks for secrets in what it is given."""
        return self._search.witness("an answer")

    def fields(self, client="alpha", **more):
        """Header fields with the client's key; names of `more` in Python's spelling: if_none_match="*"."""
        found = {"Authorization": f"Bearer {self.key_of[client]}"}
        return found | {name.replace("_", "-").title(): value for name, value in more.items()}

    def search(self, query="", client="alpha", method="GET", **fields):
        """One search on a connection of its own."""
        with self.connect() as connection:
            return connection.request(SEARCH + "?" + query, method, self.fields(client, **fields))

    def ask_admin(self, target, method="GET", fields=()):
        with self.connect_admin() as connection:
            return connection.request(target, method, fields)

    def metrics(self):
        """{'name{labels}': number}."""
        text = self.ask_admin("/metrics").body.decode()
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                match = METRIC.fullmatch(line)
                assert match, line
                assert match[1] not in found, line
                found[match[1]] = float(match[2]) if "." in match[2] else int(match[2])
        return found

    def outcomes(self):
        """{"hit": n, "miss": n, …}: all requests so far by outcome."""
        found = collections.Counter()
        for name, count in self.metrics().items():
            if name.startswith("nexgate_requests_total{"):
                found[re.search(r'outcome="(\w+)"', name)[1]] += count
        return found

    def move_time(self, seconds):
        self._moved += int(seconds * 1_000_000)
        struct.pack_into("q", self._clock, 0, self._moved)
        assert self._moved >= 0

    def moved(self):
        """Seconds that the clock was moved in all."""
        return self._moved / 1_000_000

    def search_as_time_moves(self, query="", step=0.5, on_step=None, **fields):
        """A search whose answer may need time to pass: the clock is moved by `step` seconds until the answer comes. It stands still
        while the simulator is at work, so that no call runs into its timeout because the machine is slow."""
        with self.connect() as connection:
            connection.send(connection.message(SEARCH + "?" + query, fields=self.fields(**fields)))
            while not connection.readable(0.02):
                if self.simulator.busy():
                    continue
                self.move_time(step)
                if on_step:
                    on_step(self.moved())
            return connection.answer()

    def wait_read(self, connections):
        """Until the gateway has taken all that was sent on these connections from the kernel."""
        ours = {connection.sock.getsockname()[1] for connection in connections}

        def all_read():
            for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
                words = line.split()
                local, remote = (int(word.rpartition(":")[2], 16) for word in words[1:3])
                to_send, to_read = (int(word, 16) for word in words[4].split(":"))
                unread = local == self.public[1] and remote in ours and to_read
                unsent = local in ours and remote == self.public[1] and to_send
                if unread or unsent:
                    return False
            return True

        wait_until(all_read, "the gateway to read its requests")

    # Its log.

    def logged(self, message, **fields):
        """The lines with that message and these fields, as dicts."""
        wanted = {"msg": message, **fields}
        with self._log_changed:
            lines = [parse_log_line(line) for line in self.log]
        return [line for line in lines if wanted.items() <= line.items()]

    def _read_log(self):
        look = self._search.witness("the log")
        for line in self.process.stderr:
            look(line)
            with self._log_changed:
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._log_changed.notify_all()
        self.process.stderr.close()
        self._log_ended.set()
        with self._log_changed:
            self._log_changed.notify_all()

    def _listening(self, listener):
        def listening():
            lines = [parse_log_line(line) for line in self.log[self._begin:]]
            return [line for line in lines if (line.get("msg"), line.get("listener")) == ("listening", listener)]
        wait_until(lambda: listening() or self.process.poll() is not None, f"the {listener} listener")
        lines = listening()
        assert lines, "\n".join(self.log)
        host, _, port = lines[0]["address"].rpartition(":")
        return host, int(port)

    # Its configuration.

    def _make_clock(self, path):
        self._moved = 0
        path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def _configuration(self, settings, clients):
        sections = {
            "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0"},
            "nexudus": {"url": self.simulator.url, "username": self.simulator.username, "password": "${TEST_PASSWORD}",
                        "budget": "10000/10ms"},
        }
        for name, value in settings.items():
            section, _, setting = name.partition(".")
            sections.setdefault(section, {})[setting] = value
            if value is None:
                del sections[section][setting]
        for name, values in clients.items():
            self.key_of.setdefault(name, make_key())
            sections[f"client {name}"] = {"key": digest(self.key_of[name])} | values
            if values.get("key", "") is None:
                del sections[f"client {name}"]["key"], self.key_of[name]
        lines = []
        for section, values in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{name} = {value}" for name, value in values.items()]
        return "\n".join(lines) + "\n"


def parse_log_line(line):
    if line.startswith("{"):
        return {name: value if isinstance(value, str) else str(value) for name, value in json.loads(line).items()}
    return {name: bytes(value[1:-1], "utf-8").decode("unicode_escape") if value.startswith('"') else value
            for name, value in LOG_FIELD.findall(line)}


def command(*arguments, input=None, **variables):
    """Runs one of the small commands: (exit code, standard output, standard error)."""
    done = subprocess.run([binary(), *arguments], input=input, capture_output=True, text=True, timeout=DEADLINE,
                          env=environment(**variables))
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr
