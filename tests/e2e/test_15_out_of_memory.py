# SPDX-License-Identifier: MIT
"""Memory that cannot be had: each allocation whose size a peer decides fails once, and the request that met it gets an honest
answer, or a close, and the next one is as good as ever. Each of a reload fails once, and the reload changes nothing. What would
leak is found by the sanitizer when the gateway ends."""

import mmap
import signal
import struct
import subprocess

import pytest

from certificates import Identity
from gateway import SEARCH, binary
from http_client import Closed
from simulator import DEADLINE, wait_until

TRIES_MAX = 400  # a request needs fewer allocations


class FailingMemory:
    """The file that a gateway counts its tries down in."""

    def __init__(self, folder):
        self.path = folder / "memory"
        self.path.write_bytes(bytes(mmap.PAGESIZE))
        with self.path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def fail(self, nth, objects=False):
        """The nth try from now fails; 0: none does. With `objects`, those of our own size count too: such a one ends the process."""
        struct.pack_into("q", self._page, 8, objects)
        struct.pack_into("q", self._page, 0, nth)

    def has_spared(self):
        """True when fewer tries came than were asked for."""
        return struct.unpack_from("q", self._page, 0)[0] > 0


def ask(gateway, query, **fields):
    """The status, or None when the connection was closed without an answer. An error is a whole problem."""
    try:
        with gateway.connect() as connection:
            answer = connection.request(SEARCH + "?" + query, fields=gateway.fields(**fields))
    except Closed:
        return None
    if answer.status != 200:
        answer.problem()
    return answer.status


HONEST = {None, 500, 502, 503}
SPARED = 3  # rounds in a row without a failure: buffers that are kept may grow at any of the first

# What each request is made of: (name, the query of the nth round, the statuses without a failure,
# whether it allocates anything once buffers are warm, fields).
KINDS = [
    ("a miss", lambda n: f"WebHook_Name=miss%20{n}&size=30", {200}, True, {}),
    ("a miss on two windows", lambda n: f"WebHook_ErrorCount=0&from_WebHook_ErrorCount=-{n}&size=150&page=2", {200}, True, {}),
    ("a hit by another spelling", lambda n: f"size=3&orderBy=id&WebHook_name=&page={n}", {200}, False, {}),
    ("a refused query", lambda n: f"WebHook_Naem={n}", {400}, True, {}),
    ("no-cache", lambda n: "WebHook_Active=true", {200}, True, {"cache_control": "no-cache"}),
    ("a conditional request", lambda n: f"size={n}", {200}, False, {"if_none_match": '"a", "b"'}),
]


@pytest.mark.parametrize("name, query, good, allocates, fields", KINDS, ids=[kind[0] for kind in KINDS])
def test_each_allocation_of_a_request_fails_once(workshop, simulator, tmp_path, name, query, good, allocates, fields):
    memory = FailingMemory(tmp_path)
    gateway = workshop.gateway(simulator, {"server.workers": 1}, variables={"NEXGATE_MEMORY_FILE": str(memory.path)})
    assert ask(gateway, "size=1") == 200  # logged in
    met = spared = 0
    for nth in range(1, TRIES_MAX):
        memory.fail(nth)
        status = ask(gateway, query(nth), **fields)
        spared = spared + 1 if memory.has_spared() else 0
        memory.fail(0)
        met += status not in good
        assert status in good | HONEST, (nth, status)
        assert ask(gateway, query(nth), **fields) in good, nth
        if spared == SPARED:
            break
    assert spared == SPARED, "the request never came through whole"
    assert (met > 0) == allocates


# What of the admin listener an allocation can fail in: (target, method).
PAGES = [("/status", "GET"), ("/metrics", "GET"), ("/", "GET"), ("/readyz", "GET"), ("/explain?WebHook_Name=a%20b&client=alpha&size=150&page=2", "GET"),
         ("/explain?WebHook_Name=a&entity=web%68ooks", "GET"), ("/purge?query=WebHook_Name%3Da%2520b%26size%3D5", "POST"),
         ("/purge?entity=webhooks&soft=1", "POST"), ("/purge?all=1", "POST")]


def gist(answer):
    """What of a page must be whole."""
    if answer.fields["Content-Type"] == "application/json":
        told = answer.json()
        for window in told.get("windows", []):
            del window["url"]  # empty where it cannot be written
        return {name: told[name] for name in ("canonical", "windows", "purged", "silent") if name in told}
    return answer.fields.get("Content-Security-Policy")


