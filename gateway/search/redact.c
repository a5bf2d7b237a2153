/* SPDX-License-Identifier: MIT */
/* Replaces sensitive values. Canonical queries have the schema's spelling, so names are compared byte by byte. */
#include "search/redact.h"

static bool is_sensitive(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->parameter_count; i++) {
        const struct parameter *parameter = &schema->parameters[i];
        if (parameter->sensitive && slice_equal(parameter->name, name))
            return true;
    }
    return false;
}

static void add_cut(struct buf *out, struct slice text)
{
    size_t room = out->max - out->length;
    buf_add(out, slice_make(text.at, text.length < room ? text.length : room));
}

void redact_query(const struct schema *schema, struct slice canonical, struct buf *out)
{
    struct slice rest = canonical, pair;
    if (!schema->has_sensitive) {
        add_cut(out, canonical);
        return;
    }
    while (rest.length > 0 && slice_cut(&rest, '&', &pair)) {
        struct slice value = pair, name;
        if (pair.at != canonical.at)
            add_cut(out, slice_make("&", 1));
        if (slice_cut(&value, '=', &name) && value.at != NULL && is_sensitive(schema, name)) {
            add_cut(out, name);
            add_cut(out, slice_of("=" REDACT_MARK));
        } else {
            add_cut(out, pair);
        }
    }
}
