# SPDX-License-Identifier: MIT
"""What the simulator is made to do (tests/sim/faults.py), by chance but for what no gateway could see through: a lie that could be the
truth. Each is a list of rules."""

FAULTS = (
    {"status": 500}, {"status": 503}, {"status": 503, "headers": {"Retry-After": "1"}}, {"status": 409, "headers": {"Retry-After": "1"}},
    {"status": 429, "headers": {"Retry-After": "1"}}, {"html": 200}, {"html": 503}, {"status": 200, "body": ""}, {"truncate": 1000},
    {"envelope": {"TotalItems": "3", "TotalPages": "2"}}, {"envelope": {"CurrentPage": "77"}}, {"envelope": {"Records": None}},
    {"short": 1}, {"twice": True}, {"cut": 1000}, {"drop": True}, {"delay": 0.2}, {"gzip": True}, {"chunked": True},
    {"status": 302, "headers": {"Location": "https://login.example.com/"}}, {"drip": [20_000, 0.01]},
)
# Each is longer than a call may take: no answer, an answer that was made in time and comes late or never, one that never ends.
HANGING = ({"hold": "before"}, {"hold": "after"}, {"drip": [200, 0.1]}, {"drip": [1, 1], "chunked": True})
# A token that is refused again and again is not renewed at once (docs/upstream.md), and until then nothing is fetched.
TOKEN_FAULTS = ({"status": 500}, {"drop": True}, {"html": 200})


def token(rng):
    return [{"kind": "token", "count": 2, "action": rng.choice(TOKEN_FAULTS)}]


def outage(rng):
    return [{"kind": "search", "action": rng.choice(FAULTS)}]


def some(rng):
    """Of a few calls, most of which come through at a second try."""
    return [{"kind": "search", "skip": rng.randint(0, 9), "count": rng.randint(1, 5), "action": action} for action in rng.sample(FAULTS, 5)]


def hanging(rng):
    return [{"kind": "search", "skip": rng.randint(0, 9), "count": rng.randint(1, 5), "action": dict(action)}
            for action in rng.sample(HANGING, 2)]
