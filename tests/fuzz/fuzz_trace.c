/* SPDX-License-Identifier: MIT */
/* Any bytes as a traceparent: what is accepted is lower-case hex, not all zeros, and stood there literally. */
#include "front/trace.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *digits, size_t count, const uint8_t *stood)
{
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        assert((digits[i] >= '0' && digits[i] <= '9') || (digits[i] >= 'a' && digits[i] <= 'f'));
        zeros += digits[i] == '0';
    }
    assert(zeros < count && memcmp(digits, stood, count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace trace;
    if (trace_read(slice_make((const char *)data, size), &trace)) {
        assert(trace.is_there && size >= 55 && memcmp(data, "ff", 2) != 0);
        check(trace.id, TRACE_ID_LENGTH, data + 3);
        check(trace.parent, TRACE_PARENT_LENGTH, data + 36);
    } else {
        assert(!trace.is_there);
    }
    return 0;
}
