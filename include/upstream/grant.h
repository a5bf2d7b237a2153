/* SPDX-License-Identifier: MIT */
/* What is said to the token endpoint and what it says (RFC 6749 sections 4.3, 5 and 6, in Nexudus's dialect): the two
 * forms, and the answer. Pure; everything here is secret. */
#ifndef NEXGATE_UPSTREAM_GRANT_H
#define NEXGATE_UPSTREAM_GRANT_H

#include "base/buf.h"

enum {
    GRANT_LIFETIME_DEFAULT_SECONDS = 300, /* where the answer names none */
    GRANT_LIFETIME_MAX_SECONDS = 30 * 24 * 3600
};

struct grant {
    struct buf access_token;  /* printable ASCII without blanks */
    struct buf refresh_token; /* the same; empty: none was given */
    int64_t lifetime_us;      /* above 0 */
};

/* `code` is the one-time code; NULL: none. `form` is initialised here; buf_ok says
 * whether there was memory for it. */
void grant_password_form(struct buf *form, const char *username, const char *password, const char *code);
void grant_refresh_form(struct buf *form, struct slice refresh_token);

/* Reads the body of a 200. False, with nothing to free, when it is not a usable token: `*why` is then a literal. */
bool grant_read(struct slice body, struct grant *grant, const char **why) MUST_CHECK;

void grant_free(struct grant *grant);

/* Overwrites and frees. */
void grant_wipe(struct buf *secret);

#endif
