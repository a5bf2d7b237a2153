/* SPDX-License-Identifier: MIT */
/* Every kind of message there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/coherence_message.h"

#define ID "host:1#0123456789abcdef"

static bool read(const char *text, struct coherence_message *message)
{
    return coherence_message_read(slice_of(text), message);
}

static bool is_message(const char *text)
{
    struct coherence_message message;
    return read(text, &message);
}

static void every_kind_goes_there_and_back(void **state)
{
    static const char *const texts[] = {"S " ID " 00000000000000ff t:v1:webhooks:a=b c#20.0",
                                        "P 1790000000000000 1 " ID " t:v1: ",
                                        "P 1 0 " ID " t",
                                        "C 9000000000000000 9000000000000000 " ID,
                                        "C 1 0 " ID,
                                        "L " ID};
    struct coherence_message message;
    struct buf again;
    (void)state;
    buf_init(&again, COHERENCE_MESSAGE_MAX);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(read(texts[i], &message));
        buf_reset(&again);
        coherence_message_write(&again, &message);
        assert_true(slice_is(buf_slice(&again), texts[i]));
        assert_true(slice_is(message.id, ID));
    }
    buf_free(&again);
    assert_true(read(texts[0], &message));
    assert_int_equal(message.kind, COHERENCE_STORED);
    assert_int_equal(message.mark, 255);
    assert_true(slice_is(message.text, "t:v1:webhooks:a=b c#20.0"));
    assert_true(read(texts[1], &message));
    assert_int_equal(message.kind, COHERENCE_PURGED);
    assert_true(message.soft);
    assert_int_equal(message.number, 1790000000000000);
    assert_true(slice_is(message.text, "t:v1: "));
    assert_true(read(texts[3], &message));
    assert_int_equal(message.kind, COHERENCE_CONFIRMED);
    assert_int_equal(message.number, PURGE_NUMBER_MAX);
    assert_int_equal(message.known, PURGE_NUMBER_MAX);
    assert_true(read(texts[5], &message));
    assert_int_equal(message.kind, COHERENCE_LEFT);
}

static void what_no_gateway_says_is_no_message(void **state)
{
    static const char *const texts[] = {
        "",
        "P",
        "P ",
        "PP 1 0 " ID " t",
        "X 1 0 " ID " t",
        "p 1 0 " ID " t",
        "S " ID " 00000000000000ff",
        "S " ID " 00000000000000ff ",
        "S " ID " 00000000000000fF k",
        "S " ID " 0ff k",
        "S  00000000000000ff k",
        "P 0 0 " ID " t",
        "P -1 0 " ID " t",
        "P 01 0 " ID " t",
        "P +1 0 " ID " t",
        "P 1e3 0 " ID " t",
        "P 9000000000000001 0 " ID " t",
        "P 99999999999999999999 0 " ID " t",
        "P 1 2 " ID " t",
        "P 1 00 " ID " t",
        "P 1 " ID " t",
        "P 1 0 " ID,
        "P 1 0 " ID " ",
        "P 1 0 nobody t",
        "C 1 0",
        "C 1 0 ",
        "C 1 0 " ID " ",
        "C 0 0 " ID,
        "C 1 -0 " ID,
        "C 1  " ID,
        "C 1 9000000000000001 " ID,
        "L " ID " ",
        "L nobody",
        "L  " ID,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (is_message(texts[i]))
            fail_msg("taken for a message: %s", texts[i]);
    }
}

/* A message with its last part filled up to so many bytes. */
static bool with_text(const char *before, size_t length)
{
    struct buf text;
    struct coherence_message message;
    buf_init(&text, 1 << 20);
    buf_add_text(&text, before);
    for (size_t i = 0; i < length; i++)
        buf_add_char(&text, 'k');
    bool is_one = coherence_message_read(buf_slice(&text), &message);
    buf_free(&text);
    return is_one;
}

static bool with_name(size_t length)
{
    char id[512];
    memset(id, 'n', length);
    memcpy(id + length, "#0123456789abcdef", 17);
    return coherence_is_id(slice_make(id, length + 17));
}

static void every_part_has_its_limit(void **state)
{
    (void)state;
    assert_true(with_text("P 1 0 " ID " ", PURGE_HEAD_MAX));
    assert_false(with_text("P 1 0 " ID " ", PURGE_HEAD_MAX + 1));
    assert_true(with_text("S " ID " 00000000000000ff ", COHERENCE_KEY_MAX));
    assert_false(with_text("S " ID " 00000000000000ff ", COHERENCE_KEY_MAX + 1));
    assert_false(with_name(0));
    assert_true(with_name(1));
    assert_true(with_name(COHERENCE_NAME_MAX - 1));
    assert_true(with_name(COHERENCE_ID_MAX - 18));
    assert_false(with_name(COHERENCE_ID_MAX - 17));
}

static bool is_id(const char *bytes, size_t length)
{
    return coherence_is_id(slice_make(bytes, length));
}

static void names_are_printable(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char id[] = "a?b#0123456789abcdef";
        id[1] = (char)c;
        assert_int_equal(is_id(id, sizeof(id) - 1), c > ' ' && c <= '~');
    }
    assert_true(is_id("a#b#0123456789abcdef", 20));
    assert_false(is_id("a!0123456789abcdef", 18));
    assert_false(is_id("a#0123456789abcdeF", 18));
    assert_false(is_id("a#0123456789abcdeg", 18));
    assert_false(is_id(NULL, 0));
}

static bool score(const char *text, int64_t expected)
{
    int64_t number = -1;
    bool is_one = coherence_score(slice_of(text), &number);
    assert_true(!is_one || number == expected);
    return is_one;
}

static void scores_are_whole_and_bounded(void **state)
{
    static const char *const bad[] = {"",
                                      "inf",
                                      "-inf",
                                      "nan",
                                      "-1",
                                      "-0",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "1.5",
                                      "1e",
                                      "1e-3",
                                      "1e16",
                                      "9000000000000001",
                                      "9007199254740993",
                                      "1e999",
                                      "1-",
                                      "0.0000000000000000000000000000001",
                                      "1.7900000000000000000000000000000e15"};
    (void)state;
    assert_true(score("0", 0));
    assert_true(score("1790000000000000", 1790000000000000));
    assert_true(score("1.79e+15", 1790000000000000));
    assert_true(score("9000000000000000", PURGE_NUMBER_MAX));
    assert_true(score("9e15", PURGE_NUMBER_MAX));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (score(bad[i], -1))
            fail_msg("taken for a score: %s", bad[i]);
    }
    int64_t number;
    assert_false(coherence_score(slice_make("1\0"
                                            "2",
                                            3),
                                 &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_goes_there_and_back), cmocka_unit_test(what_no_gateway_says_is_no_message),
        cmocka_unit_test(every_part_has_its_limit),       cmocka_unit_test(names_are_printable),
        cmocka_unit_test(scores_are_whole_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
