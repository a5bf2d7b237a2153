/* SPDX-License-Identifier: MIT */
/* Decimal digits against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void expect(uint64_t number)
{
    char expected[DECIMAL_DIGITS_MAX + 1];
    int length = snprintf(expected, sizeof(expected), "%" PRIu64, number);
    char text[DECIMAL_DIGITS_MAX + 1];
    memset(text, '#', sizeof(text));
    const char *end = decimal_put(text, number);
    assert_int_equal(end - text, length);
    assert_memory_equal(text, expected, (size_t)length);
    assert_int_equal(text[length], '#');
}

static void small_numbers(void **state)
{
    (void)state;
    for (uint64_t number = 0; number <= 100000; number++)
        expect(number);
}

static void where_a_digit_is_gained(void **state)
{
    (void)state;
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        expect(power - 1);
        expect(power);
        expect(power * 10 - 1);
    }
    expect(UINT64_MAX - 1);
    expect(UINT64_MAX);
}

static void numbers_of_all_lengths(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t number;
        number = random_next(&random);
        expect(number >> (i % 64));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_numbers),
        cmocka_unit_test(where_a_digit_is_gained),
        cmocka_unit_test(numbers_of_all_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
