/* SPDX-License-Identifier: MIT */
/* Numbers with units: what is read, what is refused, and how it is printed back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
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
        {"0", 0},
        {"00", -1},
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
        {"512b", 512}, {"64kb", 65536}, {"64mb", 64 << 20}, {"2gb", INT64_C(2) << 30}, {"0kb", 0}, {"0", 0}, {"00", -1},
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
    assert_true(units_rate(slice_of("1/1ms"), &count, &period_us) && count == 1 && period_us == 1000);
    static const char *const BAD[] = {"",     "/",    "50",    "/s",     "50/",  "0/s",
                                      "-1/s", "5/0s", "5/s/s", "5/week", "5 /s", "5/-1s"};
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

static void what_is_printed_is_read_back(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 41);
    for (int round = 0; round < 20000; round++) {
        static const int64_t FACTORS[] = {1, 1000, 60000, 3600000, 86400000};
        int64_t us = random_between(&random, 0, 1000) * FACTORS[round % 5] * CLOCK_MILLISECOND;
        int64_t bytes = random_between(&random, 0, 4096) << (round % 4 * 10);
        int64_t count = random_between(&random, 1, INT64_MAX), read, read_count;
        struct buf out;
        buf_init(&out, 100);
        units_print_duration(&out, us);
        assert_true(units_duration(buf_slice(&out), &read) && read == us);
        buf_reset(&out);
        units_print_size(&out, bytes);
        assert_true(units_size(buf_slice(&out), &read) && read == bytes);
        if (us > 0) {
            buf_reset(&out);
            units_print_rate(&out, count, us);
            assert_true(units_rate(buf_slice(&out), &read_count, &read) && read == us && read_count == count);
        }
        buf_free(&out);
    }
}

/* Digits and units in any arrangement: read exactly when they are digits and then a unit, or a bare 0. */
static void nothing_else_is_read(void **state)
{
    (void)state;
    static const char LETTERS[] = "0019sdhmkbg/ .-+day";
    struct random random;
    random_init(&random, 43);
    for (int round = 0; round < 200000; round++) {
        char text[6];
        size_t length = (size_t)random_between(&random, 0, sizeof(text)), digits = 0;
        for (size_t i = 0; i < length; i++)
            text[i] = LETTERS[random_between(&random, 0, sizeof(LETTERS) - 2)];
        while (digits < length && text[digits] >= '0' && text[digits] <= '9')
            digits++;
        struct slice unit = slice_make(text + digits, length - digits);
        bool is_duration = slice_is(unit, "ms") || slice_is(unit, "s") || slice_is(unit, "m") || slice_is(unit, "h") ||
                           slice_is(unit, "d");
        bool is_size = slice_is(unit, "b") || slice_is(unit, "kb") || slice_is(unit, "mb") || slice_is(unit, "gb");
        bool is_zero = length == 1 && text[0] == '0';
        int64_t read;
        assert_int_equal(units_duration(slice_make(text, length), &read), is_zero || (digits > 0 && is_duration));
        assert_int_equal(units_size(slice_make(text, length), &read), is_zero || (digits > 0 && is_size));
    }
}

/* Found by fuzz_config: an empty setting is a slice without an address. */
static void nothing_is_no_number(void **state)
{
    (void)state;
    const struct slice nothing = {NULL, 0};
    int64_t number, period_us;
    assert_false(units_integer(nothing, &number));
    assert_false(units_duration(nothing, &number));
    assert_false(units_size(nothing, &number));
    assert_false(units_rate(nothing, &number, &period_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_no_number),        cmocka_unit_test(integers),
        cmocka_unit_test(durations_and_sizes),         cmocka_unit_test(rates),
        cmocka_unit_test(printed_as_they_are_written), cmocka_unit_test(what_is_printed_is_read_back),
        cmocka_unit_test(nothing_else_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
