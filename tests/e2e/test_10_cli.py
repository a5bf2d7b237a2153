# SPDX-License-Identifier: MIT
"""The small commands, and that they tell the same as the running server."""

import hashlib
import json
import random
import re
import socket
import subprocess
import threading
import urllib.parse

import pytest

from gateway import ROOT, SEARCH, command, digest
from secrecy import make_key
from simulator import PYTHON

SCHEMA = ROOT / "conf/entities/webhooks.json"
REFERENCE = ROOT / "tests/reference/normalise.py"
LOGIN = {"NEXUDUS_USERNAME": "gateway@example.com", "NEXUDUS_PASSWORD": "x", "NEXGATE_REPORTS_KEY": digest("x")}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# check

GOOD = f"""[nexudus]
username = u
password = p

[client alpha]
key = {digest("a")}
"""


def check(folder, text, **variables):
    path = folder / "nexgate.conf"
    path.write_text(text)
    code, out, err = command("check", "-c", str(path), **variables)
    return code, out + err


def test_a_good_file_is_good(tmp_path):
    code, said = check(tmp_path, GOOD)
    assert code == 0, said


@pytest.mark.parametrize("name", ["nexgate.conf", "nexgate.min.conf"])
def test_the_sample_files_are_good_but_for_what_must_be_filled_in(name):
    code, out, err = command("check", "-c", str(ROOT / "conf" / name), **LOGIN)
    said = out + err
    assert code == 0 or (name == "nexgate.conf" and "client" in said and said.count("\n") <= 2), said


# line to add: the section it goes to, words that the complaint must hold
BAD_LINES = [
    ("nexudus", "usrname = x", ["usrname", "username"]),
    ("nexudus", "username = again", ["username"]),
    ("nexudus", "timeout = 10", ["timeout"]),
    ("nexudus", "timeout = 10 s", ["timeout"]),
    ("nexudus", "timeout = 1h", ["timeout"]),
    ("nexudus", "budget = 10", ["budget"]),
    ("nexudus", "budget = 0/s", ["budget"]),
    ("nexudus", "url = ftp://example.com", ["url"]),
    ("nexudus", "totp_secret = 1!", ["totp_secret"]),
    ("nexudus", "password_file = nowhere", ["password"]),
    ("nexudus", "client_id = ${NOBODY_SET_THIS}", ["NOBODY_SET_THIS"]),
    ("nexudus", "no equals sign", []),
    ("server", "listen = nonsense", ["listen"]),
    ("server", "listen = 127.0.0.1:99999", ["listen"]),
    ("server", "workers = -1", ["workers"]),
    ("server", "workers = many", ["workers"]),
    ("server", "admin = 0.0.0.0:9180", ["admin", "admin_key"]),
    ("server", "admin_key = secret", ["admin_key"]),
    ("server", "entities = nowhere", ["nowhere"]),
    ("log", "level = loud", ["level"]),
    ("log", "format = xml", ["format"]),
    ("cache", "memory = 64", ["memory"]),
    ("cache", "memory = 64 mb", ["memory"]),
    ("cache", "ttl = -1s", ["ttl"]),
    ("cache", "window = 0", ["window"]),
    ("cache", "window = 1001", ["window"]),
    ("cache", "window = 10\nwindow = 10", ["window"]),
    ("limits", "header_bytes = 1b", ["header_bytes"]),
    ("limits", "connections = 0", ["connections"]),
    ("limits", "conections = 5", ["conections", "connections"]),
    ("client alpha", "rate = 50", ["rate"]),
    ("client alpha", "rate = 50/y", ["rate"]),
    ("client alpha", "burst = 5", ["burst"]),
    ("client alpha", "concurrency = 0", ["concurrency"]),
    ("client alpha", "businesses = 1,x", ["businesses"]),
    ("client alpha", "businesses =", ["businesses"]),
    ("client alpha", "dry_run = maybe", ["dry_run"]),
    ("client alpha", "limit = 5", ["limit"]),
    ("client beta", "rate = 5/s", ["key"]),
    ("client beta", "key = sha256:123", ["key"]),
    ("client beta", "key = " + ", ".join(digest(str(number)) for number in range(9)), ["key: at most 8"]),
    ("client alpha", "businesses = " + ",".join(map(str, range(1, 1026))), ["businesses: at most 1024"]),
    ("client beta", "key = " + digest("a"), ["alpha"]),
    ("client", "key = " + digest("b"), []),
    ("serwer", "listen = 127.0.0.1:0", ["serwer", "server"]),
]


