# SPDX-License-Identifier: MIT
"""The admin listener: what it tells, who may change something, and that looking changes nothing."""

import subprocess
import urllib.parse

import pytest

from gateway import command, digest
from secrecy import made_up, make_key
from simulator import wait_until

CHANGES = ("purge",)


def explain(gateway, query="", **more):
    target = "/explain?" + "&".join([query, urllib.parse.urlencode(more)]).strip("&")
    answer = gateway.ask_admin(target)
    assert answer.status == 200, answer.body
    return answer.json()


def same_but_for_time(told):
    """/metrics without what moves by itself, or by being looked at."""
    return {name: value for name, value in told.items()
            if not any(word in name for word in ("loop_lag", "uptime", "token_age", "token_expiry", "token_renewal", "rate_left"))}


def test_explain_tells_what_would_become_of_a_search(workshop, simulator):
    gateway = workshop.gateway(simulator, {"cache.ttl": "60s", "cache.stale_while_revalidate": "60s"},
                               {"poor": {"rate": "2/s", "burst": "5", "misses": "1/day"}})
    query = "webhook_active=TRUE&size=10"
    told = explain(gateway, query, client="poor")
    assert told["status"] == 200 and told["outcome"] == "miss" and told["canonical"] == "WebHook_Active=true"
    assert told["page"] == 1 and told["size"] == 10
    window, = told["windows"]
    assert window["state"] == "miss" and window["key"] == "nexgate:v1:webhooks:WebHook_Active=true#200.0"
    assert window["url"] == simulator.url + "/api/sys/webhooks?WebHook_Active=true&page=1&size=200"
    assert told["price"] == {"rate": 1, "misses": 1, "misses_at_most": 1}
    assert told["client"] == {"name": "poor", "dry_run": False, "rate_left": 5, "rate_full_s": 0, "misses_left": 1,
                              "misses_next_s": told["client"]["misses_next_s"]}
    assert told["upstream"]["budget_left"] == 10000 and told["upstream"]["wait_ms"] == 0

    before, counters = gateway.metrics(), simulator.counters()["searches"]
    for _ in range(20):
        assert explain(gateway, query, client="poor")["outcome"] == "miss"
    assert same_but_for_time(gateway.metrics()) == same_but_for_time(before)
    assert simulator.counters()["searches"] == counters == 0

    assert gateway.search(query, client="poor").cache_status()["fwd"] == "uri-miss"
    told = explain(gateway, query, client="poor")
    assert told["outcome"] == "hit" and told["windows"][0]["age_s"] == 0 and told["windows"][0]["ttl_s"] == 60
    assert told["windows"][0]["records"] > 0 and told["price"]["misses"] == 0
    told = explain(gateway, "Id=1", client="poor")
    assert (told["status"], told["outcome"]) == (429, "over_misses") and told["client"]["misses_left"] == 0
    gateway.move_time(61)
    assert explain(gateway, query)["outcome"] == "stale"
    gateway.move_time(120)
    told = explain(gateway, query)
    assert told["outcome"] == "miss" and told["windows"][0]["served_if_nexudus_fails"] is True


@pytest.mark.parametrize("revalidates", [True, False])
def test_explain_knows_soft_purges(workshop, simulator, revalidates):
    gateway = workshop.gateway(simulator, {"cache.stale_while_revalidate": "5m" if revalidates else "0s"})
    gateway.search("")
    gateway.move_time(2)
    assert explain(gateway)["windows"][0]["ttl_s"] == 58
    assert gateway.ask_admin("/purge?all=1&soft=1", "POST").status == 200
    gateway.move_time(1)
    told = explain(gateway)
    window, = told["windows"]
    assert told["outcome"] == window["state"] == ("stale" if revalidates else "miss")
    assert window == window | {"age_s": 3, "ttl_s": -1, "served_if_nexudus_fails": True}
    assert told["price"]["misses"] == (0 if revalidates else 1)
    said = gateway.search("").fields["Cache-Status"]
    assert said == ("nexgate; hit; ttl=-1; detail=revalidating" if revalidates else "nexgate; fwd=stale; fwd-status=200; stored")


def test_explain_knows_that_a_gateway_cut_off_serves_nothing_stale(workshop, simulator):
    redis = workshop.redis()
    gateway = workshop.gateway(simulator, {"redis.url": redis.url, "redis.timeout": "5s"})
    wait_until(lambda: gateway.ask_admin("/readyz").status == 200, "the gateway to be in step")
    gateway.search("")
    gateway.move_time(61)
    assert explain(gateway)["windows"][0]["state"] == "stale"
    redis.kill()
    wait_until(lambda: explain(gateway)["windows"][0]["state"] == "miss", "the gateway to know that it is alone")
    assert explain(gateway)["windows"][0]["served_if_nexudus_fails"] is True
    assert "fwd=stale" in gateway.search("").fields["Cache-Status"]


