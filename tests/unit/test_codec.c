/* SPDX-License-Identifier: MIT */
/* Encodings: the RFCs' own vectors, round trips, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/random.h"

#include <stdio.h>

typedef bool (*decoder)(struct slice text, struct buf *out);

/* A copy that ends where its block does, so that reading past the end is found. */
static struct slice copy_of(const char *text, size_t length)
{
    char *copy = mem_try_new(length);
    assert_non_null(copy);
    memcpy(copy, text, length);
    return slice_make(copy, length);
}

static void free_copy(struct slice copy)
{
    mem_free((char *)(uintptr_t)copy.at);
}

/* `expected` NULL: refused. */
static void check(decoder decode, const char *text, const char *expected)
{
    struct buf out;
    struct slice copy = copy_of(text, strlen(text));
    buf_init(&out, 1000);
    bool good = decode(copy, &out);
    free_copy(copy);
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
    check(codec_unbase64, "+/+/", "\xfb\xff\xbf");
    check(codec_unbase64, "=", NULL);
    check(codec_unbase64, "Zm9v=", NULL);
    check(codec_unbase64, "Zm9vZ===", NULL);
    check(codec_unbase64, "Zm=v", NULL);
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
    check(codec_unbase32, "", "");
    check(codec_unbase32, "MZXQ====", "fo");
    check(codec_unbase32, "MZXW6===", "foo");
    check(codec_unbase32, "MZXW6YQ=", "foob");
    check(codec_unbase32, "MZXW6YTB", "fooba");
    check(codec_unbase32, "MZX", NULL);
    check(codec_unbase32, "AAA", NULL); /* no number of bytes has so many letters */
    check(codec_unbase32, "A", NULL);
    check(codec_unbase32, "AAAAAA", NULL);
    check(codec_unbase32, "MY8A", NULL);
    check(codec_unbase32, "MY-A", NULL);
    check(codec_unbase32, "MY=A", NULL);
    check(codec_unbase32, "MZ", NULL);
    check(codec_unbase32, "M", NULL);
    check(codec_unbase32, "M1", NULL);
    check(codec_unbase32, "MY==MY", NULL);
}

/* Each letter has its value: the whole alphabets, and the bytes they spell. */
static void lower_hex_is_what_codec_hex_writes(void **state)
{
    (void)state;
    assert_true(codec_is_lower_hex(slice_of("0123456789abcdef")));
    assert_true(codec_is_lower_hex(slice_make(NULL, 0)));
    static const char *const OTHERS[] = {"0A", "0g", "/0", ":0", "`a", "0 "};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        assert_false(codec_is_lower_hex(slice_of(OTHERS[i])));
}

static void alphabets_are_complete(void **state)
{
    (void)state;
    static const struct {
        decoder decode;
        const char *text, *hex;
    } ROWS[] = {
        {codec_unbase64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
         "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3dfbf"},
        {codec_unbase32, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "00443214c74254b635cf84653a56d7c675be77df"},
        {codec_unbase32, "abcdefghijklmnopqrstuvwxyz234567", "00443214c74254b635cf84653a56d7c675be77df"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct buf bytes, hex;
        buf_init(&bytes, 100);
        buf_init(&hex, 200);
        assert_true(ROWS[i].decode(slice_of(ROWS[i].text), &bytes));
        codec_hex(&hex, (const uint8_t *)bytes.bytes, bytes.length);
        assert_true(slice_is(buf_slice(&hex), ROWS[i].hex));
        buf_free(&bytes);
        buf_free(&hex);
    }
    struct buf out;
    uint8_t bytes[48];
    buf_init(&out, 100);
    assert_true(codec_unhex(slice_of(ROWS[0].hex), bytes, sizeof(bytes)));
    codec_base64url(&out, bytes, sizeof(bytes));
    assert_true(slice_is(buf_slice(&out), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"));
    buf_free(&out);
}

static void only_unreserved_bytes_are_kept(void **state)
{
    (void)state;
    static const char UNRESERVED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte, escape[4];
        struct buf out;
        buf_init(&out, 10);
        codec_percent(&out, slice_make(&c, 1), "@");
        snprintf(escape, sizeof(escape), "%%%02X", (unsigned char)c);
        bool kept = memchr(UNRESERVED, c, sizeof(UNRESERVED) - 1) != NULL || c == '@';
        assert_true(kept ? slice_equal(buf_slice(&out), slice_make(&c, 1)) : slice_is(buf_slice(&out), escape));
        buf_free(&out);
    }
}

static void percent_decoding_refuses_half_escapes(void **state)
{
    (void)state;
    check(codec_unpercent, "a+b%20c%2B%2b", "a b c++");
    check(codec_unpercent, "%C3%a9", "\xC3\xA9");
    check(codec_unpercent, "", "");
    check(codec_unpercent, "+", " ");
    check(codec_unpercent, "abc%41", "abcA");
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

/* Bytes of the character, in the shortest form. */
static size_t encode(uint32_t code, char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(0xF00 >> length | code);
    return length;
}

static void every_character_is_utf8_and_surrogates_are_none(void **state)
{
    (void)state;
    char text[16];
    for (uint32_t code = 0; code < 0x120000; code++) {
        bool is_character = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        memset(text, 'a', sizeof(text));
        size_t at = code % 8; /* so that all places around a word of eight bytes come up */
        size_t length = encode(code, text + at);
        if (codec_is_utf8(slice_make(text, sizeof(text))) != is_character)
            fail_msg("U+%X", code);
        if (length > 1) {
            assert_false(codec_is_utf8(slice_make(text, at + length - 1)));
            assert_false(codec_is_utf8(slice_make(text + at + 1, sizeof(text) - at - 1)));
        }
    }
}

static void two_bytes_are_utf8_when_they_are_characters(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            char text[2] = {(char)first, (char)second};
            bool expected =
                (first < 0x80 && second < 0x80) || (first >= 0xC2 && first < 0xE0 && second >= 0x80 && second < 0xC0);
            assert_int_equal(codec_is_utf8(slice_make(text, 2)), expected);
        }
    }
}

/* RFC 4648 section 10, in the letters of section 5 and without padding. */
static void base64url_is_the_rfcs(void **state)
{
    (void)state;
    static const char *const ROWS[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct buf out;
        buf_init(&out, 100);
        codec_base64url(&out, (const uint8_t *)ROWS[i][0], strlen(ROWS[i][0]));
        assert_true(slice_is(buf_slice(&out), ROWS[i][1]));
        buf_free(&out);
    }
}

static void a_full_buffer_fails_the_decoders(void **state)
{
    (void)state;
    static const decoder DECODERS[] = {codec_unbase64, codec_unbase32, codec_unpercent};
    for (size_t i = 0; i < sizeof(DECODERS) / sizeof(DECODERS[0]); i++) {
        struct buf out;
        buf_init(&out, 4);
        assert_false(DECODERS[i](slice_of("MZXW6YTB"), &out));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64url_is_the_rfcs),
        cmocka_unit_test(base32_takes_what_authenticators_print),
        cmocka_unit_test(lower_hex_is_what_codec_hex_writes),
        cmocka_unit_test(alphabets_are_complete),
        cmocka_unit_test(only_unreserved_bytes_are_kept),
        cmocka_unit_test(percent_decoding_refuses_half_escapes),
        cmocka_unit_test(percent_encoding_is_undone_by_decoding),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test(a_full_buffer_fails_the_decoders),
        cmocka_unit_test(utf8_is_rfc_3629),
        cmocka_unit_test(every_character_is_utf8_and_surrogates_are_none),
        cmocka_unit_test(two_bytes_are_utf8_when_they_are_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