@pytest.mark.parametrize("section, line, words", BAD_LINES, ids=[f"{section}: {line}"[:40] for section, line, _ in BAD_LINES])
def test_a_bad_line_is_told_with_its_place(tmp_path, section, line, words):
    heading = f"[{section}]\n"
    if heading in GOOD:
        text = GOOD.replace(heading, heading + line + "\n")
        # From the heading, where a client as a whole is complained of, to what is given a second time.
        numbers = [text[:text.index(line)].count("\n") + extra for extra in range(4)]
    else:
        text = GOOD + heading + line + "\n"
        numbers = [text.count("\n") - extra for extra in range(2)]
    code, said = check(tmp_path, text)
    assert code == 1, said
    lines = said.splitlines()
    places = [re.match(r".*nexgate\.conf:(\d+): \S", line) for line in lines]
    assert any(place and int(place[1]) in numbers for place in places), said
    for word in words:
        assert word in said, said


def test_all_problems_are_told_at_once(tmp_path):
    text = GOOD + "[cache]\nttl = x\nwidnow = 3\n[log]\nlevel = 7\n[client beta]\nkey = y\n"
    code, said = check(tmp_path, text)
    places = [int(place) for place in re.findall(r"nexgate\.conf:(\d+):", said)]
    assert code == 1 and {8, 9, 11} <= set(places) and {12, 13} & set(places), said


def test_a_secret_is_not_told_by_a_complaint(tmp_path):
    code, said = check(tmp_path, GOOD.replace("password = p", "password = hunter2\npassword = hunter3\ntotp_secret = hunter4!"))
    assert code == 1 and "hunter" not in said


def test_a_file_that_is_not_there(tmp_path):
    code, out, err = command("check", "-c", str(tmp_path / "nowhere.conf"))
    assert code == 1 and "nowhere.conf" in out + err


def test_serve_refuses_what_check_refuses(tmp_path):
    path = tmp_path / "nexgate.conf"
    path.write_text(GOOD + "[cache]\nttl = x\n")
    code, _, err = command("serve", "-c", str(path))
    assert code == 1 and "nexgate.conf:8: " in err


@pytest.mark.parametrize("password", ["a ; b # c", '"quoted"', "x = y [z]", "ünïcode ☃", "${not a name}"], ids=range(5))
def test_a_password_is_taken_to_the_letter(workshop, password):
    simulator = workshop.simulator(records=1, password=password)
    written = password.replace("${", "$${")
    assert workshop.gateway(simulator, {"nexudus.password": written}).search().status == 200


def test_a_secret_can_be_in_a_file(workshop, tmp_path):
    simulator = workshop.simulator(records=1)
    (tmp_path / "password").write_text(simulator.password + "\n")
    gateway = workshop.gateway(simulator, {"nexudus.password_file": tmp_path / "password", "nexudus.password": None})
    assert gateway.search().status == 200


# keygen, settings, metrics, version, health

def test_a_key_is_made_and_fits_the_configuration(tmp_path):
    code, out, _ = command("keygen", "reports")
    assert code == 0
    key = re.search(r"\bnxg_[A-Za-z0-9_-]{43}\b", out)[0]
    section = out[out.index("[client reports]"):]
    assert f"key = sha256:{hashlib.sha256(key.encode()).hexdigest()}" in section
    assert key not in section
    code, said = check(tmp_path, GOOD + section)
    assert code == 0, said
    assert key not in command("keygen", "reports")[1]
    for name in ("", "re ports", "a\nb", "x" * 65):
        code, out, err = command("keygen", name)
        assert code == 1 and "expected a name" in err and not out


