/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/totp.h"

/* RFC 6238 appendix B gives eight digits for SHA-1; ours are the last six of them. */
static void codes_of_the_rfc(void **state)
{
    static const struct {
        int64_t seconds;
        const char *code;
    } rows[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };
    const struct slice secret = SLICE("12345678901234567890");
    char code[TOTP_DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        totp_code(secret, totp_step(rows[i].seconds * 1000000), code);
        assert_string_equal(code, rows[i].code);
    }
}

/* RFC 4226 appendix D: the steps themselves. */
static void codes_of_the_first_steps(void **state)
{
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    const struct slice secret = SLICE("12345678901234567890");
    char code[TOTP_DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        totp_code(secret, (int64_t)i, code);
        assert_string_equal(code, codes[i]);
    }
}

static void a_step_lasts_thirty_seconds(void **state)
{
    (void)state;
    assert_int_equal(totp_step(0), 0);
    assert_int_equal(totp_step(29999999), 0);
    assert_int_equal(totp_step(30000000), 1);
    assert_int_equal(totp_step(59999999), 1);
}

static void secrets_of_any_length(void **state)
{
    static const char bytes[200] = "a long secret";
    char code[TOTP_DIGITS + 1], other[TOTP_DIGITS + 1];

    (void)state;
    totp_code(slice_make(NULL, 0), 1, code);
    assert_int_equal(strlen(code), TOTP_DIGITS);
    totp_code(slice_make(bytes, sizeof bytes), 1, other);
    assert_int_equal(strlen(other), TOTP_DIGITS);
    assert_string_not_equal(code, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_the_rfc),
        cmocka_unit_test(codes_of_the_first_steps),
        cmocka_unit_test(a_step_lasts_thirty_seconds),
        cmocka_unit_test(secrets_of_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
