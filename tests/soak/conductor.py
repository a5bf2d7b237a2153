# SPDX-License-Identifier: MIT
"""The gateways of a soak, what they stand between, and what is done to them while the crowds ask."""

import collections
import multiprocessing
import os
import pathlib
import random
import re
import secrets
import signal
import threading
import time
import urllib.parse

import faults
import oracle
from client import Crowd
from gateway import Gateway, digest
from redis_server import Redis
from sim.made_up import FIRST_ID
from simulator import Simulator, wait_until
from stage import ALL, History, Stage
from traffic import SEARCH
from world import QUESTIONS, RECORDS, SEED, WINDOW, change_of

CROWDS = 2
GATEWAYS = 3
STEADY = 2  # the first ones run from beginning to end; the others are ended and begun again
MEMORY = 8 << 20  # bytes for windows: less than all of them need, so that the store is full
RESTS = 30
REST_EVERY_LEAST = 10  # seconds
LOOKS = 30  # in a row that see the same, at the start: longer than what is told of timers is old
LOGINS_EVERY = 310  # seconds
PURGES_OF_ALL = 0.15
LONG = 300  # seconds: of a run whose memory is judged
SETTLED, SETTLED_WITHIN = 25, 128 << 10  # looks, twice a second, and bytes
ROUNDS_USUAL = 20  # of all questions, until a store is full
LINES_KEPT = 400  # of a log
POPULAR = range(6)  # questions that are asked all the time, so that what a purge leaves behind is seen