def test_explain_of_a_page_in_two_windows(gateway):
    told = explain(gateway, "size=150&page=2")
    assert [window["state"] for window in told["windows"]] == ["miss", "unsure"]
    assert told["price"] == {"rate": 1, "misses": 1, "misses_at_most": 2}
    assert gateway.search("size=200").status == 200
    told = explain(gateway, "size=150&page=2")
    assert [window["state"] for window in told["windows"]] == ["hit", "miss"] and told["price"]["misses"] == 1


def test_explain_of_what_would_be_refused(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"local": {"businesses": "1,2"}})
    told = explain(gateway, "WebHook_Nmae=x")
    assert told["status"] == 400 and told["outcome"] == "invalid" and "WebHook_Name" in told["error"]["detail"]
    assert explain(gateway, "", client="local")["status"] == 403
    assert explain(gateway, "WebHook_Business=2", client="local")["outcome"] == "miss"
    for target in ("/explain?client=nobody", "/explain?entity=nothing", "/explain?client=%zz", "/explain?client=" + "x" * 300):
        assert gateway.ask_admin(target).problem()["status"] == 400, target
    assert gateway.ask_admin("/explain", method="POST").status == 405


def test_key_and_explain_say_the_same(gateway):
    for query in ("", "page=3&size=50", "webhook_active=TRUE&WebHook_Name=a+b", "WebHook_Action=BookingCreate&size=150&page=2"):
        code, out, _ = command("key", "-c", str(gateway.config), query, TEST_PASSWORD="x")
        assert code == 0
        told = explain(gateway, query)
        lines = [line.split(None, 1) for line in out.splitlines()]
        assert [line[1].split("   ")[0] for line in lines if line[0] == "key"] == [window["key"] for window in told["windows"]]
        assert [line[1] for line in lines if line[0] == "upstream"] == ["GET " + window["url"] for window in told["windows"]]
        price, = (line[1] for line in lines if line[0] == "price")
        assert price == f"1 of the rate, {told['price']['misses_at_most']} of the misses at most"


def test_status_tells_of_clients_queries_and_troubles(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"poor": {"rate": "2/s", "burst": "5", "misses": "3/day"}})
    with gateway.connect() as connection:
        for _ in range(40):
            assert connection.request("/api/sys/webhooks?WebHook_Active=true", fields=gateway.fields()).status == 200
    gateway.search("webhook_url=https://x.example/" + made_up(), client="poor")
    simulator.fault(status=500)
    assert gateway.search("Id=5", client="poor").status == 503
    status = gateway.ask_admin("/status").json()
    clients = {client["name"]: client for client in status["clients"]}
    assert list(clients) == ["alpha", "poor", "beta"] and status["clients_configured"] == 3  # the busiest first
    assert clients["alpha"]["requests"] == 40 and clients["alpha"]["served_from_store"] == 39
    assert clients["poor"] == clients["poor"] | {"requests": 2, "misses": 1, "failed": 1, "rate_burst": 5, "misses_limit": 3,
                                                 "misses_left": 2}
    assert status["hottest"][0]["query"] == "webhooks?WebHook_Active=true"
    assert {row["query"]: row["count"] for row in status["hottest"]} == {
        "webhooks?WebHook_Active=true": 40, "webhooks?WebHook_URL=***": 1, "webhooks?Id=5": 1}
    slow = {row["query"]: row for row in status["slowest"]}
    assert set(slow) == {"webhooks?WebHook_Active=true", "webhooks?WebHook_URL=***", "webhooks?Id=5"}
    assert slow["webhooks?Id=5"]["client"] == "poor" and slow["webhooks?Id=5"]["status"] == 503
    assert slow["webhooks?Id=5"]["took_us"] >= slow["webhooks?Id=5"]["fetcher_us"] > 0
    assert [row["message"] for row in status["recent"]] == ["a search at Nexudus failed"]
    assert status["durations"]["miss"]["count"] == 2 == sum(status["durations"]["miss"]["counts"])
    assert status["token"]["good"] is True and status["token"]["expires_s"] > 0 and status["token"]["logins"] == 1


