/* SPDX-License-Identifier: MIT */
/* Who asks: an API key presented as Bearer, as X-API-Key, or as the password of Basic (RFC 6750, RFC 7617), or a
 * certificate over TLS. Remembers recent credentials so that a kept-alive client is not hashed anew each time; what it
 * remembers is compared in constant time. One `auth` per thread. */
#ifndef NEXGATE_CLIENT_AUTH_H
#define NEXGATE_CLIENT_AUTH_H

#include "client/roster.h"

enum { AUTH_KEY_MAX = 256 }; /* bytes of a key */

enum auth_verdict {
    AUTH_KNOWN,
    AUTH_MISSING, /* no key at all, and no certificate that names a client: 401 without error= */
    AUTH_INVALID  /* unknown, malformed, or two that name different clients: 401 with error="invalid_token" */
};

struct auth;

struct auth *auth_new(const struct roster *roster) MUST_CHECK; /* borrowed; NULL when memory cannot be had */
void auth_free(struct auth *auth);

/* What a request shows; what did not come has at == NULL. */
struct auth_credentials {
    struct slice authorization, api_key; /* values of Authorization and X-API-Key */
    struct slice certificate;            /* SHA-256 of a certificate whose key is held. One that names no client says
                                            nothing: many programs show what they have to everybody */
};

enum auth_verdict auth_check(struct auth *auth, const struct auth_credentials *shown,
                             struct client **client) MUST_CHECK;

/* A new key: "nxg_" and 43 characters of base64url, 256 random bits; `digest` is what the configuration keeps. */
void auth_make_key(struct buf *key, uint8_t digest[HASH_SHA256_BYTES]);

#endif
