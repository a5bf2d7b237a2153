/* SPDX-License-Identifier: MIT */
/* Keys of windows. Must not know any store. */
#include "search/key.h"

#include "base/codec.h"
#include "base/hash.h"

static void add_canonical(struct buf *out, struct slice canonical)
{
    if (canonical.length <= KEY_CANONICAL_MAX) {
        buf_add(out, canonical);
        return;
    }
    uint8_t digest[HASH_SHA256_BYTES];
    hash_sha256(canonical, digest);
    buf_add(out, slice_make(canonical.at, KEY_CANONICAL_MAX));
    buf_add_char(out, '~');
    codec_hex(out, digest, sizeof(digest));
}

void key_make(struct buf *out, struct slice prefix, const struct schema *schema, struct slice canonical,
              struct window window)
{
    buf_reset(out);
    buf_add(out, prefix);
    buf_add_text(out, "v1:");
    buf_add(out, schema->entity);
    buf_add_char(out, ':');
    add_canonical(out, canonical);
    buf_add_char(out, '#');
    buf_add_integer(out, window.size);
    buf_add_char(out, '.');
    buf_add_integer(out, window.index);
}
