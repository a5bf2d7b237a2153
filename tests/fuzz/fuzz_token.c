/* SPDX-License-Identifier: MIT */
/* Any bytes as the token endpoint's answer: what is accepted can stand in a header line. */
#include "upstream/grant.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct buf *token)
{
    for (size_t i = 0; i < token->length; i++)
        assert(token->bytes[i] > ' ' && token->bytes[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grant grant;
    const char *why = NULL;
    if (!grant_read(slice_make((const char *)data, size), &grant, &why)) {
        assert(why != NULL);
        return 0;
    }
    assert(grant.access_token.length > 0 && grant.lifetime_us > 0);
    check(&grant.access_token);
    check(&grant.refresh_token);
    grant_free(&grant);
    return 0;
}
