# SPDX-License-Identifier: MIT
"""The public listener over TLS: what it shows, who may name itself by a certificate, and what is refused at start."""

import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import certificates
from certificates import Identity, client_context
from gateway import SEARCH, command
from http_client import Closed, all_at_once
from simulator import wait_until


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The certificates of all tests."""
    folder = tmp_path_factory.mktemp("certificates")

    class Shop:
        server = Identity(folder, "server")
        authority = Identity(folder, "authority")
        sham = Identity(folder, "sham", subject="authority")
        alone = Identity(folder, "alone")
        good = Identity(folder, "good", authority)
        stranger = Identity(folder, "stranger", authority)
        forged = Identity(folder, "forged", sham, subject="good")

    return Shop


def settings(shop, **more):
    return {"server.tls_listen": "127.0.0.1:0", "server.tls_certificate": shop.server.certificate,
            "server.tls_key": shop.server.key} | {f"server.{name}": value for name, value in more.items()}


def status(gateway, shop, identity=None, fields=()):
    with certificates.connect(gateway, client_context(shop.server, identity)) as connection:
        answer = connection.request(SEARCH + "?size=1", fields=fields)
    if answer.status == 401:
        return 401, answer.fields["WWW-Authenticate"]
    return answer.status


MISSING = (401, 'Bearer realm="nexgate"')
INVALID = (401, 'Bearer realm="nexgate", error="invalid_token"')


def test_the_same_over_both_listeners(workshop, simulator, shop):
    gateway = workshop.gateway(simulator, settings(shop))
    plain = gateway.search("size=200")
    with certificates.connect(gateway, client_context(shop.server)) as connection:
        assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
        answer = connection.request(SEARCH + "?size=200", fields=gateway.fields())
        assert answer.status == 200 and answer.body == plain.body and answer.cache_status()["hit"]
        for answer in connection.pipeline([f"{SEARCH}?size={size}" for size in range(1, 200)], gateway.fields()):
            assert answer.status == 200
        assert connection.request("/x", "POST", gateway.fields(), b"x" * 60000).status == 404
    assert gateway.metrics()['nexgate_tls_handshakes_total{result="ok"}'] == 1


def test_large_answers_to_slow_readers(workshop, simulator, shop):
    gateway = workshop.gateway(simulator, settings(shop))
    expected = gateway.search("size=1000").body
    with certificates.connect(gateway, client_context(shop.server)) as connection:
        for _ in range(20):
            connection.send(connection.message(SEARCH + "?size=1000", fields=gateway.fields()))
        for _ in range(20):
            assert connection.answer().body == expected


def test_the_end_is_said(workshop, simulator, shop):
    """A farewell of TLS comes before the end of the connection: nobody cut the answer."""
    gateway = workshop.gateway(simulator, settings(shop))
    context = client_context(shop.server)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    for fields in ({"Connection": "close"}, {"Host ": "x"}):
        with certificates.connect(gateway, context) as connection:
            connection.sock.suppress_ragged_eofs = False
            connection.send(connection.message("/healthz", fields=fields))
            assert connection.answer().status in (200, 400) and connection.closed()


def test_a_certificate_names_a_client(workshop, simulator, shop):
    clients = {"gamma": {"cert": f"{shop.good.fingerprint}, {shop.alone.fingerprint}", "key": None}, "beta": {}}
    gateway = workshop.gateway(simulator, settings(shop), clients)
    assert status(gateway, shop, shop.good) == 200
    assert status(gateway, shop, shop.alone) == 200
    assert status(gateway, shop) == MISSING
    assert status(gateway, shop, shop.stranger) == MISSING
    assert status(gateway, shop, shop.forged) == MISSING
    assert status(gateway, shop, shop.stranger, gateway.fields("beta")) == 200
    assert status(gateway, shop, shop.good, gateway.fields("beta")) == INVALID
    assert status(gateway, shop, shop.good, {"X-API-Key": "nxg_nobody"}) == INVALID
    requests = [name for name, count in gateway.metrics().items() if name.startswith("nexgate_requests_total") and '"gamma"' in name]
    assert requests


def test_an_authority_turns_others_away(workshop, simulator, shop):
    """Who shows a certificate that the authority did not sign is no client at all, whatever name is in it."""
    clients = {"gamma": {"cert": f"{shop.good.fingerprint}, {shop.alone.fingerprint}", "key": None}}
    gateway = workshop.gateway(simulator, settings(shop, tls_client_ca=shop.authority.certificate), clients)
    assert status(gateway, shop, shop.good) == 200
    assert status(gateway, shop, None, gateway.fields()) == 200
    assert status(gateway, shop, shop.stranger) == MISSING  # signed, but it is nobody's
    for identity in (shop.alone, shop.forged):
        with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
            status(gateway, shop, identity)
    failed = 'nexgate_tls_handshakes_total{result="failed"}'
    wait_until(lambda: gateway.metrics()[failed] == 2, "both to be counted")  # the client may know first


def test_handshakes_that_do_not_end(workshop, simulator, shop):
    gateway = workshop.gateway(simulator, settings(shop))
    line = gateway.logged("listening", listener="tls")[0]
    host, _, port = line["address"].rpartition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for sock in slow[10:]:
        sock.sendall(b"\x16\x03\x01\x02")
    wait_until(lambda: gateway.metrics()["nexgate_connections"] == 20, "all to be accepted")
    assert status(gateway, shop, None, gateway.fields()) == 200
    gateway.move_time(12)
    for sock in slow:
        assert sock.recv(10) == b""
        sock.close()
    assert gateway.metrics()['nexgate_limits_reached_total{limit="header_timeout"}'] == 20


def test_many_at_once(workshop, simulator, shop):
    gateway = workshop.gateway(simulator, settings(shop) | {"server.workers": 2})
    context = client_context(shop.server)

    def ask(number):
        for turn in range(5):
            with certificates.connect(gateway, context) as connection:
                for size in range(1, 6):
                    answer = connection.request(f"{SEARCH}?size={size}", fields=gateway.fields())
                    assert answer.status == 200 and len(answer.json()["Records"]) == size

    all_at_once(8, ask)
    assert gateway.metrics()['nexgate_tls_handshakes_total{result="ok"}'] == 40


def test_certificates_are_read_anew(workshop, simulator, shop, tmp_path):
    """Later handshakes show the new certificate, connections that are there go on, and a bad file changes nothing."""
    gateway = workshop.gateway(simulator, settings(shop), {"gamma": {"cert": shop.good.fingerprint, "key": None}})
    following = Identity(tmp_path, "following")

    def shown():
        with certificates.connect(gateway, certificates.careless_context()) as connection:
            return connection.sock.getpeercert(binary_form=True)

    def reload(message, change):
        before = len(gateway.logged(message))
        gateway.config.write_text(change(gateway.config.read_text()))
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(gateway.logged(message)) > before, message)

    stop, done = threading.Event(), []

    def ask():
        with certificates.connect(gateway, certificates.careless_context()) as connection:
            while not stop.is_set():
                assert connection.request(SEARCH + "?size=2", fields=gateway.fields()).status == 200
        done.append(True)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert shown() == shop.server.der
    reload("not reloaded: nothing was changed", lambda text: text.replace(str(shop.server.certificate), str(following.certificate)))
    assert shown() == shop.server.der
    reload("reloaded", lambda text: text.replace(str(shop.server.key), str(following.key)))
    assert shown() == following.der
    with certificates.connect(gateway, certificates.careless_context(shop.good)) as connection:
        assert connection.request(SEARCH).status == 200
    reload("reloaded", lambda text: text.replace(shop.good.fingerprint, shop.alone.fingerprint))
    with certificates.connect(gateway, certificates.careless_context(shop.good)) as connection:
        assert connection.request(SEARCH).status == 401
    for _ in range(20):
        reload("reloaded", lambda text: text)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(done) == 3


def test_check_says_what_serve_would_refuse(tmp_path, shop):
    login = "[nexudus]\nusername = u\npassword = p\n[client a]\ncert = " + shop.good.fingerprint + "\n"

    def check(**lines):
        text = "[server]\nlisten = 127.0.0.1:0\nadmin =\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())
        path = tmp_path / "nexgate.conf"
        path.write_text(text + login)
        return command("check", "-c", str(path))

    good = {"tls_listen": "127.0.0.1:0", "tls_certificate": shop.server.certificate, "tls_key": shop.server.key}
    code, out, error = check(**good)
    assert code == 0 and "warning" not in out + error
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", shop.server.key, "-out", locked], check=True,
                   capture_output=True)
    for change, said in [
        ({"tls_key": shop.good.key}, ":6: tls_key: does not belong to the certificate"),
        ({"tls_key": tmp_path / "none"}, ":6: tls_key: cannot read"),
        ({"tls_key": locked}, ":6: tls_key: is encrypted"),
        ({"tls_certificate": shop.server.key}, ":5: tls_certificate: holds no certificate"),
        ({"tls_client_ca": shop.server.key}, ":7: tls_client_ca: holds no certificate"),
    ]:
        code, out, error = check(**(good | change))
        assert code == 1 and said in out + error, out + error
    open_to_all = tmp_path / "open.key"
    shutil.copy(shop.server.key, open_to_all)
    open_to_all.chmod(0o644)
    code, out, error = check(**(good | {"tls_key": open_to_all}))
    assert code == 0 and "tls_key: everybody on this machine may read the file" in out + error
    code, out, error = check(tls_key=shop.server.key)
    assert code == 0 and "tls_key: means nothing without tls_listen" in out + error
    assert "clients have a cert" in out + error
