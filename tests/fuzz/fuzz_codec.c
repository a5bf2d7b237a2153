/* SPDX-License-Identifier: MIT */
/* Any bytes as what the encodings read. What is decoded is the same after another round through text, and UTF-8 is
 * what a slow reader of another make takes for it. */
#include "base/codec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_percent(struct slice text, struct buf *bytes, struct buf *again)
{
    if (!codec_unpercent(text, bytes))
        return;
    buf_reset(again);
    codec_percent(again, buf_slice(bytes), "");
    size_t length = bytes->length;
    bool read = codec_unpercent(buf_slice(again), bytes);
    assert(read && bytes->length == 2 * length &&
           (length == 0 || memcmp(bytes->bytes, bytes->bytes + length, length) == 0));
}

/* A code point after the other, by RFC 3629's table of lengths and ranges. */
static bool is_utf8(const uint8_t *at, size_t left)
{
    static const uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
    while (left > 0) {
        size_t more = *at < 0x80 ? 0 : *at >> 5 == 6 ? 1 : *at >> 4 == 14 ? 2 : *at >> 3 == 30 ? 3 : left;
        if (more >= left)
            return false;
        uint32_t point = more == 0 ? *at : *at & (0x3fu >> more);
        for (size_t i = 1; i <= more; i++) {
            if (at[i] >> 6 != 2)
                return false;
            point = point << 6 | (at[i] & 0x3f);
        }
        if (point < LEAST[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            return false;
        at += more + 1, left -= more + 1;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    struct buf bytes, again;
    buf_init(&bytes, 4 * size + 16);
    buf_init(&again, 4 * size + 16);
    check_percent(text, &bytes, &again);
    assert(codec_is_utf8(text) == is_utf8(data, size));
    buf_reset(&bytes);
    assert(!codec_unbase64(text, &bytes) || (size % 4 == 0 && bytes.length <= size / 4 * 3));
    buf_reset(&bytes);
    assert(!codec_unbase32(text, &bytes) || bytes.length <= size * 5 / 8);
    buf_free(&bytes);
    buf_free(&again);
    return 0;
}