class Conductor:
    """`problems`: what is wrong and was not found by a client, as texts."""

    def __init__(self, seed, folder, evidence):
        self.things = []
        self.folder, self.evidence = folder, evidence
        self.rng = random.Random(seed)
        self.stage, self.history = Stage(GATEWAYS, CROWDS), History()
        self.done = collections.Counter()
        self.problems = []
        self.sums = []  # what was counted, as texts
        self.asked = [collections.Counter() for _ in range(GATEWAYS)]  # by us, by status
        self.connections = [0] * GATEWAYS  # ours
        self.former = []  # (number, its last words) of gateways that were ended
        self.rests = []  # what was measured at each, as {name: [of each steady gateway]}
        self.next_login = 5.0
        self.restart = None  # the thread that does it

    # Before.

    def start(self):
        self.simulator = self._own(Simulator(records=RECORDS, seed=SEED))
        self.redis, self.redis_state = self._own(Redis(self._folder("redis"))), "up"
        self.redis.start()
        settings = {
            "server.workers": 2, "server.drain_timeout": "5m",
            "cache.ttl": f"{oracle.TTL}s", "cache.stale_while_revalidate": f"{oracle.SWR}s", "cache.stale_if_error": f"{oracle.SIE}s",
            "cache.memory": f"{MEMORY >> 20}mb", "cache.window": WINDOW, "nexudus.timeout": f"{int(oracle.CALL_MAX)}s",
            "nexudus.breaker_probe": "100ms", "nexudus.retry_after_max": "1s", "redis.url": self.redis.url, "redis.timeout": "100ms",
            "redis.token_key": secrets.token_hex(32),
        }
        clients = {"slow": {"rate": "50/s", "misses": "100000/day"}, "scoped": {"businesses": "102"}}
        self.gateways = []
        for number in range(GATEWAYS):
            gateway = self._own(Gateway(self._folder(f"gateway{number}"), self.simulator, settings, clients))
            if self.gateways:
                self._share_keys(gateway)
            self.gateways.append(gateway.start())
        wait_until(lambda: all(g.metrics()["nexgate_shared_gateways"] == GATEWAYS for g in self.gateways),
                   "the gateways to know each other")
        for number, gateway in enumerate(self.gateways):
            self.stage.serves(number, gateway.public)
        self.base = [gateway.metrics() for gateway in self.gateways]
        self.first = [self.measure(number) for number in range(STEADY)]
        self._use_once()

    def _use_once(self):
        """What stays from the first use on, like the token's timer, is there from the beginning; what ends soon is not."""
        for number in range(STEADY):
            self._fill(number)
            looks = collections.deque(maxlen=LOOKS)

            def is_calm(number=number, looks=looks):
                time.sleep(0.1)
                now = self.measure(number)
                looks.append((now["timers"], now["descriptors"]))
                return len(looks) == LOOKS and len(set(looks)) == 1

            self.expect(is_calm, f"gateway {number}: as many timers and descriptors for a while")
            self.first[number] |= dict(zip(("timers", "descriptors"), looks[-1]))

    def _own(self, thing):
        self.things.append(thing)
        return thing

    def _folder(self, name):
        made = self.folder / name
        made.mkdir()
        return made

    def _share_keys(self, gateway):
        """The same keys everywhere."""
        text, keys = gateway.config.read_text(), self.gateways[0].key_of
        for name, key in keys.items():
            text = text.replace(digest(gateway.key_of[name]), digest(key))
        gateway.key_of = dict(keys)
        gateway.config.write_text(text)

    def lie(self):
        """Changes the data behind the oracle's back: what is true from now on, it must take for wrong."""
        self.simulator.records(update={str(FIRST_ID): {"UpdatedBy": "nobody@example.com"}})

    # While it runs.

    def run(self, length):
        """Returns the reports of the crowds."""
        self.is_long = length >= LONG
        pipes = [self._send_crowd(number) for number in range(CROWDS)]
        self.began = time.monotonic()
        rest_every = max(length / RESTS, REST_EVERY_LEAST)
        next_rest, next_time = rest_every, dict.fromkeys(("generation", "fault", "purge", "redis", "reload", "restart"), 0.0)
        while (passed := time.monotonic() - self.began) < length:
            for what, due in next_time.items():
                if passed >= due:
                    next_time[what] = passed + getattr(self, "_do_" + what)(passed)
            if passed >= next_rest:
                self.rest()
                next_rest += rest_every
            assert all(process.is_alive() for process, _ in pipes), "a crowd has died"
            time.sleep(0.05)
        self.rest()
        self.stage.stop.value = 1
        reports = []
        for process, pipe in pipes:
            reports.append(pipe.recv())
            process.join()
        self.took = time.monotonic() - self.began
        return reports

    def _send_crowd(self, number):
        ours, theirs = multiprocessing.Pipe()
        crowd = Crowd(number, GATEWAYS, dict(self.gateways[0].key_of), self.stage, self.history, self.evidence)
        process = multiprocessing.Process(target=lambda: theirs.send(crowd.run()), daemon=True)
        process.start()
        return process, ours

    def _do_generation(self, _):
        generation = self.history.generation.value + 1
        self.history.begin(generation)
        self.simulator.records(**change_of(generation))
        self.history.done(generation)
        self.done["generations"] += 1
        return self.rng.uniform(1, 2.5)

    def _do_fault(self, passed):
        self.simulator.release()
        if self.rng.random() < 0.6:
            self.simulator.faults()
            return self.rng.uniform(1, 4)
        kind = self.rng.choice(("some", "some", "some", "hanging", "outage"))
        if passed >= self.next_login:
            kind, self.next_login = "token", passed + LOGINS_EVERY
            self.simulator.revoke(access=True, refresh=self.rng.random() < 0.5)
        self.simulator.faults(*getattr(faults, kind)(self.rng))
        self.done[f"faults of Nexudus ({kind})"] += 1
        return {"outage": 0.5, "hanging": oracle.CALL_MAX + 1}.get(kind, self.rng.uniform(0.5, 2))

    def _do_purge(self, _):
        question = ALL if self.rng.random() < PURGES_OF_ALL else self.rng.choice(POPULAR)
        what = self.rng.choice(("all=1", "entity=webhooks"))
        if question != ALL:
            what = "query=" + urllib.parse.quote(urllib.parse.urlencode(QUESTIONS[question]), safe="")
        soft = self.rng.random() < 0.25
        ordered = time.monotonic()
        answer = self.rng.choice(self.gateways[:STEADY]).ask_admin(f"/purge?{what}{'&soft=1' if soft else ''}", "POST")
        if answer.status == 200 and not soft:
            self.history.purged(question, ordered)
        elif answer.status not in (200, 202):
            self.problems.append(f"a purge was answered {answer.status}: {answer.body!r}")
        self.done[f"purges answered {answer.status}{' (soft)' if soft else ''}"] += 1
        return self.rng.uniform(0.5, 3)

    def _do_redis(self, passed):
        if self.redis_state == "up" and passed > 3:
            self.redis_state = self.rng.choice(("stopped", "killed"))
            self.redis.stop() if self.redis_state == "stopped" else self.redis.kill()
            self.done[f"Redis {self.redis_state}"] += 1
            return self.rng.uniform(0.2, 3)
        self._mend_redis()
        return self.rng.uniform(4, 12)

    def _do_reload(self, _):
        self.rng.choice(self.gateways[:STEADY]).process.send_signal(signal.SIGHUP)
        self.done["reloads"] += 1
        return self.rng.uniform(3, 8)

    def _do_restart(self, passed):
        """Beside all else: a drain takes its time."""
        if passed > 3 and self.restart is None:
            self.restart = threading.Thread(target=self._restart, args=(self.rng.randrange(STEADY, GATEWAYS),), daemon=True)
            self.restart.start()
        elif self.restart is not None and not self.restart.is_alive():
            self._end_restart()
        return self.rng.uniform(2, 5)

    def _restart(self, number):
        gateway = self.gateways[number]
        self.stage.drains(number)
        try:
            gateway.restart()
            self.former.append((number, gateway.last_words()))
            self.stage.serves(number, gateway.public)
        except Exception as odd:  # noqa: BLE001: whatever it is, it is told at the end
            self.problems.append(f"gateway {number} was not ended and begun again: {odd!r}")
        self.done["gateways ended and begun again"] += 1

    def _end_restart(self):
        if self.restart is not None:
            self.restart.join()
            self.restart = None

    def _mend_redis(self):
        if self.redis_state == "stopped":
            self.redis.go_on()
        elif self.redis_state == "killed":
            self.redis.restart()
        self.redis_state = "up"

    # Moments of rest.

    def rest(self):
        """Everybody leaves, all is mended, the stores are filled, and what the gateways hold is measured."""
        self.stage.rest.value = 1
        self.simulator.faults()
        self.simulator.release()
        self._mend_redis()
        self._end_restart()
        for number, gateway in enumerate(self.gateways):
            self.expect(lambda gateway=gateway: is_idle(gateway), f"gateway {number}: connections, flights and the queue to be empty")
        for number in range(STEADY):
            self._fill(number)
        if self.is_long:
            self._settle()
        self.rests.append([self.measure(number) for number in range(STEADY)])
        self.stage.rest.value = 0

    def _fill(self, number):
        """Asks for all there is, which is more than fits; again where a breaker or a pause was not over yet."""
        gateway, before = self.gateways[number], self.gateways[number].metrics()["nexgate_store_evictions_total"]
        rounds, answers = 0, None
        with gateway.connect() as connection:
            self.connections[number] += 1

            def is_full():
                nonlocal rounds, answers
                rounds, answers = rounds + 1, self._ask_all(number, connection)
                return set(answers) == {200} and gateway.metrics()["nexgate_store_evictions_total"] > before

            if not self.expect(is_full, f"gateway {number}: its store to be full"):
                self.problems.append(f"gateway {number}: it answered {dict(answers)}, {gateway.metrics()['nexgate_store_bytes']} bytes are stored")
        if rounds > ROUNDS_USUAL:
            self.sums.append(f"gateway {number}: the store was full after {rounds} rounds, at rest {len(self.rests) + 1}; what it logged is kept")
            (self.evidence / f"gateway{number}-rest{len(self.rests) + 1}.log").write_text("\n".join(gateway.log[-LINES_KEPT:]))
        self.expect(lambda: is_idle(gateway), f"gateway {number}: nothing to be under way")

    def _settle(self):
        """Until what the gateways have freed is given back (include/trimming.h): memory is the same for longer than that takes."""
        looks = collections.deque(maxlen=SETTLED)

        def is_settled():
            time.sleep(0.5)
            looks.append([self.measure(number)["resident"] for number in range(STEADY)])
            return len(looks) == SETTLED and all(max(look) - min(look) <= SETTLED_WITHIN for look in zip(*looks))

        self.expect(is_settled, "the gateways' memory to be the same for a while")

    def _ask_all(self, number, connection):
        """Returns how often each status was answered."""
        answers = collections.Counter()
        for question in QUESTIONS:
            query = urllib.parse.urlencode(question + (("size", str(WINDOW)),))
            targets = [f"{SEARCH}?{query}&page={page}" for page in range(1, RECORDS // WINDOW + 1)]
            answers.update(answer.status for answer in connection.pipeline(targets, self.gateways[number].fields()))
        self.asked[number].update(answers)
        return answers

    def measure(self, number):
        """{name: number} of what a gateway holds."""
        gateway = self.gateways[number]
        metrics = gateway.metrics()
        status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
        return {
            "resident": int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024,
            "store": metrics["nexgate_store_bytes"],
            "timers": metrics["nexgate_timers"],
            "descriptors": _descriptors(gateway, self.simulator),
        }

    # Afterwards.

    def expect(self, condition, what):
        """Whether it came true in time."""
        try:
            wait_until(condition, what)
        except AssertionError as late:
            self.problems.append(str(late))
            return False
        return True

    def check(self, good, words):
        if not good:
            self.problems.append(words)

    def close(self):
        """Ends all there is; a gateway that does not end well is a problem."""
        while self.things:
            try:
                self.things.pop().close()
            except AssertionError as odd:
                self.problems.append(f"at its end: {str(odd)[-4000:]}")


def is_idle(gateway):
    metrics = gateway.metrics()
    return not any(metrics["nexgate_" + name] for name in ("connections", "flights", "upstream_queue"))


def _descriptors(gateway, simulator):
    """All but the connections to Nexudus: libcurl keeps as many as were needed at once."""
    port = "%04X" % urllib.parse.urlsplit(simulator.url).port
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    upstream = {f"socket:[{words[9]}]" for words in lines if words[2].endswith(":" + port)}
    names = []
    for entry in pathlib.Path(f"/proc/{gateway.process.pid}/fd").iterdir():
        try:
            names.append(os.readlink(entry))
        except OSError:
            continue  # closed since
    return sum(name not in upstream for name in names)
