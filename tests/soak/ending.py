# SPDX-License-Identifier: MIT
"""What must be true when all clients are gone: counters add up, and memory, descriptors and timers are where they were."""

import collections
import re
import statistics
import urllib.parse

from conductor import MEMORY
from world import QUESTIONS

GROWTH_MAX = 0.01  # of resident memory, from when the store was full and warm to the end
HELD_MAX = 3  # bytes that may be resident for each byte of [cache] memory, from the start to the end


def check(conductor, reports):
    """All of it; what is not so is added to the conductor's problems."""
    _check_leftovers(conductor)
    for number in range(len(conductor.gateways)):
        _check_requests(conductor, number, reports)
    _check_calls(conductor)
    _check_memory(conductor)
    _check_answers(conductor)


def _check_leftovers(conductor):
    """As many timers and descriptors as before. Some are on their way out for seconds: a lease that ends, a connection that waits."""
    for number, first in enumerate(conductor.first):
        last = conductor.rests[-1][number]

        def is_as_before(name, number=number, first=first, last=last):
            last[name] = conductor.measure(number)[name]
            return last[name] <= first[name]

        for name in ("descriptors", "timers"):
            conductor.expect(lambda name=name: is_as_before(name), f"gateway {number}: as many {name} as before ({first[name]})")
    conductor.expect(lambda: not conductor.simulator.busy(), "Nexudus to have nothing to do")


def _check_requests(conductor, number, reports):
    """What the clients counted, by status; between that and that with what they did not wait for is the gateway's count. Of gateways that
    were ended meanwhile only the sum is known: what their last words say."""
    counted, unread = collections.Counter(conductor.asked[number]), sum(report["unread"][number] for report in reports)
    for report in reports:
        counted.update(report["answers"][number])
    now, base = conductor.gateways[number].metrics(), conductor.base[number]
    theirs, outcomes = collections.Counter(), collections.Counter()
    for name, value in now.items():
        if name.startswith("nexgate_requests_total{"):
            theirs[int(re.search(r'status="(\d+)"', name)[1])] += value - base.get(name, 0)
            outcomes[re.search(r'outcome="(\w+)"', name)[1]] += value - base.get(name, 0)
    former = [words for of, words in conductor.former if of == number]
    served = theirs.total() + sum(words["requests"] for words in former)
    more = served - counted.total()
    conductor.sums.append(f"gateway {number}: {served} requests by its count, {counted.total()} answers by its clients',"
                          f" {unread} not waited for" + (f"; {len(former) + 1} processes" if former else ""))
    conductor.check(0 <= more <= unread, f"gateway {number} counts {served} requests, its clients {counted.total()} answers; {unread} were"
                                         " not waited for")
    if former:
        return
    conductor.sums.append(f"gateway {number}: outcomes {dict(sorted(outcomes.items()))}, statuses {dict(sorted(theirs.items()))}")
    for status in sorted(theirs.keys() | counted.keys()):
        conductor.check(0 <= theirs[status] - counted[status] <= unread,
                        f"gateway {number} counts {theirs[status]} answers {status}, its clients {counted[status]}")
    opened = now["nexgate_connections_total"] - base["nexgate_connections_total"]
    asked = sum(report["connections"][number] for report in reports) + conductor.connections[number]
    conductor.check(opened == asked, f"gateway {number} counts {opened} connections, its clients {asked}")


def _check_calls(conductor):
    """Calls that a gateway broke off, at its end or for their time, Nexudus may have heard of, or not."""
    former = [words for _, words in conductor.former]
    calls = sum(gateway.metrics()["nexgate_upstream_searches_total"] for gateway in conductor.gateways)
    calls += sum(words["upstream_searches"] for words in former)
    broken_off = sum(words["upstream_searches"] - words["upstream_answers"] + words["upstream_timeouts"] for words in former)
    broken_off += sum(gateway.metrics()['nexgate_upstream_answers_total{result="timeout"}'] for gateway in conductor.gateways)
    seen = conductor.simulator.counters()["searches"]
    conductor.sums.append(f"calls to Nexudus: {calls} by the gateways' count, {broken_off} of them broken off, {seen} by its own")
    conductor.check(0 <= calls - seen <= broken_off, f"the gateways count {calls} upstream calls, Nexudus {seen}; {broken_off} were broken off")


def _check_memory(conductor):
    for number, first in enumerate(conductor.first):
        rests = [rest[number] for rest in conductor.rests]
        held = (max(rest["resident"] for rest in rests) - first["resident"]) / MEMORY
        conductor.check(held <= HELD_MAX, f"gateway {number}: {held:.2f} bytes are resident for each that the store may hold")
        warm, end = growth(rests)
        if conductor.is_long:
            conductor.check(end / warm - 1 < GROWTH_MAX, f"gateway {number}: memory grew by {end / warm - 1:.2%}, from {warm:.0f} to {end:.0f} bytes")


def growth(rests):
    """What was resident for a full store when it was warm, from a third of the rests on, and at the end, in the last third: the mean of
    each. What is kept for what comes next is a few hundred kB more or less at each of them; what leaks stays."""
    full = [rest["resident"] - rest["store"] + MEMORY for rest in rests]
    third = max(len(full) // 3, 1)
    return statistics.fmean(full[-2 * third:-third] or full), statistics.fmean(full[-third:])


def _check_answers(conductor):
    """Everything is well: every question is answered on every gateway."""
    for number, gateway in enumerate(conductor.gateways):
        for question in QUESTIONS:
            query = urllib.parse.urlencode(question)
            conductor.expect(lambda gateway=gateway, query=query: gateway.search(query).status == 200,
                             f"gateway {number}: an answer to {query!r}")
