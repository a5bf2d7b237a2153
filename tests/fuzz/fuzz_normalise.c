/* SPDX-License-Identifier: MIT */
/* Queries of known names and plausible values, made from any bytes, against the reference normaliser: both must accept
 * the same and call it the same. */
#include "fuzz/values.h"
#include "reference/normalise.h"
#include "search/query.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One pair from up to 4 bytes and what follows them: which name, how it is spelt, which value, how that is spelt. */
static size_t make_pair(const struct schema *schema, const uint8_t *data, size_t size, char *out)
{
    const struct parameter *row = &schema->parameters[data[0] % schema->parameter_count];
    size_t length = 0, used = 4;
    for (size_t i = 0; i < row->name.length; i++) {
        char c = row->name.at[i];
        bool flips = (data[1] >> (i % 8) & 1) != 0 && ((c | 32) >= 'a' && (c | 32) <= 'z');
        length += (size_t)sprintf(out + length, data[1] > 250 ? "%%%02x" : "%c", flips ? c ^ 32 : c);
    }
    if (data[2] != 255)
        out[length++] = '=';
    if (data[2] < 128 || row->value_count == 0) {
        length += (size_t)sprintf(out + length, "%s", VALUES[data[2] % (sizeof VALUES / sizeof VALUES[0])]);
    } else {
        const struct parameter_value *value = &row->values[data[3] % row->value_count];
        length += (size_t)sprintf(out + length, "%.*s", (int)value->name.length, value->name.at);
    }
    for (; data[3] > 200 && used < size && used < 12; used++) /* bytes of the fuzzer's own */
        out[length++] = (char)data[used];
    out[length++] = '&';
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema;
    static char raw[REFERENCE_QUERY_MAX + 1024];
    static struct reference reference;
    const struct scope everywhere = {.all = true};
    struct query query;
    struct query_error error;
    struct buf canonical;
    if (schema == NULL)
        schema = schema_builtin_webhooks();
    memset(raw, 0, sizeof(raw));
    size_t length = 0;
    for (size_t at = 0; at + 4 <= size && length < REFERENCE_QUERY_MAX - 512; length = strlen(raw))
        at += make_pair(schema, data + at, size - at, raw + length);
    buf_init(&canonical, 3 * length + 64);
    bool good = query_normalise(schema, &everywhere, slice_make(raw, length), &canonical, &query, &error) == QUERY_OK;
    assert(good == reference_normalise(schema, slice_make(raw, length), &reference));
    assert(!good || (slice_is(query.canonical, reference.canonical) && query.page == reference.page &&
                     query.size == reference.size));
    buf_free(&canonical);
    return 0;
}
