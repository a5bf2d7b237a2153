/* SPDX-License-Identifier: MIT */
/* Any bytes as a schema: it is read, or there is a complaint; and what was read can normalise. */
#include "search/query.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct scope everywhere = {.all = true};
    struct complaints complaints;
    struct query query;
    struct query_error error;
    struct buf canonical;
    complaints_init(&complaints);
    struct schema *schema = schema_read(slice_make((const char *)data, size), "f", &complaints);
    assert((schema == NULL) == (complaints.errors > 0));
    if (schema != NULL) {
        buf_init(&canonical, 1000);
        enum query_verdict verdict = query_normalise(schema, &everywhere, slice_of(""), &canonical, &query, &error);
        assert(verdict == QUERY_OK && query.canonical.length == 0);
        buf_free(&canonical);
        schema_free(schema);
    }
    complaints_free(&complaints);
    return 0;
}
