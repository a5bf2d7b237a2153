# SPDX-License-Identifier: MIT
"""Results as Markdown and JSON."""

import dataclasses
import json
import re

from load import Load, medians, ratio


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _milliseconds(us):
    return f"{us / 1000:.3f}" if us < 10_000 else f"{us / 1000:.1f}"


def _load_row(name, loads, base):
    middle, costs = medians(loads), [each.cpu_us for each in loads]
    times = [_milliseconds(us) for us in (middle.p50_us, middle.p99_us, middle.p999_us)]
    spread = f"{min(costs):.2f}–{max(costs):.2f}"
    return [name, f"{middle.cpu_us:.2f}", spread, f"{ratio(loads, base):.2f}", f"{middle.per_second:,.0f}", *times]


def _rows(rows):
    first = next(iter(rows.values()))
    if not isinstance(first, list):
        return table(["", *first], [[name, *(f"{number:,.1f}" for number in row.values())] for name, row in rows.items()])
    base_name = next(iter(rows))
    heads = ["", "CPU µs a request", "rounds", f"× {base_name}", "requests/s", "p50 ms", "p99 ms", "p99.9 ms"]
    return table(heads, [_load_row(name, loads, first) for name, loads in rows.items()])


def result(outcome):
    target = f"Target: {outcome.target}. Measured: **{outcome.verdict}**." if outcome.target else f"nexgate: **{outcome.verdict}**."
    about = " ".join(outcome.about.split())
    return f"### {outcome.name[0].upper()}{outcome.name[1:]}\n{about}\n\n{target}\n\n{_rows(outcome.rows)}"


def machine(facts):
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, {facts['memory']}, Linux {facts['kernel']}, "
            f"load before the run {facts['load before']}; commit {facts['commit']}; {versions}.\n")


def to_json(facts, outcomes):
    def plain(row):
        return [dataclasses.asdict(each) for each in row] if isinstance(row, list) and isinstance(row[0], Load) else row

    results = [dataclasses.asdict(outcome) | {"rows": {name: plain(row) for name, row in outcome.rows.items()}} for outcome in outcomes]
    return json.dumps(facts | {"results": results}, indent=1) + "\n"


def put_between(file, name, text):
    """Replaces what stands between the marks of that name in a Markdown file."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    old = file.read_text()
    assert old.count(begin) == old.count(end) == 1, f"{file}: marks of {name}"
    file.write_text(re.sub(f"{begin}.*{end}", lambda _: begin + text + end, old, flags=re.DOTALL))