PROMISED = """server: listen tls_listen tls_certificate tls_key tls_client_ca admin admin_key workers drain_timeout entities
log: level format access
nexudus: url username password client_id totp_secret connect_timeout timeout budget max_wait queue retry_after_max
nexudus: breaker_failures breaker_probe
cache: memory ttl stale_while_revalidate stale_if_error negative_ttl window
redis: url quota_url prefix timeout on_failure token_key
limits: header_bytes query_bytes body_bytes connections connections_per_address header_timeout idle_timeout write_timeout
client NAME: key cert rate burst misses concurrency weight businesses dry_run"""


def listed_settings():
    code, out, _ = command("settings")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert {len(row) for row in rows} == {7}
    return {(row[0], row[1]): row for row in rows}


def test_every_promised_setting_is_listed_and_no_other():
    promised = {(section, name) for line in PROMISED.splitlines() for section, _, names in [line.partition(": ")] for name in names.split()}
    assert set(listed_settings()) == promised
    for row in listed_settings().values():
        assert row[2] and row[6].endswith(".")


def test_the_metrics_listed_are_the_metrics_told(gateway):
    code, out, _ = command("metrics")
    assert code == 0
    listed = {name: rest for name, *rest in (line.split("\t") for line in out.splitlines())}
    told = gateway.ask_admin("/metrics").body.decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", told, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", told, re.M))
    assert {name: (kind, text) for name, (kind, _, text) in listed.items()} == {name: (types[name], helps[name]) for name in types}
    for sample in gateway.metrics():
        name, _, labels = sample.partition("{")
        name = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
        assert name in types, sample
        told_labels = [label for label in re.findall(r'(\w+)="', labels) if label != "le"]
        assert ",".join(told_labels) == listed[name][1].replace("-", ""), sample


def test_the_version_names_the_libraries():
    code, out, _ = command("version")
    assert code == 0 and out.startswith("nexgate ")
    for library in ("libevent", "libcurl", "jansson", "hiredis", "OpenSSL", "xxhash"):
        assert library in out


def test_health_asks_the_running_instance(workshop, simulator):
    gateway = workshop.gateway(simulator, {"server.admin": f"127.0.0.1:{free_port()}"})
    assert command("health", "-c", str(gateway.config), TEST_PASSWORD="x")[0] == 0
    gateway.close()
    assert command("health", "-c", str(gateway.config), TEST_PASSWORD="x")[0] == 1


@pytest.mark.parametrize("answer, expected", [("200 OK", 0), ("503 Service Unavailable", 1)])
def test_health_asks_a_unix_socket(tmp_path, answer, expected):
    (tmp_path / "nexgate.conf").write_text(f"[server]\nadmin = unix:{tmp_path}/admin\n" + GOOD)
    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "admin"))
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            with peer:
                asked.append(peer.recv(4096))
                peer.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 5\r\n\r\nwords".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        code, out, err = command("health", "-c", str(tmp_path / "nexgate.conf"))
        thread.join()
    assert (code, out) == (expected, "words"), err
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\n")


def test_health_without_an_admin_listener_or_a_good_file_is_bad(tmp_path):
    path = tmp_path / "nexgate.conf"
    path.write_text("[server]\nadmin =\n" + GOOD)
    code, _, err = command("health", "-c", str(path))
    assert code == 1 and "no admin listener" in err
    path.write_text("[server]\nadmin = x y\n" + GOOD)
    code, _, err = command("health", "-c", str(path))
    assert code == 1 and "nexgate.conf:2: admin" in err


def test_a_second_serve_on_the_same_address_fails(workshop, simulator):
    port = free_port()
    gateway = workshop.gateway(simulator, {"server.listen": f"127.0.0.1:{port}"})
    code, out, err = command("serve", "-c", str(gateway.config), TEST_PASSWORD="x")
    assert code == 1 and str(port) in out + err
    assert gateway.search().status == 200


