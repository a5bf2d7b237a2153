/* SPDX-License-Identifier: MIT */
/* Numbers with units: what is read, what is refused, and how it is printed back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/units.h"

struct row {
    const char *text;
    int64_t value; /* -1: refused */
};

static void integers(void **state)
{
    (void)state;
    int64_t number;
    assert_true(units_integer(slice_of("-9223372036854775808"), &number) && number == INT64_MIN);
    assert_true(units_integer(slice_of("9223372036854775807"), &number) && number == INT64_MAX);
    assert_true(units_integer(slice_of("007"), &number) && number == 7);
    assert_true(units_integer(slice_of("-0"), &number) && number == 0);
    static const char *const BAD[] = {"",   "-", "+1", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809",
                                      "--1"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(units_integer(slice_of(BAD[i]), &number));
}

static void durations_and_sizes(void **state)
{
    (void)state;
    static const struct row DURATIONS[] = {
        {"250ms", 250000},
        {"10s", 10 * CLOCK_SECOND},
        {"5m", 300 * CLOCK_SECOND},
        {"24h", CLOCK_DAY},
        {"2d", 2 * CLOCK_DAY},
        {"0s", 0},
        {"10", -1},
        {"s", -1},
        {"-1s", -1},
        {"1.5s", -1},
        {"1 s", -1},
        {"1S", -1},
        {"9223372036854775807h", -1},
        {"", -1},
    };
    static const struct row SIZES[] = {
        {"512b", 512}, {"64kb", 65536}, {"64mb", 64 << 20}, {"2gb", INT64_C(2) << 30},
        {"64", -1},    {"64k", -1},     {"1tb", -1},
    };
    int64_t value;
    for (size_t i = 0; i < sizeof(DURATIONS) / sizeof(DURATIONS[0]); i++) {
        bool good = units_duration(slice_of(DURATIONS[i].text), &value);
        if (good != (DURATIONS[i].value >= 0) || (good && value != DURATIONS[i].value))
            fail_msg("duration %s", DURATIONS[i].text);
    }
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        bool good = units_size(slice_of(SIZES[i].text), &value);
        if (good != (SIZES[i].value >= 0) || (good && value != SIZES[i].value))
            fail_msg("size %s", SIZES[i].text);
    }
}

static void rates(void **state)
{
    (void)state;
    int64_t count, period_us;
    assert_true(units_rate(slice_of("50/s"), &count, &period_us) && count == 50 && period_us == CLOCK_SECOND);
    assert_true(units_rate(slice_of("10/100ms"), &count, &period_us) && count == 10 && period_us == 100000);
    assert_true(units_rate(slice_of("2000/day"), &count, &period_us) && count == 2000 && period_us == CLOCK_DAY);
    static const char *const BAD[] = {"", "50", "/s", "50/", "0/s", "-1/s", "5/0s", "5/s/s", "5/week", "5 /s", "5/-1s"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(units_rate(slice_of(BAD[i]), &count, &period_us));
}

static void printed_as_they_are_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    units_print_duration(&out, 250 * CLOCK_MILLISECOND);
    buf_add_char(&out, ' ');
    units_print_duration(&out, 300 * CLOCK_SECOND);
    buf_add_char(&out, ' ');
    units_print_duration(&out, 0);
    buf_add_char(&out, ' ');
    units_print_size(&out, 65536);
    buf_add_char(&out, ' ');
    units_print_rate(&out, 10, 100 * CLOCK_MILLISECOND);
    buf_add_char(&out, ' ');
    units_print_rate(&out, 2000, CLOCK_DAY);
    assert_true(slice_is(buf_slice(&out), "250ms 5m 0s 64kb 10/100ms 2000/day"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(rates),
        cmocka_unit_test(printed_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
