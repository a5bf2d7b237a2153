/* SPDX-License-Identifier: MIT */
/* Keys of windows. Must not know any store. */
#include "search/key.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/units.h"

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
    buf_add_text(out, KEY_VERSION);
    buf_add(out, schema->entity);
    buf_add_char(out, ':');
    add_canonical(out, canonical);
    buf_add_char(out, '#');
    buf_add_integer(out, window.size);
    buf_add_char(out, '.');
    buf_add_integer(out, window.index);
}

struct slice key_question(struct slice key)
{
    const char *mark = key.length > 0 ? memrchr(key.at, '#', key.length) : NULL;
    return mark != NULL ? slice_make(key.at, (size_t)(mark - key.at) + 1) : key;
}

bool key_window(struct slice key, struct window *window)
{
    size_t question = key_question(key).length;
    struct slice rest = slice_make(key.at + question, key.length - question);
    struct slice size;
    if (!slice_cut(&rest, '.', &size))
        return false;
    return units_integer(size, &window->size) && units_integer(rest, &window->index) && window->size >= 1 &&
           window->size <= ENVELOPE_RECORDS_MAX && window->index >= 0 && window->index <= INT64_MAX / window->size;
}
