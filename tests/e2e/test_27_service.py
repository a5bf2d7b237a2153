# SPDX-License-Identifier: MIT
"""Under a service manager: sockets that outlive the program, and what the manager is told."""

import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

from gateway import SEARCH, Gateway, binary
from http_client import Closed, Connection
from service import Service, listen
from simulator import DEADLINE, wait_until

PROMPT = 1.0  # seconds after its last answer within which a client's next request must be answered (the drain waits for two)


class Shoppers:
    """Clients that keep their connections and ask without a pause. One that was told "Connection: close" connects anew. A
    connection that ends without a word is nobody's fault only where the client had been silent for long."""

    def __init__(self, gateway, count):
        self.gateway, self.failures, self.closes = gateway, [], 0
        self.answers = [0] * count
        self.connections = [0] * count
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_for_more(1)
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE)

    def wait_for_more(self, count):
        """Until everybody got as many answers more."""
        wanted = [answers + count for answers in list(self.answers)]
        wait_until(lambda: self.failures or all(map(int.__ge__, self.answers, wanted)), "everybody to get answers")

    def _run(self, number):
        try:
            while not self._over.is_set():
                self.connections[number] += 1
                with self.gateway.connect() as connection:
                    self._shop(connection, number)
        except ConnectionRefusedError as failure:
            if not self._over.is_set() and not self.may_be_refused:
                self.failures.append(failure)
        except BaseException as failure:  # looked at by the test
            self.failures.append(failure)

    may_be_refused = False

    def _shop(self, connection, number):
        answered = time.monotonic()
        while not self._over.is_set():
            target = f"{SEARCH}?WebHook_ErrorCount={number * 100 + self.answers[number] % 5}&size=3"
            try:
                connection.send(connection.message(target, fields=self.gateway.fields()))
                sent = time.monotonic()
                answer = connection.answer()
            except (Closed, BrokenPipeError, ConnectionResetError):
                if time.monotonic() - answered < PROMPT or sent - answered < PROMPT:
                    raise
                return
            answered = time.monotonic()
            assert answer.status == 200, answer
            self.answers[number] += 1
            if answer.fields.get("Connection") == "close":
                assert connection.closed()
                with self._lock:
                    self.closes += 1
                return


def starts(gateway):
    return len(gateway.logged("serving"))


@pytest.mark.concurrency
def test_a_restart_under_load_refuses_and_fails_nobody(workshop, simulator, tmp_path):
    public, admin = listen(), listen()
    service = Service([("public", public), ("admin", admin)], tmp_path / "notify")
    gateway = workshop.gateway(simulator, {"server.workers": "2"}, service=service)
    assert gateway.public == public.getsockname() and gateway.admin == admin.getsockname()
    with Shoppers(gateway, 6) as shoppers:
        for _ in range(2):
            shoppers.wait_for_more(20)
            gateway.restart()
            shoppers.wait_for_more(20)
    assert not shoppers.failures, shoppers.failures[0]
    assert starts(gateway) == 3 and shoppers.closes >= 6
    assert service.states() == ["READY", "STOPPING"] * 2 + ["READY"]
    assert {line["inherited"] for line in gateway.logged("listening")} == {"yes"}


@pytest.mark.concurrency
def test_a_drain_under_load_answers_who_sends_on_kept_connections(workshop, simulator):
    gateway = workshop.gateway(simulator, {"server.workers": "2"})
    shoppers = Shoppers(gateway, 6)
    shoppers.may_be_refused = True  # a new connection, when the listener is gone
    with shoppers:
        shoppers.wait_for_more(20)
        gateway.terminate()
        assert gateway.process.wait(DEADLINE) == 0
        wait_until(lambda: not any(thread.is_alive() for thread in shoppers._threads), "everybody to see the end")
    assert not shoppers.failures, shoppers.failures[0]
    assert shoppers.closes >= 6


