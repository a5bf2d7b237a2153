/* SPDX-License-Identifier: MIT */
/* Any bytes as the fields of a search's head that say who asks and how long to wait: nobody is taken for
 * another, and what is read lies in its bounds. */
#include "base/clock.h"
#include "client/auth.h"
#include "flow/prefer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice KEY = SLICE("nxg_k"), BASIC = SLICE("bnhnX2s");

static bool holds(struct slice text, struct slice part)
{
    return text.length > 0 && memmem(text.at, text.length, part.at, part.length) != NULL;
}

/* One client with one key. */
static struct auth *make_auth(void)
{
    static struct roster *roster;
    const struct scope all = {.all = true};
    const struct client_policy policy = {.weight = 1};
    uint8_t digest[1][HASH_SHA256_BYTES];
    char why[200];
    hash_sha256(KEY, digest[0]);
    roster = roster_new();
    bool added = roster_add(roster, slice_of("one"), digest, 1, &all, &policy, why, sizeof(why));
    assert(added);
    return auth_new(roster);
}

/* As Authorization and as X-API-Key. The table of what is remembered must never give somebody else's answer. */
static void show(struct auth *auth, const struct auth_credentials *shown)
{
    struct client *client = NULL, *again = NULL;
    enum auth_verdict verdict = auth_check(auth, shown, &client);
    enum auth_verdict second = auth_check(auth, shown, &again);
    assert(verdict == second && client == again);
    assert(verdict != AUTH_KNOWN ||
           (client != NULL && (holds(shown->api_key, KEY) || holds(shown->authorization, KEY) ||
                               shown->authorization.length > BASIC.length)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct auth *auth;
    struct slice text = slice_make((const char *)data, size);
    if (auth == NULL)
        auth = make_auth();
    show(auth, &(struct auth_credentials){.authorization = text});
    show(auth, &(struct auth_credentials){.api_key = text});
    int64_t wait_us = prefer_wait(text);
    assert(wait_us >= -1 && wait_us <= PREFER_WAIT_MAX * CLOCK_SECOND);
    return 0;
}
