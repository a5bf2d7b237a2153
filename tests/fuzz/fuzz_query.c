/* SPDX-License-Identifier: MIT */
/* Any bytes as a query: what is accepted must be a fixed point, small enough for its buffer, and the key must hold it.
 */
#include "search/key.h"
#include "search/query.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema;
    const struct scope everywhere = {.all = true};
    struct query query, again;
    struct query_error error;
    struct buf canonical, second, key;
    if (schema == NULL)
        schema = schema_builtin_webhooks();
    struct slice raw = slice_make((const char *)data, size);
    buf_init(&canonical, 3 * size + 64);
    buf_init(&second, 9 * size + 256);
    buf_init(&key, KEY_MAX);
    if (query_normalise(schema, &everywhere, raw, &canonical, &query, &error) == QUERY_OK) {
        enum query_verdict verdict = query_normalise(schema, &everywhere, query.canonical, &second, &again, &error);
        assert(verdict == QUERY_OK && slice_equal(query.canonical, again.canonical));
        struct page_plan plan;
        page_plan(&plan, query.page, query.size, 200, 0);
        key_make(&key, slice_of("n:"), schema, query.canonical, plan.windows[0]);
        assert(buf_ok(&key));
    } else {
        assert(error.detail[0] != '\0');
    }
    buf_free(&canonical);
    buf_free(&second);
    buf_free(&key);
    return 0;
}
