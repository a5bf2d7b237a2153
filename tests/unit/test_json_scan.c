/* SPDX-License-Identifier: MIT */
/* The scanner: the grammar in rows, then against jansson on texts made at random and broken at random. Where the two
 * differ, it is one of the differences of docs/decisions/0001-envelope-scanner.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/random.h"
#include "search/json_scan.h"

#include <ctype.h>
#include <stdlib.h>

enum { TEXTS = 20000, MUTATIONS = 10, TEXT_MAX = 1 << 20 };

static bool scans(struct slice text, const char **why)
{
    struct json_scan scan;
    struct slice raw;
    bool good =
        json_scan_init(&scan, text) && json_scan_value(&scan, JSON_SCAN_DEPTH_MAX, &raw) && json_scan_at_end(&scan);
    *why = scan.why;
    return good;
}

static const char *const GOOD[] = {
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.50",
    "0.0",
    "1e1",
    "1E+01",
    "1e-999999",
    "123456789012345678901234567890",
    "1e999",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\"",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\"",
    "\"\xf0\x9f\x98\x80\x7f\"",
    "[]",
    "{}",
    " [ ] ",
    "[[],{},[[]]]",
    "{\"\":{}}",
    "{\"a\":1,\"a\":2}",
    "\t\n\r [1 , 2\n,\t{ \"a\" : null } ] \r\n",
    "[[[[[[[[1]]]]]]],[[]]]",
};

static const char *const BAD[] = {
    "",
    " ",
    "00",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1.e1",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "Infinity",
    "tru",
    "TRUE",
    "nul",
    "nulll",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u",
    "\"\n\"",
    "\"\x1f\"",
    "'a'",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\":1]",
    "{a:1}",
    "{1:1}",
    "{\"a\":}",
    "1 1",
    "[] []",
    "{}x",
    "// 1\n1",
    "\xef\xbb\xbf[]",
    "\"\x80\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "[\xa0]",
};

static void follows_the_grammar(void **state)
{
    (void)state;
    const char *why = NULL;
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        if (!scans(slice_of(GOOD[i]), &why))
            fail_msg("%s: refused for %s", GOOD[i], why);
    }
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        if (scans(slice_of(BAD[i]), &why))
            fail_msg("%s: accepted", BAD[i]);
        assert_non_null(why);
    }
    assert_false(scans(slice_make("[1,\0]", 5), &why));
    assert_false(scans(slice_make("\"\0\"", 3), &why));
    assert_false(scans(slice_make("\"\\\0\"", 4), &why));
}

static void finds_where_a_value_ends(void **state)
{
    (void)state;
    struct json_scan scan;
    struct slice raw;
    assert_true(json_scan_init(&scan, slice_of("  {\"a\" : [1, {}]} , -1.5e3 ]")));
    assert_true(json_scan_value(&scan, 3, &raw));
    assert_true(slice_is(raw, "{\"a\" : [1, {}]}"));
    assert_true(json_scan_take(&scan, ','));
    assert_false(json_scan_take(&scan, ','));
    assert_true(json_scan_value(&scan, 0, &raw));
    assert_true(slice_is(raw, "-1.5e3"));
    assert_false(json_scan_at_end(&scan));
    assert_false(json_scan_need(&scan, '}', "a brace"));
    assert_string_equal(scan.why, "a brace");
    assert_true(json_scan_need(&scan, ']', "a bracket"));
    assert_true(json_scan_at_end(&scan));
}

static void bounds_the_depth(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= JSON_SCAN_DEPTH_MAX + 1; depth++) {
        struct buf text;
        buf_init(&text, TEXT_MAX);
        for (unsigned i = 0; i < depth; i++)
            buf_add_text(&text, i % 2 == 0 ? "[" : "{\"a\":");
        buf_add_text(&text, "0");
        for (unsigned i = depth; i-- > 0;)
            buf_add_text(&text, i % 2 == 0 ? "]" : "}");
        for (unsigned most = 0; most <= JSON_SCAN_DEPTH_MAX; most++) {
            struct json_scan scan;
            struct slice raw;
            assert_true(json_scan_init(&scan, buf_slice(&text)));
            assert_int_equal(json_scan_value(&scan, most, &raw), depth <= most);
        }
        buf_free(&text);
    }
    /* a million brackets cost no stack */
    char *deep = mem_try_new(TEXT_MAX);
    assert_non_null(deep);
    memset(deep, '[', TEXT_MAX);
    const char *why = NULL;
    assert_false(scans(slice_make(deep, TEXT_MAX), &why));
    mem_free(deep);
}

struct name_row {
    const char *raw;
    const char *text;
    bool equal;
};

static const struct name_row NAMES[] = {
    {"\"Id\"", "Id", true},
    {"\"\"", "", true},
    {"\"Id\"", "I", false},
    {"\"I\"", "Id", false},
    {"\"id\"", "Id", false},
    {"\"\\u0049d\"", "Id", true},
    {"\"\\u0049\\u0064\"", "Id", true},
    {"\"I\\u0064\"", "Id", true},
    {"\"\\u0149d\"", "Id", false},
    {"\"I\\u0064\\u0000\"", "Id", false},
    {"\"\\u0000\"", "", false},
    {"\"\\\\\"", "\\", true},
    {"\"\\\"\\/\\b\\f\\n\\r\\t\"", "\"/\b\f\n\r\t", true},
    {"\"\\u002f\"", "/", true},
    {"\"\\u002F\"", "/", true},
    {"\"\\n\"", "n", false},
    {"\"\\ud83d\"", "=", false},
};

