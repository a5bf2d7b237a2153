/* SPDX-License-Identifier: MIT */
/* Reads VERSION "-" TRACE-ID "-" PARENT-ID "-" FLAGS, lower-case hexadecimal; what a later version puts behind it is
 * not ours to judge. */
#include "front/trace.h"

#include "base/codec.h"

enum { VERSION_LENGTH = 2, FLAGS_LENGTH = 2 };

static bool is_zero(struct slice digits)
{
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] != '0')
            return false;
    }
    return true;
}

/* The next part, of so many digits; a dash stands before it but for the first. */
static bool take(struct slice *rest, size_t length, bool is_first, struct slice *part)
{
    size_t dash = is_first ? 0 : 1;
    if (rest->length < dash + length || (!is_first && rest->at[0] != '-'))
        return false;
    *part = slice_make(rest->at + dash, length);
    *rest = slice_make(rest->at + dash + length, rest->length - dash - length);
    return codec_is_lower_hex(*part);
}

bool trace_read(struct slice field, struct trace *trace)
{
    struct slice rest = field, version, id, parent, flags;
    *trace = (struct trace){0};
    if (!take(&rest, VERSION_LENGTH, true, &version) || !take(&rest, TRACE_ID_LENGTH, false, &id) ||
        !take(&rest, TRACE_PARENT_LENGTH, false, &parent) || !take(&rest, FLAGS_LENGTH, false, &flags))
        return false;
    if (slice_is(version, "ff") || is_zero(id) || is_zero(parent))
        return false;
    if (rest.length > 0 && (slice_is(version, "00") || rest.at[0] != '-'))
        return false;
    memcpy(trace->id, id.at, TRACE_ID_LENGTH);
    memcpy(trace->parent, parent.at, TRACE_PARENT_LENGTH);
    trace->is_there = true;
    return true;
}
