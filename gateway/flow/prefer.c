/* SPDX-License-Identifier: MIT */
#include "flow/prefer.h"

#include "base/clock.h"
#include "base/units.h"

/* Cuts what stands before `mark`, outside quotes, off the rest, and the mark. */
static struct slice cut(struct slice *rest, char mark)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < rest->length && (quoted || rest->at[i] != mark); i++) {
        if (rest->at[i] == '"')
            quoted = !quoted;
        else if (quoted && rest->at[i] == '\\')
            i++;
    }
    size_t length = i < rest->length ? i : rest->length;
    size_t taken = i < rest->length ? i + 1 : rest->length;
    struct slice part = slice_make(rest->at, length);
    *rest = slice_make(rest->at + taken, rest->length - taken);
    return slice_trim(part);
}

static int64_t read_seconds(struct slice value)
{
    int64_t seconds;

    if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"')
        value = slice_make(value.at + 1, value.length - 2);
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -1;
    }
    if (value.length == 0)
        return -1;
    if (!units_integer(value, &seconds) || seconds > PREFER_WAIT_MAX)
        seconds = PREFER_WAIT_MAX;
    return seconds * CLOCK_SECOND;
}

int64_t prefer_wait(struct slice prefer)
{
    while (prefer.length > 0) {
        struct slice preference = cut(&prefer, ',');
        struct slice value = cut(&preference, ';'); /* parameters are not wait's */
        struct slice name = cut(&value, '=');
        if (slice_equal_nocase(name, slice_of("wait")))
            return read_seconds(slice_trim(value)); /* section 2: only the first counts */
    }
    return -1;
}
