# SPDX-License-Identifier: MIT
"""The token endpoint: the password grant with an optional one-time code, the refresh grant, rotation and mutual
invalidation. Knows no HTTP beyond a form and a client_id header. Any thread."""

import base64
import hmac
import secrets
import struct
import threading
import time

REFRESH_LIFETIME = 15 * 24 * 3600
TOTP_STEP = 30


class Refused(Exception):
    """A 400 of the token endpoint: the error's code and its description."""


def totp(secret, step):
    """The six digits of one step (RFC 6238, HMAC-SHA-1) for a base32 secret."""
    key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, at)[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class Tokens:
    def __init__(self, username, password, totp_secret=None, expires_in=604_799, mark=""):
        self.username, self.password, self.totp_secret = username, password, totp_secret
        self.expires_in, self.mark = expires_in, mark
        self.clock_offset = 0.0  # seconds, for tests that move the clock
        self.lock = threading.Lock()
        self.issued = []  # every token ever given, for those who search for leaks
        self._access, self._refresh = {}, {}  # token: (client_id, expiry)
        self._steps_used = set()

    def now(self):
        return time.time() + self.clock_offset

    def accepts(self, token):
        with self.lock:
            return token in self._access and self._access[token][1] > self.now()

    def grant(self, form, client_id):
        """The answer's members; raises Refused. `form` is {name: value}, `client_id` the header's value or None."""
        with self.lock:
            kind = form.get("grant_type")
            if kind == "password":
                return self._login(form, client_id)
            if kind == "refresh_token":
                return self._renew(form, client_id)
            raise Refused("unsupported_grant_type", "only password and refresh_token are known")

    def revoke(self, access=True, refresh=False):
        """Forgets tokens before their time."""
        with self.lock:
            if access:
                self._access.clear()
            if refresh:
                self._refresh.clear()

    def _login(self, form, client_id):
        if form.get("username") != self.username or form.get("password") != self.password:
            raise Refused("invalid_grant", "the user name or the password is wrong")
        if self.totp_secret:
            self._check_code(form.get("totp"))
        client_id = client_id or self.username
        self._access = {token: who for token, who in self._access.items() if who[0] != client_id}
        return self._issue(client_id)

    def _renew(self, form, client_id):
        client, expiry = self._refresh.get(form.get("refresh_token"), (None, 0))
        if client is None or expiry <= self.now():
            raise Refused("invalid_grant", "the refresh token is not known or no longer good")
        if client_id != client:
            raise Refused("invalid_grant", "the client_id header is not the one of the login")
        return self._issue(client)

    def _check_code(self, code):
        step = int(self.now() // TOTP_STEP)
        for candidate in (step, step - 1, step + 1):
            if code == totp(self.totp_secret, candidate) and candidate not in self._steps_used:
                self._steps_used.add(candidate)
                return
        raise Refused("invalid_grant", "the one-time code is missing, wrong or used up")

    def _issue(self, client_id):
        """New tokens; of this client_id's earlier ones the access tokens stay, the refresh tokens are dead."""
        access, refresh = (f"{kind}-{self.mark}{secrets.token_urlsafe(48)}" for kind in ("access", "refresh"))
        self._refresh = {token: who for token, who in self._refresh.items() if who[0] != client_id}
        self._access[access] = (client_id, self.now() + self.expires_in)
        self._refresh[refresh] = (client_id, self.now() + REFRESH_LIFETIME)
        self.issued += [access, refresh]
        return {"access_token": access, "token_type": "bearer", "expires_in": self.expires_in, "refresh_token": refresh}
