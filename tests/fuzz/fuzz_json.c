/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON: the scanner and a whole reader must take the same, but for what only a reader that converts can
 * mind. */
#include "search/json_scan.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A converting reader minds escapes that are half a character, and numbers too large. */
static bool may_be_minded(struct slice text, const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow || json_error_code(error) == json_error_invalid_utf8 ||
           memmem(text.at, text.length, "\\u", 2) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size), raw;
    struct json_scan scan;
    json_error_t error;
    if (size == 0 || memchr(data, '\0', size) != NULL)
        return 0; /* a reader of C texts stops at a NUL; the scanner minds it anywhere */
    bool good = json_scan_init(&scan, text) && json_scan_value(&scan, JSON_SCAN_DEPTH_MAX, &raw);
    bool whole = good && json_scan_at_end(&scan);
    json_t *read = json_loadb(text.at, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (whole != (read != NULL)) {
        bool too_deep = read != NULL && scan.why != NULL && strstr(scan.why, "deep") != NULL;
        assert(too_deep || (whole && may_be_minded(text, &error)));
    }
    if (whole && json_is_string(read))
        assert(json_scan_is(raw, slice_of("Id")) ==
               slice_equal(slice_make(json_string_value(read), json_string_length(read)), slice_of("Id")));
    assert(!good || (raw.at >= text.at && raw.at + raw.length <= text.at + size));
    json_decref(read);
    return 0;
}
