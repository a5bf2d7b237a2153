/* SPDX-License-Identifier: MIT */
/* Any bytes as a configuration file: every bad line is a complaint, and nothing else happens. */
#include "base/ini.h"
#include "base/units.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_line(void *context, const struct ini_line *line)
{
    size_t *lines = context;
    int64_t number, period_us;
    *lines += 1;
    assert(line->line > 0 && line->section.length > 0);
    if (units_rate(line->value, &number, &period_us))
        assert(number > 0 && period_us > 0);
    if (units_duration(line->value, &number) || units_size(line->value, &number))
        assert(number >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct complaints complaints;
    size_t lines = 0;
    complaints_init(&complaints);
    bool good = ini_parse(slice_make((const char *)data, size), "f", on_line, &lines, &complaints);
    assert(good == (complaints.errors == 0));
    complaints_free(&complaints);
    return 0;
}