def test_what_is_no_command_is_told_how_to_ask():
    for arguments in ((), ("serv",), ("key",), ("keygen",), ("version", "x"), ("serve", "-c"), ("check", "--what")):
        code, out, err = command(*arguments)
        assert code not in (0, 1) and "usage" in (out + err).lower(), arguments
        assert ("no command is called serv\n" in err) == (arguments == ("serv",))
    for name in ("serve", "check", "key", "keygen", "health", "settings", "metrics", "version"):
        assert "no command" not in command(name, "--what", "else")[2], name


# key

@pytest.mark.parametrize("query, canonical, page", [
    ("", "", "1 of size 25"),
    ("page=3&size=50", "", "3 of size 50"),
    ("webhook_active=TRUE&WebHook_Name=a+b", "WebHook_Active=true&WebHook_Name=a%20b", "1 of size 25"),
    ("/api/sys/webhooks?dir=1&orderBy=name", "dir=1&orderBy=Name", "1 of size 25"),
    ("?WebHook_Action=BookingCreate", "WebHook_Action=6", "1 of size 25"),
])
def test_key_shows_what_a_query_turns_into(query, canonical, page):
    code, out, _ = command("key", query)
    assert code == 0
    lines = dict(re.findall(r"^(\w+) +(.*)$", out, re.M)[::-1])
    assert lines["canonical"] == canonical and lines["page"] == page
    assert lines["key"].startswith(f"nexgate:v1:webhooks:{canonical}#200.")
    assert f"{SEARCH}?{canonical}" in lines["upstream"] and lines["upstream"].startswith("GET https://spaces.nexudus.com/")


def test_key_tells_what_is_wrong():
    code, out, err = command("key", "WebHook_Nmae=x")
    assert code == 1 and "WebHook_Name" in err and not out
    for query in ("/api/nothing?x=1", "/api/nothing"):
        code, out, err = command("key", query)
        assert code == 1 and "no schema has the path /api/nothing\n" in err and not out
    code, out, err = command("key", "--client", "nobody", "dir=1")
    assert code == 1 and "no client is named nobody" in err and not out
    assert command("key", "/api/sys/webhooks")[1] == command("key", "")[1]


