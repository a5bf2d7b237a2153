/* SPDX-License-Identifier: MIT */
/* Encodings: the RFCs' own vectors, round trips, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/random.h"

typedef bool (*decoder)(struct slice text, struct buf *out);

/* `expected` NULL: refused. */
static void check(decoder decode, const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    bool good = decode(slice_of(text), &out);
    if (good != (expected != NULL) || (good && !slice_is(buf_slice(&out), expected)))
        fail_msg("%s: %s, %.*s", text, good ? "accepted" : "refused", (int)out.length, out.length > 0 ? out.bytes : "");
    buf_free(&out);
}

static void base64_is_strict(void **state)
{
    (void)state;
    check(codec_unbase64, "", "");
    check(codec_unbase64, "Zg==", "f");
    check(codec_unbase64, "Zm8=", "fo");
    check(codec_unbase64, "Zm9v", "foo");
    check(codec_unbase64, "Zm9vYmFy", "foobar");
    check(codec_unbase64, "Zh==", NULL); /* stray bits: another spelling of "f" */
    check(codec_unbase64, "Zg=", NULL);
    check(codec_unbase64, "Zg", NULL);
    check(codec_unbase64, "Z===", NULL);
    check(codec_unbase64, "====", NULL);
    check(codec_unbase64, "Zg==Zg==", NULL);
    check(codec_unbase64, "Zm 9v", NULL);
    check(codec_unbase64, "Zm9-", NULL);
}

static void base32_takes_what_authenticators_print(void **state)
{
    (void)state;
    check(codec_unbase32, "MZXW6YTBOI======", "foobar");
    check(codec_unbase32, "mzxw 6ytb oi", "foobar");
    check(codec_unbase32, "MY", "f");
    check(codec_unbase32, "MZ", NULL);
    check(codec_unbase32, "M", NULL);
    check(codec_unbase32, "M1", NULL);
    check(codec_unbase32, "MY==MY", NULL);
}

static void percent_decoding_refuses_half_escapes(void **state)
{
    (void)state;
    check(codec_unpercent, "a+b%20c%2B%2b", "a b c++");
    check(codec_unpercent, "%C3%a9", "\xC3\xA9");
    check(codec_unpercent, "%", NULL);
    check(codec_unpercent, "%4", NULL);
    check(codec_unpercent, "a%4", NULL);
    check(codec_unpercent, "%g0", NULL);
    check(codec_unpercent, "%0g", NULL);
    check(codec_unpercent, "%%41", NULL);
}

static void percent_encoding_is_undone_by_decoding(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 9);
    for (int round = 0; round < 5000; round++) {
        char bytes[64];
        size_t length = (size_t)random_between(&random, 0, sizeof(bytes));
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)random_between(&random, 0, 255);
        struct buf encoded, decoded;
        buf_init(&encoded, 1000);
        buf_init(&decoded, 1000);
        codec_percent(&encoded, slice_make(bytes, length), ":/");
        assert_true(codec_unpercent(buf_slice(&encoded), &decoded));
        assert_true(slice_equal(buf_slice(&decoded), slice_make(bytes, length)));
        buf_free(&encoded);
        buf_free(&decoded);
    }
    struct buf out;
    buf_init(&out, 100);
    codec_percent(&out, slice_of("a-._~Z9 :/?\xC3"), ":/");
    assert_true(slice_is(buf_slice(&out), "a-._~Z9%20:/%3F%C3"));
    buf_free(&out);
}

static void hexadecimal_goes_both_ways(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x7f, 0xAB, 0xff};
    uint8_t back[4];
    struct buf out;
    buf_init(&out, 100);
    codec_hex(&out, bytes, 4);
    assert_true(slice_is(buf_slice(&out), "007fabff"));
    assert_true(codec_unhex(slice_of("007FaBff"), back, 4));
    assert_memory_equal(back, bytes, 4);
    assert_false(codec_unhex(slice_of("007fabf"), back, 4));
    assert_false(codec_unhex(slice_of("007fabffa"), back, 4));
    assert_false(codec_unhex(slice_of("007fabfg"), back, 4));
    buf_reset(&out);
    const uint8_t more[] = {0xfb, 0xff, 0xfe, 0x01};
    codec_base64url(&out, more, 4);
    assert_true(slice_is(buf_slice(&out), "-__-AQ"));
    buf_free(&out);
}

static void utf8_is_rfc_3629(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"",
                                       "a",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const BAD[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC2",
                                      "\xE1\x80",
                                      "\xF1\x80\x80",
                                      "\xC2"
                                      "a",
                                      "a\xE1\x80"
                                      "a"};
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
        assert_true(codec_is_utf8(slice_of(GOOD[i])));
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(codec_is_utf8(slice_of(BAD[i])));
    assert_true(codec_is_utf8(slice_make("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base32_takes_what_authenticators_print),
        cmocka_unit_test(percent_decoding_refuses_half_escapes),
        cmocka_unit_test(percent_encoding_is_undone_by_decoding),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test(utf8_is_rfc_3629),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
