# SPDX-License-Identifier: MIT
"""The records of one entity, in the order of their ids, and how they change. Any thread; each change is a new generation."""

import bisect
import datetime
import functools
import random
import threading

from sim.made_up import FIRST_ID, ID_STEP, MAKERS

TIMES = ("CreatedOn", "UpdatedOn", "LastTrigger")


@functools.lru_cache(maxsize=20_000)
def _made(entity, seed, number):
    return MAKERS[entity](seed, number, FIRST_ID + ID_STEP * number)


class Records:
    def __init__(self, entity, seed, count):
        self.entity, self.seed = entity, seed
        self.lock = threading.RLock()
        self.generation = 0
        self.churn = None
        self.reset(count)

    def reset(self, count):
        """Exactly the first `count` made-up records; the churn ends."""
        with self.lock:
            self._records = [_made(self.entity, self.seed, number) for number in range(count)]
            self._next = count
            self._rng = random.Random(f"churn {self.seed}")
            self.churn = None
            self.generation += 1

    def all(self):
        """(generation, the records by rising id); nobody changes the list afterwards."""
        with self.lock:
            return self.generation, self._records

    def change(self, add=0, remove=0, update=None):
        """`add`: how many, or a list of {property: value}; ids between the present ones and past them. `remove`: how many, or a
        list of ids. `update`: {id: {property: value}}."""
        with self.lock:
            records = list(self._records)
            self._remove(records, remove)
            for changes in [{}] * add if isinstance(add, int) else add:
                self._add(records, changes)
            for ident, changes in (update or {}).items():
                self._update(records, int(ident), changes)
            self._records = records
            self.generation += 1

    def before_search(self):
        """What goes on behind a walker's back, when somebody asked for it."""
        if self.churn:
            self.change(**self.churn)

    def _remove(self, records, remove):
        if isinstance(remove, int):
            for _ in range(min(remove, len(records))):
                del records[self._rng.randrange(len(records))]
        else:
            gone = set(remove)
            records[:] = [record for record in records if record.values["Id"] not in gone]

    def _add(self, records, changes):
        number, self._next = self._next, self._next + 1
        taken = {record.values["Id"] for record in records}
        ident = changes.get("Id")
        while ident is None or ident in taken:
            ident = FIRST_ID + self._rng.randrange(ID_STEP * (len(records) + 10))
        record = MAKERS[self.entity](self.seed, number, ident, _typed(changes) | {"Id": ident})
        bisect.insort(records, record, key=_ident)

    def _update(self, records, ident, changes):
        at = bisect.bisect_left(records, ident, key=_ident)
        if at == len(records) or records[at].values["Id"] != ident:
            raise KeyError(f"no record {ident}")
        records[at] = MAKERS[self.entity](self.seed, records[at].number, ident, _typed(changes))


def _typed(changes):
    """Date-times come as text ("2025-01-15T10:30:00Z")."""
    return {
        prop: datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ") if prop in TIMES and value is not None else value
        for prop, value in changes.items()
    }


def _ident(record):
    return record.values["Id"]