class Speller:
    """Random queries of every kind, mostly good ones, in random spellings."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.rows = json.loads(SCHEMA.read_text())["parameters"]

    def query(self):
        rng = self.rng
        pieces = []
        for row in rng.sample(self.rows, rng.choice((0, 1, 2, 2, 3, 5))):
            for _ in range(rng.choice((1, 2, 4)) if row.get("repeats") else 1 if rng.random() < 0.98 else 2):
                value = self.value(row) if rng.random() < 0.97 else rng.choice(("x", "-1", "0", "", "%", "%zz", "%00", "%ff", "1.5", "+1"))
                pieces.append(self.name(row["name"]) + rng.choice(("=", "=", "=", "%3D" if rng.random() < 0.02 else "=")) + value)
        if rng.random() < 0.02:
            pieces.append("Nobody=1")
        rng.shuffle(pieces)
        return rng.choice(("&", "&", "&&")).join(pieces)

    def name(self, name):
        return "".join(self.escaped(letter, 0.05) for letter in "".join(self.rng.choice((c.upper(), c.lower(), c)) for c in name))

    def escaped(self, character, chance):
        if character == " " and self.rng.random() < 0.5:
            return "+"
        if (character.isascii() and character.isalnum() or character in "-._~/?:;,'") and self.rng.random() > chance:
            return character
        return "".join(self.rng.choice((f"%{byte:02x}", f"%{byte:02X}")) for byte in character.encode())

    def value(self, row):
        return "".join(self.escaped(character, 0.1) for character in str(getattr(self, row["type"].replace("-", "_"))(row)))

    def page(self, _):
        return self.rng.choice(("1", "2", "007", "2147483647", "0", self.rng.randint(1, 50)))

    def size(self, _):
        return self.rng.choice(("1", "25", "1000", "0100", "1001", self.rng.randint(1, 1000)))

    def integer(self, _):
        return self.rng.choice(("0", "-0", "007", "-12", 2**63 - 1, -2**63, 2**63, self.rng.randint(-9, 99)))

    def boolean(self, _):
        return self.rng.choice(("true", "false", "True", "FALSE", "tRuE", "1"))

    def enum(self, row):
        name, number = self.rng.choice(list(row["values"].items()))
        return self.rng.choice((name, name.upper(), name.lower(), number, f"0{number}"))

    def property(self, row):
        return self.rng.choice((str.upper, str.lower, str))(self.rng.choice(row["values"]))

    def direction(self, _):
        return self.rng.choice(("0", "1", "00", "ascending", "Descending", "-1", "2"))

    def date_time(self, _):
        rng = self.rng
        day = f"{rng.choice((2024, 2025, 1, 9999)):04}-{rng.randint(1, 12):02}-{rng.randint(1, 31):02}"
        return f"{day}T{rng.randint(0, 24):02}:{rng.randint(0, 59):02}" + rng.choice(("", "", ":00", ":01", "Z"))

    def string(self, _):
        return "".join(self.rng.choice("abcAB  %&+#=/?:;,'\"é漢🚀\u0301ß~.-_") for _ in range(self.rng.randint(0, 12)))


@pytest.fixture(scope="module")
def batch():
    """Thousands of queries, and what `nexgate key` says of each: {canonical, page, upstream}; canonical "-" where it refuses."""
    speller = Speller(11)
    queries = [speller.query() for _ in range(6000)]
    code, out, _ = command("key", "-", input="".join(query + "\n" for query in queries))
    assert code == 1  # some are bad on purpose
    answers = [dict(re.findall(r"^(canonical|page|upstream) *(.*)$", block, re.M)[:3]) for block in out.removesuffix("\n\n").split("\n\n")]
    assert len(answers) == len(queries)
    bad = sum(answer["canonical"] == "-" for answer in answers)
    assert 500 < bad < 3000
    return queries, answers


def test_key_agrees_with_the_reference(batch):
    queries, answers = batch
    lines = "".join(query + "\n" for query in queries)
    done = subprocess.run([PYTHON, str(REFERENCE), str(SCHEMA), "-"], input=lines, capture_output=True, text=True)
    blocks = done.stdout.removesuffix("\n\n").split("\n\n")
    assert len(blocks) == len(queries)
    for query, answer, block in zip(queries, answers, blocks):
        wanted = dict(re.findall(r"^(canonical|page) *(.*)$", block, re.M))
        assert {name: answer[name] for name in wanted} == wanted, query


def test_key_agrees_with_the_running_server(batch, workshop):
    queries, answers = batch
    simulator = workshop.simulator(records=10)
    gateway = workshop.gateway(simulator, {"cache.ttl": "24h"})
    with gateway.connect() as connection:
        statuses = [answer.status for answer in connection.pipeline([f"{SEARCH}?{query}" for query in queries], gateway.fields())]
    assert statuses == [400 if answer["canonical"] == "-" else 200 for answer in answers]
    asked = {call["query"] for call in simulator.counters()["recent"] if call["kind"] == "search"}
    told = {urllib.parse.urlsplit(answer["upstream"].removeprefix("GET ")).query for answer in answers if answer["canonical"] != "-"}
    assert asked == told
    assert simulator.counters()["searches"] == len(told)


def test_key_knows_a_clients_locations(tmp_path):
    path = tmp_path / "nexgate.conf"
    path.write_text(GOOD + f"businesses = 7\n[client two]\nkey = {digest(make_key())}\nbusinesses = 7, 8\n")
    code, out, _ = command("key", "-c", str(path), "--client", "alpha", "dir=1")
    assert code == 0 and "WebHook_Business=7&dir=1" in out
    code, _, err = command("key", "-c", str(path), "--client", "two", "dir=1")
    assert code == 1 and "WebHook_Business" in err