@pytest.mark.parametrize("target, method", PAGES, ids=[page[0].partition("&")[0] for page in PAGES])
def test_each_allocation_of_an_admin_page_fails_once(workshop, simulator, tmp_path, target, method):
    memory = FailingMemory(tmp_path)
    gateway = workshop.gateway(simulator, {"server.workers": 1}, variables={"NEXGATE_MEMORY_FILE": str(memory.path)})
    assert ask(gateway, "size=1") == 200
    whole = gist(gateway.ask_admin(target, method))

    def status():
        try:
            answer = gateway.ask_admin(target, method)
        except Closed:
            return None
        if answer.status == 200:
            assert gist(answer) == whole
        else:
            answer.problem()
        return answer.status
    spared = 0
    for nth in range(1, TRIES_MAX):
        memory.fail(nth)
        said = status()
        spared = spared + 1 if memory.has_spared() else 0
        memory.fail(0)
        assert said in HONEST | {200}, (nth, said)
        assert status() == 200, nth
        if spared == SPARED:
            break
    assert spared == SPARED, "the page never came through whole"


def order_reload(gateway):
    """Whether it came about."""
    begin = len(gateway.log)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any("reloaded" in line for line in gateway.log[begin:]), "the reload to be over")
    return not any("not reloaded: nothing was changed" in line for line in gateway.log[begin:])


def ask_for_reload(gateway):
    """The same by the admin's page, which says so."""
    try:
        answer = gateway.ask_admin("/reload", "POST")
    except Closed:
        return None
    if answer.status in (200, 422):
        assert answer.json()["reloaded"] == (answer.status == 200)
        return answer.status == 200
    answer.problem()
    assert answer.status in HONEST
    return None  # it may have come about, and the answer failed


@pytest.mark.parametrize("reload, objects", [(order_reload, True), (ask_for_reload, False)], ids=["signal", "page"])
def test_a_reload_without_memory_changes_nothing_and_ends_nothing(workshop, simulator, tmp_path, reload, objects):
    memory = FailingMemory(tmp_path)
    identity = Identity(tmp_path, "gateway")
    settings = {"server.workers": 2, "server.tls_listen": "127.0.0.1:0", "server.tls_certificate": identity.certificate,
                "server.tls_key": identity.key, "log.access": "1/1000"}

    def clients(burst):
        return {"late": {"rate": "1000/s", "burst": str(burst), "businesses": "7, 8"}, f"new{burst}": {}}

    def burst():
        return gateway.search("WebHook_Business=7", client="late").fields.parameters("RateLimit-Policy")["q"]
    gateway = workshop.gateway(simulator, settings, clients(1000), variables={"NEXGATE_MEMORY_FILE": str(memory.path)})
    in_force, met, spared = burst(), 0, 0
    for nth in range(1, TRIES_MAX):
        gateway.configure(settings, clients(1000 + nth))
        memory.fail(nth, objects)
        done = reload(gateway)
        spared = spared + 1 if memory.has_spared() else 0
        memory.fail(0)
        met += done is False
        now = burst()
        assert now in {True: {1000 + nth}, False: {in_force}, None: {in_force, 1000 + nth}}[done]
        in_force = now
        if spared == SPARED:
            break
    assert spared == SPARED, "no reload ever came through whole"
    assert met > 50


def test_a_start_without_memory_says_so_and_ends(workshop, simulator, tmp_path):
    memory = FailingMemory(tmp_path)
    gateway = workshop.gateway(simulator, {"server.workers": 1}, variables={"NEXGATE_MEMORY_FILE": str(memory.path)})
    gateway.close()
    met = 0
    for nth in range(1, TRIES_MAX):
        memory.fail(nth)
        process = subprocess.Popen([binary(), "serve", "-c", str(gateway.config)], stderr=subprocess.PIPE, text=True,
                                   env=gateway.environment, cwd=gateway.folder)
        said = []
        for line in process.stderr:
            said.append(line)
            if "msg=serving" in line:
                process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE)
        assert code == 0 and any("msg=serving" in line for line in said) or code == 1 and said[-1] == "nexgate: could not start\n", said
        met += code
        if memory.has_spared():
            break
    assert memory.has_spared(), "it never started"
    assert met > 5