def test_metrics_are_as_prometheus_reads_them(workshop, simulator):
    gateway = workshop.gateway(simulator, clients={"poor": {"rate": "100/s", "misses": "3/day"}})
    for query in ("", "", "Id=1", "Nobody=1"):
        gateway.search(query, client="poor")
    text = gateway.ask_admin("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=120)
    assert done.returncode == 0 and not done.stdout and not done.stderr, done.stdout + done.stderr
    metrics = gateway.metrics()
    assert metrics['nexgate_quota_misses_left{client="poor"}'] == 1
    assert not any("quota" in name and "alpha" in name for name in metrics)  # it has no limit


@pytest.mark.parametrize("path", CHANGES)
def test_what_changes_state_asks_for_the_key(workshop, simulator, path):
    key = make_key()
    gateway = workshop.gateway(simulator, {"server.admin_key": digest(key)})
    for fields, word in (({}, None), ({"Authorization": "Bearer nonsense"}, "invalid_token"), ({"X-API-Key": key}, None),
                         ({"Authorization": f"Basic {key}"}, "invalid_token"), ({"Authorization": "Bearer " + key[:-1]}, "invalid_token"),
                         ({"Authorization": "Bearer " + gateway.key_of["alpha"]}, "invalid_token")):
        answer = gateway.ask_admin("/" + path, "POST", fields)
        assert answer.problem()["status"] == 401
        assert answer.fields["WWW-Authenticate"].startswith('Bearer realm="nexgate admin"')
        assert (word in answer.fields["WWW-Authenticate"]) if word else "error" not in answer.fields["WWW-Authenticate"]
    answer = gateway.ask_admin("/" + path, "GET")
    assert answer.status == 405 and answer.fields["Allow"] == "POST"
    assert gateway.ask_admin("/" + path, "POST", {"Authorization": f"Bearer {key}"}).status != 401
    assert gateway.ask_admin("/status").status == 200  # looking needs no key


def test_an_admin_listener_for_others_needs_a_key(tmp_path):
    path = tmp_path / "nexgate.conf"
    path.write_text("[nexudus]\nusername = u\npassword = p\n[server]\nadmin = 0.0.0.0:0\n")
    for asked in ("check", "serve"):
        code, out, err = command(asked, "-c", str(path))
        assert code == 1 and "admin_key" in out + err
    path.write_text(path.read_text() + f"admin_key = {digest('x')}\n")
    assert command("check", "-c", str(path))[0] == 0


def test_readyz_says_why_not(workshop, simulator):
    gateway = workshop.gateway(simulator)
    assert gateway.ask_admin("/readyz").json() == {"ready": True}
    simulator.fault(kind="token", status=401)
    assert gateway.search().status == 502
    wait_until(lambda: gateway.ask_admin("/readyz").status == 503, "the gateway to be unready")
    assert gateway.ask_admin("/readyz").json() == {"ready": False, "reasons": ["the login at Nexudus fails"]}


FOREIGN = [("127.0.0.1:{port}", {"Origin": "https://evil.example"}), ("127.0.0.1:{port}", {"Origin": "null"}), ("127.0.0.1:{port}", {"Origin": ""}),
           ("127.0.0.1:{port}", {"Origin": "http://127.0.0.1:3000"}), ("127.0.0.1:{port}", {"Origin": "https://127.0.0.1:{port}"}),
           ("127.0.0.1:{port}", {"Origin": "http://127.0.0.1:{port}.evil.example"}), ("127.0.0.1:{port}", {"Origin": "http://127.0.0.1"}),
           ("127.0.0.1:{port}", {"Sec-Fetch-Site": "cross-site"}), ("127.0.0.1:{port}", {"Sec-Fetch-Site": "same-site"}),
           ("127.0.0.1:{port}", {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"}),
           # a name of theirs that leads to us (DNS rebinding): to the browser it is one site
           ("evil.example:{port}", {"Origin": "http://evil.example:{port}", "Sec-Fetch-Site": "same-origin"}),
           ("127.evil.example", {"Origin": "http://127.evil.example"}), ("127.0.0.1.evil.example", {"Origin": "http://127.0.0.1.evil.example"})]
OWN = [("127.0.0.1:{port}", {}), ("anything.example", {}), ("127.0.0.1:{port}", {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}),
       ("LocalHost:{port}", {"Origin": "http://localhost:{port}"}), ("[::1]:{port}", {"Origin": "http://[::1]:{port}"}),
       ("127.0.0.1", {"Origin": "http://127.0.0.1"}), ("127.0.0.1:{port}", {"Sec-Fetch-Site": "none"})]


@pytest.mark.parametrize("path", ["/purge?all=1", "/reload"])
def test_a_page_of_another_site_in_the_operators_browser_changes_nothing(workshop, simulator, path):
    """Such a page can send a POST without being asked (a "simple" request), and cannot add a key to it."""
    gateway = workshop.gateway(simulator)

    def post(host, fields):
        with gateway.connect_admin() as connection:
            connection.host = host.format(port=gateway.admin[1])
            return connection.request(path, "POST", {name: value.format(port=gateway.admin[1]) for name, value in fields.items()})
    for host, fields in FOREIGN:
        answer = post(host, fields)
        assert answer.status == 403, (host, fields)
        assert "admin_key" in answer.problem()["detail"]
    assert gateway.metrics()["nexgate_purges_total"] == 0 and not gateway.logged("reloaded")
    for host, fields in OWN:
        assert post(host, fields).status == 200, (host, fields)


def test_who_has_the_admin_key_may_post_from_anywhere(workshop, simulator):
    """A browser adds no Authorization for another site without asking first, and is never answered yes."""
    key = make_key()
    gateway = workshop.gateway(simulator, {"server.admin_key": digest(key)})
    foreign = {"Origin": "https://console.example", "Sec-Fetch-Site": "cross-site"}
    assert gateway.ask_admin("/purge?all=1", "POST", foreign).status == 401
    assert gateway.ask_admin("/purge?all=1", "POST", foreign | {"Authorization": f"Bearer {key}"}).status == 200
    answer = gateway.ask_admin("/purge?all=1", "OPTIONS", foreign | {"Access-Control-Request-Headers": "authorization"})
    assert answer.status == 405 and not any(name.lower().startswith("access-control") for name, _ in answer.fields.pairs)
