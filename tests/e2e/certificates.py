# SPDX-License-Identifier: MIT
"""Keys and certificates made on the spot by the openssl program, and connections over TLS."""

import contextlib
import hashlib
import pathlib
import ssl
import subprocess

from http_client import Connection


class Identity:
    """A key, its certificate signed by `issuer` (None: by itself), as PEM files in the folder."""

    def __init__(self, folder, name, issuer=None, subject=None):
        self.certificate, self.key = pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}.key"
        more = ["-CA", issuer.certificate, "-CAkey", issuer.key] if issuer else []
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             f"/CN={subject or name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.certificate, *more],
            check=True, capture_output=True)
        self.der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        self.fingerprint = "sha256:" + hashlib.sha256(self.der).hexdigest()


def client_context(trusted, identity=None):
    """Believes in `trusted` alone; shows `identity`."""
    context = ssl.create_default_context(cafile=trusted.certificate)
    if identity:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


def careless_context(identity=None):
    """Believes in everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if identity:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


@contextlib.contextmanager
def connect(gateway, context):
    """A connection to the gateway's TLS listener."""
    line = gateway.logged("listening", listener="tls")[0]
    host, _, port = line["address"].rpartition(":")
    with Connection((host, int(port)), gateway.witness()) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname="127.0.0.1")
        yield connection