static void compares_names_after_their_escapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (json_scan_is(slice_of(NAMES[i].raw), slice_of(NAMES[i].text)) != NAMES[i].equal)
            fail_msg("%s and %s", NAMES[i].raw, NAMES[i].text);
    }
}

/* A random value, now and then an awkward one. */
static void make_value(struct random *random, struct buf *out, int depth)
{
    static const char *const SCALARS[] = {
        "0",
        "-0",
        "1.50",
        "1e5",
        "-12345678901234567890123",
        "1e400",
        "2E-400",
        "true",
        "null",
        "\"\"",
        "\"a\"",
        "false",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\u0000\"",
        "\"\xc3\xa9\"",
        "\"\\\\\\\"\"",
        "\"/\\/\"",
        "0.000",
        "-1",
    };
    static const char *const SPACES[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    int64_t kind = random_between(random, 0, depth > 0 ? 5 : 3);
    buf_add_text(out, SPACES[random_between(random, 0, 6)]);
    if (kind <= 3) {
        buf_add_text(out, SCALARS[random_between(random, 0, (int64_t)(sizeof(SCALARS) / sizeof(SCALARS[0])) - 1)]);
    } else {
        int64_t count = random_between(random, 0, 4);
        buf_add_char(out, kind == 4 ? '[' : '{');
        for (int64_t i = 0; i < count; i++) {
            if (i > 0)
                buf_add_char(out, ',');
            if (kind == 5)
                buf_add_text(out, random_between(random, 0, 20) == 0 ? "\"\\u0000\":" : "\"k\" :");
            make_value(random, out, depth - 1);
        }
        buf_add_char(out, kind == 4 ? ']' : '}');
    }
    buf_add_text(out, SPACES[random_between(random, 0, 6)]);
}

static void mutate(struct random *random, struct buf *text)
{
    static const char ALPHABET[] = "{}[],:\"\\/bfnrtu0123456789.eE+-aA \n\x01\x7f\xc3\xa9\xed\xa0\x80\xff";
    if (text->length == 0)
        return;
    size_t at = (size_t)random_between(random, 0, (int64_t)text->length - 1);
    size_t last = text->length - 1;
    char letter = ALPHABET[random_between(random, 0, (int64_t)sizeof(ALPHABET) - 1)]; /* the final NUL too */
    switch (random_between(random, 0, 3)) {
    case 0:
        text->bytes[at] = letter;
        break;
    case 1: /* without one byte */
        memmove(text->bytes + at, text->bytes + at + 1, last - at);
        text->length = last;
        break;
    case 2: /* with one byte more */
        buf_add_char(text, ' ');
        memmove(text->bytes + at + 1, text->bytes + at, text->length - 1 - at);
        text->bytes[at] = letter;
        break;
    default: /* cut off */
        text->length = random_between(random, 0, 9) == 0 ? at : text->length;
        break;
    }
}

/* What jansson refuses and the grammar allows. */
static bool may_accept_alone(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow ||
           json_error_code(error) == json_error_null_byte_in_key || strstr(error->text, "invalid Unicode '\\u") != NULL;
}

/* What jansson accepts and we do not: what is nested too deeply, and a NUL byte behind a number, which jansson
 * swallows. */
static bool may_refuse_alone(struct slice text, const char *why)
{
    if (strstr(why, "nested less deeply") != NULL)
        return true;
    for (size_t i = 1; i < text.length; i++) {
        if (text.at[i] == '\0' && isalnum((unsigned char)text.at[i - 1]))
            return true;
    }
    return false;
}

static void compare(struct slice text, size_t counts[3])
{
    const char *why = NULL;
    bool ours = scans(text, &why);
    json_error_t error;
    json_t *json = json_loadb(text.length > 0 ? text.at : "", text.length,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    json_decref(json);
    counts[ours ? 1 : 0]++;
    if (ours == (json != NULL))
        return;
    counts[2]++;
    bool documented = ours ? may_accept_alone(&error) : may_refuse_alone(text, why);
    if (!documented)
        fail_msg("%.*s\nours: %s, jansson: %s", (int)text.length, text.at, ours ? "good" : why,
                 json != NULL ? "good" : error.text);
}

static void agrees_with_jansson(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random random;
    random_init(&random, seed);
    size_t counts[3] = {0};
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (int i = 0; i < TEXTS; i++) {
        buf_reset(&text);
        make_value(&random, &text, i % 100 == 0 ? 90 : 5);
        compare(buf_slice(&text), counts);
        for (int k = 0; k < MUTATIONS; k++) {
            mutate(&random, &text);
            compare(buf_slice(&text), counts);
        }
    }
    buf_free(&text);
    print_message("%zu refused, %zu accepted, %zu judged differently as documented\n", counts[0], counts[1], counts[2]);
    assert_true(counts[0] > TEXTS && counts[1] > TEXTS && counts[2] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_grammar), cmocka_unit_test(finds_where_a_value_ends),
        cmocka_unit_test(bounds_the_depth),    cmocka_unit_test(compares_names_after_their_escapes),
        cmocka_unit_test(agrees_with_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
