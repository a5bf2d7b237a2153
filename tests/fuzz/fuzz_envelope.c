/* SPDX-License-Identifier: MIT */
/* Any bytes as Nexudus's answer: whatever is believed, a page cut from it must be an envelope again. */
#include "search/page.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void join(const struct page *page, struct buf *out)
{
    for (size_t i = 0; i < page->slice_count; i++)
        buf_add(out, page->slices[i]);
    assert(buf_ok(out) && out->length == page->length);
}

static void cut_and_read_again(struct slice body, const struct envelope *envelope, int64_t size)
{
    struct page_plan plan;
    struct page_part part = {envelope, body};
    struct page page;
    struct envelope again;
    struct buf text, whole;
    int64_t cap;
    char why[ENVELOPE_WHY_MAX];
    buf_init(&text, 1 << 20);
    buf_init(&whole, 1 << 22);
    page_plan(&plan, 1, size, 20, 0);
    bool cut = page_cut(&plan, &part, 1, &text, &page);
    assert(cut);
    join(&page, &whole);
    enum envelope_verdict verdict =
        envelope_read(buf_slice(&whole), (struct window){size, 0}, slice_of("Id"), &again, &cap, why);
    assert(verdict == ENVELOPE_OK && again.total_items == envelope->total_items && again.record_count == page.records);
    envelope_free(&again);
    buf_free(&text);
    buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_make((const char *)data, size);
    struct envelope envelope;
    int64_t cap;
    char why[ENVELOPE_WHY_MAX];
    if (envelope_read(body, (struct window){20, 0}, slice_of("Id"), &envelope, &cap, why) != ENVELOPE_OK)
        return 0;
    cut_and_read_again(body, &envelope, 20);
    cut_and_read_again(body, &envelope, 3);
    envelope_free(&envelope);
    return 0;
}