def test_one_socket_for_all_workers_and_its_file_stays(workshop, simulator, tmp_path):
    path = str(tmp_path / "public.sock")
    kept = listen(path)
    service = Service([("whatever", kept)])
    gateway = workshop.gateway(simulator, {"server.listen": f"127.0.0.1:0, unix:{path}", "server.workers": "3"}, service=service)
    lines = gateway.logged("listening", listener="public")
    assert [(line["inherited"], line["address"].startswith("unix:")) for line in lines] == [("no", False), ("yes", True)]
    gateway.terminate()
    assert gateway.process.wait(DEADLINE) == 0
    assert os.path.exists(path)
    kept.setblocking(False)
    with pytest.raises(BlockingIOError):  # nothing is left in the queue that would wake the service again
        kept.accept()


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told(workshop, simulator, tmp_path, abstract):
    service = Service(notify="@nexgate-test-" + secrets.token_hex(16) if abstract else tmp_path / "notify", watchdog_seconds=40)
    gateway = workshop.gateway(simulator, service=service)
    wait_until(lambda: service.states() == ["READY"], "READY=1")
    before = time.monotonic_ns() // 1000
    gateway.hup()
    wait_until(lambda: service.states() == ["READY", "RELOADING", "READY"], "the reload to be told")
    told = next(message for message in service.heard if "RELOADING" in message)
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    gateway.config.write_text(gateway.config.read_text() + "\n[nonsense]\n")
    gateway.hup(good=False)
    wait_until(lambda: len(service.states()) == 5, "the bad reload to be told")
    assert "changed nothing" in [message for message in service.heard if "READY" in message][-1]["STATUS"]
    for _ in range(3):
        alive = service.count("WATCHDOG")
        gateway.move_time(11)
        wait_until(lambda: service.count("WATCHDOG") > alive, "the next sign of life")
    gateway.terminate()
    assert gateway.process.wait(DEADLINE) == 0
    wait_until(lambda: service.states()[-1] == "STOPPING", "STOPPING=1")


def refused(folder, simulator, service, settings=None):
    """What is said by a program that does not start."""
    gateway = Gateway(folder, simulator, settings)
    done = subprocess.run([*service.launcher, binary(), "serve", "-c", str(gateway.config)], capture_output=True, text=True,
                          env=gateway.environment | service.variables, pass_fds=service.descriptors, timeout=DEADLINE)
    assert done.returncode == 1, done.stderr
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.stderr


def test_what_belongs_to_no_address_is_refused(simulator, tmp_path_factory):
    def say(sockets, settings=None, **variables):
        service = Service(sockets)
        service.variables |= variables
        return refused(tmp_path_factory.mktemp("refused"), simulator, service, settings)

    with listen() as good, listen() as other, listen(("0.0.0.0", 0)) as open_to_all:
        port = other.getsockname()[1]
        said = say([("public", good), ("else", other)])
        assert f'inherited socket 4 (127.0.0.1:{port}, named "else")' in said and "no address of listen" in said
        assert "no address of listen" in say([("public", good), ("public", other)])
        assert "no address of listen" in say([("tls", good)])
        assert "no address of listen" in say([("admin", good)], {"server.admin": ""})
        assert "other machines reach it" in say([("admin", open_to_all)])
        assert "LISTEN_FDS is not a number" in say([("public", good)], LISTEN_FDS="many")
        assert "LISTEN_FDNAMES has not as many names" in say([("public", good)], LISTEN_FDNAMES="a:b")
        assert "it is no socket" in say([("public", good)], LISTEN_FDS="9", LISTEN_FDNAMES=":".join(["public"] * 9))
    with open("/dev/null") as file:
        assert "it is no socket" in say([("public", file)])


LOOK = """
import sys
for name in sys.argv[2:]:
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").read(1)
        print(name, "read")
    except PermissionError:
        print(name, "denied")
"""


def test_the_process_cannot_be_looked_into(workshop, simulator, monkeypatch):
    """Not even by its own user, who may look into any other process of theirs."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if user else []
    service = Service()
    service.launcher = as_user
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        monkeypatch.setenv("NEXGATE_BINARY", shutil.copy(binary(), folder))
        made = Gateway(pathlib.Path(folder), simulator, service=service)
        try:
            process = made.start().process.pid
            with open(f"/proc/{process}/limits") as file:
                assert re.search(r"Max core file size +0 +0 ", file.read())
            assert os.stat(f"/proc/{process}/environ").st_uid == 0  # so the kernel does with who is undumpable
            with subprocess.Popen(["/usr/bin/sleep", "600"], **user) as other:
                def look(number, *names):
                    return subprocess.run(["/usr/bin/python3", "-c", LOOK, str(number), *names], capture_output=True, text=True,
                                          check=True, **user).stdout.split("\n")[:-1]
                wait_until(lambda: look(other.pid, "environ", "maps") == ["environ read", "maps read"], "the other to be seen")
                assert look(process, "environ", "maps", "mem") == ["environ denied", "maps denied", "mem denied"]
                other.kill()
        finally:
            made.close()


def test_the_log_begins_with_the_versions(gateway):
    line = gateway.logged("starting")[0]
    for library in ("nexgate", "libevent", "libcurl", "jansson", "hiredis", "openssl", "xxhash", "lz4", "libseccomp"):
        assert re.match(r"\d+\.\d+", line[library]), line
