# SPDX-License-Identifier: MIT
"""The simulator's records, generation by generation, in every process that needs them: the same changes in the same order make the
same records, so nobody has to be asked what a page of some generation looked like.

Each generation has another total than its neighbours, for every question, so that no two of them can be mistaken for each other: it
adds a record that matches all questions, until WAVE of them are there and all go at once.
"""

import hashlib
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from sim import search  # noqa: E402
from sim.entities import ENTITIES  # noqa: E402
from sim.made_up import FIRST_ID, ID_STEP  # noqa: E402
from sim.records import Records  # noqa: E402

RECORDS = 1000
SEED = 1
WAVE = 64  # generations; twice as many are remembered
UPDATED = 12  # records that each generation changes

FILTERS = (
    (), (("WebHook_Active", "true"),), (("WebHook_Business", "102"),), (("WebHook_Business", "102"), ("WebHook_Active", "true")),
    (("from_WebHook_ErrorCount", "1"),), (("from_WebHook_ErrorCount", "1"), ("to_WebHook_ErrorCount", "10")),
    (("WebHook_LastError", "timeout"),), (("WebHook_SystemId", "sys-7"),),
)
ORDERS = ((), (("orderBy", "UpdatedOn"), ("dir", "1")), (("orderBy", "Name"), ("dir", "0")), (("orderBy", "CreatedOn"),))
QUESTIONS = tuple(filters + order for filters in FILTERS for order in ORDERS)
SIZES = (10, 10, 10, 10, 25, 25, 70, 150, 300)
WINDOW = 200  # the gateways' setting

_MARK = {"Active": True, "BusinessId": 102, "ErrorCount": 5, "LastError": "timeout", "SystemId": "sys-7", "Name": "Invoices 7"}


def change_of(generation):
    """What makes it from the one before, as the simulator's control path takes it."""
    step = generation % WAVE
    rng = random.Random(generation)
    updated = rng.sample(range(RECORDS), UPDATED)
    change = {"update": {
        str(FIRST_ID + ID_STEP * number): {
            "UpdatedOn": f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:00:00Z",
            "UpdatedBy": f"generation-{generation}@example.com",
        } for number in updated}}
    if step == 0:
        change["remove"] = [_mark_id(number) for number in range(1, WAVE)]
    else:
        change["add"] = [_MARK | {"Id": _mark_id(step)}]
    return change


def _mark_id(step):
    return FIRST_ID + ID_STEP * 13 * step + 5


def digest(page):
    return hashlib.blake2b(page, digest_size=16).digest()


class World:
    def __init__(self):
        self._entity = next(entity for entity in ENTITIES if entity.name == "webhooks")
        self._records = Records("webhooks", SEED, RECORDS)
        self._by_generation = {0: self._records.all()[1]}
        self._found = {}  # (question, generation): records
        self._digests = {}  # generation: {(question, page, size): digest of the page}
        self.generation = 0

    def advance(self, generation):
        while self.generation < generation:
            self.generation += 1
            self._records.change(**change_of(self.generation))
            self._by_generation[self.generation] = self._records.all()[1]
            old = self.generation - 2 * WAVE
            if self._by_generation.pop(old, None) is not None:
                self._digests.pop(old, None)
                for number in range(len(QUESTIONS)):
                    self._found.pop((number, old), None)

    def remembered(self):
        return list(self._by_generation)

    def total(self, question, generation):
        return len(self._matching(question, generation))

    def page(self, question, generation, page, size):
        """The bytes of the envelope."""
        return search.to_bytes(search.Page(self._asked(question, page, size), self._matching(question, generation), 1000).members())

    def digest(self, question, generation, page, size):
        """Of that."""
        known = self._digests.setdefault(generation, {})
        target = question, page, size
        if target not in known:
            known[target] = digest(self.page(question, generation, page, size))
        return known[target]

    def candidates(self, question, total):
        """The generations that are remembered and have this total."""
        base = self._base(question)
        return [g for g in self._by_generation if base + g % WAVE == total]

    def _base(self, question):
        newest = self.generation
        return self.total(question, newest) - newest % WAVE

    def _asked(self, question, page, size):
        query = "&".join(f"{name}={value}" for name, value in QUESTIONS[question])
        return search.read(self._entity, f"{query}&page={page}&size={size}")

    def _matching(self, question, generation):
        key = question, generation
        if key not in self._found:
            self._found[key] = search.matching(self._entity, self._by_generation[generation], self._asked(question, 1, 10))
        return self._found[key]
