# SPDX-License-Identifier: MIT
"""What is shipped for those who watch: rules and dashboards name metrics that exist, and the manual lists each of them."""

import json
import re
import subprocess

from gateway import ROOT, command

NAME = re.compile(r"\bnexgate_[a-z_]+\b")


def listed():
    """{name: (type, labels, help)}"""
    code, out, _ = command("metrics")
    assert code == 0
    return {name: tuple(rest) for name, *rest in (line.split("\t") for line in out.splitlines())}


def samples():
    """Every name that /metrics may have, with its labels."""
    found = {}
    for name, (kind, labels, _) in listed().items():
        labels = set(labels.split(",")) - {"-"}
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def check_expression(expression):
    known = samples()
    names = NAME.findall(expression)
    assert names and set(names) <= set(known), expression
    for name, selector in re.findall(r"(nexgate_[a-z_]+)\{([^}]*)\}", expression):
        assert set(re.findall(r"([a-z]+)=", selector)) <= known[name] | {"instance"}, expression
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(re.split(r",\s*", grouped)) <= set().union(*(known[name] for name in names)) | {"instance"}, expression
    for outcome in re.findall(r'outcome=~?"([^"]*)"', expression):
        assert all(re.search(pattern, OUTCOMES) for pattern in outcome.split("|")), expression


OUTCOMES = ("hit stale collapsed miss invalid unauthorized forbidden not_found over_rate over_misses over_concurrency failed health "
            "malformed other")


def test_the_rules_are_good():
    path = ROOT / "conf/prometheus-rules.yml"
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "12 rules found" in done.stdout, done.stdout + done.stderr
    expressions = re.findall(r"expr: (?:>\n((?:          .*\n)+)|(.*))", path.read_text())
    assert len(expressions) == 12
    for folded, plain in expressions:
        check_expression(folded or plain)


def test_each_rule_can_fire(tmp_path):
    """Against made-up samples, by Prometheus's own engine."""
    test = {
        "rule_files": [str(ROOT / "conf/prometheus-rules.yml")],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                {"series": 'nexgate_requests_total{instance="a",client="x",outcome="failed",status="503"}', "values": "0+60x60"},
                {"series": 'nexgate_requests_total{instance="a",client="x",outcome="miss",status="200"}', "values": "0+120x60"},
                {"series": 'nexgate_requests_total{instance="a",client="x",outcome="over_rate",status="429"}', "values": "0+60x60"},
                {"series": 'nexgate_token_failures_total{instance="a"}', "values": "0+1x60"},
                {"series": 'nexgate_token_good{instance="a"}', "values": "0x60"},
                {"series": 'nexgate_breaker_state{instance="a"}', "values": "2x60"},
                {"series": 'nexgate_upstream_answers_total{instance="a",result="throttled"}', "values": "0+30x60"},
                {"series": 'nexgate_upstream_searches_total{instance="a"}', "values": "0+60x60"},
                {"series": 'nexgate_upstream_queue_refused_total{instance="a"}', "values": "0+1x60"},
                {"series": 'nexgate_store_evictions_total{instance="a"}', "values": "0+120x60"},
                {"series": 'nexgate_loop_lag_seconds_bucket{instance="a",le="0.524288"}', "values": "0x60"},
                {"series": 'nexgate_loop_lag_seconds_bucket{instance="a",le="1.048576"}', "values": "0+120x60"},
                {"series": 'nexgate_loop_lag_seconds_bucket{instance="a",le="+Inf"}', "values": "0+120x60"},
                {"series": 'nexgate_limits_reached_total{instance="a",limit="connections"}', "values": "0+1x60"},
            ],
            "promql_expr_test": [
                {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})', "eval_time": "59m",
                 "exp_samples": [{"labels": "{}", "value": 1}]}
                for name in re.findall(r"alert: (\w+)", (ROOT / "conf/prometheus-rules.yml").read_text())],
        }],
    }
    path = tmp_path / "test.yml"
    path.write_text(json.dumps(test))  # JSON is YAML
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_for_grafana_is_good():
    board = json.loads((ROOT / "conf/grafana-dashboard.json").read_text())
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert len(targets) > 20 and len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for target in targets:
        check_expression(target["expr"])
    places = [(panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy) for panel in board["panels"]
              for dx in range(panel["gridPos"]["w"]) for dy in range(panel["gridPos"]["h"])]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24  # no panel covers another


def test_the_manual_lists_every_metric_exactly():
    told = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        if match := re.fullmatch(r"\| `(nexgate_\w+)` \| (\w+) \| (.*?) \| (.*) \|", line):
            assert match[1] not in told
            told[match[1]] = match[2], match[3].replace("`", "").replace(", ", ",") or "-", match[4]
    assert told == listed()
