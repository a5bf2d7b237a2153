/* SPDX-License-Identifier: MIT */
/* Any bytes as a sealed secret are refused; what was sealed comes back, and with any of its bytes changed it does not.
 */
#include "upstream/grant.h"
#include "upstream/sealed.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t KEY[SEALED_KEY_BYTES] = {1, 2, 3};
static const struct sealed_place PLACE = {SLICE("t:"), SLICE("gateway@example.com"), 7};

static bool opens(struct slice sealed, struct slice expected)
{
    struct buf secret;
    bool good = sealed_open(KEY, &PLACE, sealed, &secret);
    assert(good ? slice_equal(buf_slice(&secret), expected) : secret.length == 0);
    grant_wipe(&secret);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice given = slice_make((const char *)data, size);
    struct buf sealed;
    assert(!opens(given, given));
    bool closed = sealed_close(KEY, &PLACE, given, &sealed);
    assert(closed && opens(buf_slice(&sealed), given));
    size_t at = size > 1 ? (size_t)(data[0] << 8 | data[1]) % sealed.length : 0;
    sealed.bytes[at] = (char)(sealed.bytes[at] ^ 1);
    assert(!opens(buf_slice(&sealed), given));
    buf_free(&sealed);
    return 0;
}
