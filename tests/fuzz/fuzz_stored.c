/* SPDX-License-Identifier: MIT */
/* Any bytes as a stored window, once as they are and once with the checksum made right: whatever is believed must be
 * safe to cut every page from, and must be written as the same bytes again where it was not compressed. */
#include "base/hash.h"
#include "cache/stored.h"
#include "search/page.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice KEY = SLICE("t:v1:webhooks:#20.0");
static const struct window WINDOW = {20, 0};

static void cut_pages(const struct envelope *envelope, struct slice body)
{
    static const int64_t sizes[] = {1, 3, 20};
    struct page_part part = {envelope, body};
    struct buf text;
    buf_init(&text, 1 << 24);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct page_plan plan;
        struct page page;
        size_t total = 0;
        page_plan(&plan, 20 / sizes[i], sizes[i], 20, 0);
        if (page_cut(&plan, &part, 1, &text, &page)) {
            for (size_t j = 0; j < page.slice_count; j++)
                total += page.slices[j].length;
            assert(total == page.length);
        }
    }
    buf_free(&text);
}

static void try_to_read(struct slice bytes)
{
    struct stored_facts facts;
    struct envelope envelope;
    struct buf body, again;
    if (!stored_read(bytes, KEY, WINDOW, &facts, &envelope, &body))
        return;
    cut_pages(&envelope, buf_slice(&body));
    buf_init(&again, STORED_BYTES_MAX);
    bool written = stored_write(&again, KEY, &facts, &envelope, buf_slice(&body));
    assert(written);
    if (bytes.at[6] == 0 && again.bytes[6] == 0) /* neither is compressed */
        assert(again.length == bytes.length && memcmp(again.bytes, bytes.at, bytes.length) == 0);
    buf_free(&again);
    envelope_free(&envelope);
    buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf copy;
    try_to_read(slice_make((const char *)data, size));
    if (size < STORED_CHECKSUM_BYTES)
        return 0;
    buf_init(&copy, size);
    buf_add(&copy, slice_make((const char *)data, size));
    size_t summed = size - STORED_CHECKSUM_BYTES;
    struct hash128 sum = hash_open(slice_make(copy.bytes, summed));
    memcpy(copy.bytes + summed, &sum.low, 8);
    memcpy(copy.bytes + summed + 8, &sum.high, 8);
    try_to_read(buf_slice(&copy));
    buf_free(&copy);
    return 0;
}
