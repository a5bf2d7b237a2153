/* SPDX-License-Identifier: MIT */
/* Windows as bytes: what is written is read again, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/random.h"
#include "cache/purges.h"
#include "cache/stored.h"
#include "search/page.h"

static const struct slice KEY = SLICE("t:v1:webhooks:WebHook_Active=true#20.0");
static const struct window WINDOW = {20, 0};

static const struct stored_facts FACTS = {.age_us = 1500,
                                          .kept_ms = 86700000,
                                          .fetched_wall_us = INT64_C(1764237600000000),
                                          .ttl_us = 60000000,
                                          .stale_us = INT64_C(86400000000),
                                          .purge_number = INT64_C(1764237599000000),
                                          .mark = UINT64_C(0xFEDCBA9876543210),
                                          .window = {20, 0}};

struct sample {
    struct buf body, bytes;
    struct envelope envelope;
};

/* An envelope of `records` records with `padding` bytes in each. */
static void make(struct sample *sample, size_t records, size_t padding)
{
    int64_t cap;
    char why[ENVELOPE_WHY_MAX];
    buf_init(&sample->body, 1 << 24);
    buf_init(&sample->bytes, STORED_BYTES_MAX);
    buf_add_text(&sample->body, "{\"Records\": [");
    for (size_t i = 0; i < records; i++) {
        buf_format(&sample->body, "%s{\"Id\":%zu,\"Name\":\"", i > 0 ? ", " : "", i);
        for (size_t p = 0; p < padding; p++)
            buf_add_char(&sample->body, (char)('a' + p % 26));
        buf_add_text(&sample->body, "\"}");
    }
    buf_format(&sample->body, "],\"New\":null,\"Current\\u0050age\":1,\"CurrentPageSize\":20,\"TotalItems\":%zu}",
               records);
    assert_int_equal(envelope_read(buf_slice(&sample->body), WINDOW, slice_of("Id"), &sample->envelope, &cap, why),
                     ENVELOPE_OK);
    assert_true(stored_write(&sample->bytes, KEY, &FACTS, &sample->envelope, buf_slice(&sample->body)));
}

static void unmake(struct sample *sample)
{
    envelope_free(&sample->envelope);
    buf_free(&sample->body);
    buf_free(&sample->bytes);
}

static bool is_read(struct slice bytes, struct slice key, struct window window)
{
    struct stored_facts facts;
    struct envelope envelope;
    struct buf body;
    bool good = stored_read(bytes, key, window, &facts, &envelope, &body);
    if (!good)
        assert_true(envelope.records == NULL && body.bytes == NULL && facts.mark == 0);
    envelope_free(&envelope);
    buf_free(&body);
    return good;
}

static void assert_same(const struct sample *sample)
{
    struct stored_facts facts;
    struct envelope envelope;
    struct buf body;
    assert_true(stored_read(buf_slice(&sample->bytes), KEY, WINDOW, &facts, &envelope, &body));
    assert_memory_equal(&facts, &FACTS, sizeof(facts));
    assert_true(slice_equal(buf_slice(&body), buf_slice(&sample->body)));
    assert_int_equal(envelope.total_items, sample->envelope.total_items);
    assert_int_equal(envelope.page_size, sample->envelope.page_size);
    assert_int_equal(envelope.member_count, sample->envelope.member_count);
    for (size_t i = 0; i < envelope.member_count; i++)
        assert_memory_equal(&envelope.members[i], &sample->envelope.members[i], sizeof(struct envelope_member));
    assert_int_equal(envelope.record_count, sample->envelope.record_count);
    for (size_t i = 0; i < envelope.record_count; i++)
        assert_memory_equal(&envelope.records[i], &sample->envelope.records[i], sizeof(struct envelope_record));
    envelope_free(&envelope);
    buf_free(&body);
}

static void what_is_written_is_read_again(void **state)
{
    static const size_t sizes[][2] = {{0, 0}, {1, 0}, {3, 10}, {20, 0}, {20, 1000}};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct sample sample;
        make(&sample, sizes[i][0], sizes[i][1]);
        assert_same(&sample);
        unmake(&sample);
    }
}

static void a_long_body_is_compressed(void **state)
{
    struct sample sample;
    (void)state;
    make(&sample, 20, 1000);
    assert_true(sample.bytes.length < sample.body.length / 4);
    unmake(&sample);
}

static void another_key_or_window_is_not_answered(void **state)
{
    struct sample sample;
    (void)state;
    make(&sample, 3, 0);
    assert_true(is_read(buf_slice(&sample.bytes), KEY, WINDOW));
    assert_false(is_read(buf_slice(&sample.bytes), slice_of("t:v1:webhooks:WebHook_Active=fals#20.0"), WINDOW));
    assert_false(is_read(buf_slice(&sample.bytes), slice_make(KEY.at, KEY.length - 1), WINDOW));
    assert_false(is_read(buf_slice(&sample.bytes), KEY, (struct window){20, 1}));
    assert_false(is_read(buf_slice(&sample.bytes), KEY, (struct window){200, 0}));
    unmake(&sample);
}

/* Every bit of a small entry, compressed and not. */
static void any_flipped_bit_is_found(void **state)
{
    static const size_t sizes[][2] = {{3, 4}, {3, 400}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sample sample;
        make(&sample, sizes[i][0], sizes[i][1]);
        for (size_t bit = 0; bit < sample.bytes.length * 8; bit++) {
            sample.bytes.bytes[bit / 8] = (char)(sample.bytes.bytes[bit / 8] ^ (1 << bit % 8));
            if (is_read(buf_slice(&sample.bytes), KEY, WINDOW))
                fail_msg("bit %zu was not missed", bit);
            sample.bytes.bytes[bit / 8] = (char)(sample.bytes.bytes[bit / 8] ^ (1 << bit % 8));
        }
        assert_same(&sample);
        unmake(&sample);
    }
}

static void random_damage_to_a_large_entry_is_found(void **state)
{
    struct sample sample;
    struct random random;
    (void)state;
    random_init(&random, 7);
    make(&sample, 20, 2000);
    for (unsigned i = 0; i < 3000; i++) {
        size_t bit = (size_t)random_between(&random, 0, (int64_t)sample.bytes.length * 8 - 1);
        sample.bytes.bytes[bit / 8] = (char)(sample.bytes.bytes[bit / 8] ^ (1 << bit % 8));
        assert_false(is_read(buf_slice(&sample.bytes), KEY, WINDOW));
        sample.bytes.bytes[bit / 8] = (char)(sample.bytes.bytes[bit / 8] ^ (1 << bit % 8));
    }
    assert_same(&sample);
    unmake(&sample);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
    struct sample sample;
    (void)state;
    make(&sample, 3, 4);
    for (size_t length = 0; length < sample.bytes.length; length++)
        assert_false(is_read(slice_make(sample.bytes.bytes, length), KEY, WINDOW));
    buf_add_char(&sample.bytes, '\0');
    assert_false(is_read(buf_slice(&sample.bytes), KEY, WINDOW));
    assert_false(is_read(slice_of(""), KEY, WINDOW));
    assert_false(is_read(slice_of("hello"), KEY, WINDOW));
    unmake(&sample);
}

/* A stranger who computes the checksum too: each byte of header and index at each of a few values, summed again.
 * Whatever is believed all the same must be safe to cut pages from, which the sanitizers watch. */
static void a_right_checksum_is_not_enough(void **state)
{
    static const int values[] = {0, 1, 2, '\\', 'u', 0x7F, 0x80, 0xFF};
    struct sample sample;
    unsigned believed = 0, refused = 0;
    (void)state;
    make(&sample, 3, 4);
    size_t summed = sample.bytes.length - STORED_CHECKSUM_BYTES;
    for (size_t at = 0; at < summed; at++) {
        char before = sample.bytes.bytes[at];
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct stored_facts facts;
            struct envelope envelope;
            struct buf body, text;
            sample.bytes.bytes[at] = (char)values[i];
            struct hash128 sum = hash_open(slice_make(sample.bytes.bytes, summed));
            memcpy(sample.bytes.bytes + summed, &sum.low, 8); /* on the machines that we run on */
            memcpy(sample.bytes.bytes + summed + 8, &sum.high, 8);
            if (!stored_read(buf_slice(&sample.bytes), KEY, WINDOW, &facts, &envelope, &body)) {
                refused++;
                continue;
            }
            believed++;
            struct page_plan plan;
            struct page page;
            struct page_part part = {&envelope, buf_slice(&body)};
            buf_init(&text, 1 << 16);
            page_plan(&plan, 1, 20, 20, 0);
            assert_true(page_cut(&plan, &part, 1, &text, &page));
            buf_free(&text);
            envelope_free(&envelope);
            buf_free(&body);
        }
        sample.bytes.bytes[at] = before;
    }
    assert_true(believed > 0 && refused > believed);
    unmake(&sample);
}

/* What no page could carry is no window, whoever stored it. */
static void members_that_no_page_could_carry_are_refused(void **state)
{
    (void)state;
    for (size_t grown = ENVELOPE_TEXT_MAX / 2; grown <= ENVELOPE_TEXT_MAX; grown += ENVELOPE_TEXT_MAX / 2) {
        struct sample sample;
        make(&sample, 0, 0);
        struct envelope_member *members = sample.envelope.members;
        const struct slice before = slice_make(sample.body.bytes, members[1].value_at);
        const char *behind = before.at + before.length + members[1].value_length;
        struct buf body;
        buf_init(&body, 1 << 24);
        buf_add(&body, before);
        for (size_t i = 0; i < grown; i++)
            buf_add_char(&body, '1');
        buf_add(&body, slice_make(behind, sample.body.length - (size_t)(behind - before.at)));
        for (size_t i = 2; i < sample.envelope.member_count; i++) {
            members[i].name_at += (uint32_t)grown - members[1].value_length;
            members[i].value_at += (uint32_t)grown - members[1].value_length;
        }
        members[1].value_length = (uint32_t)grown;
        buf_reset(&sample.bytes);
        assert_true(stored_write(&sample.bytes, KEY, &FACTS, &sample.envelope, buf_slice(&body)));
        assert_int_equal(is_read(buf_slice(&sample.bytes), KEY, WINDOW), grown < ENVELOPE_TEXT_MAX);
        buf_free(&body);
        unmake(&sample);
    }
}

/* A purge that must have a greater number than this window bears has to be possible. */
static void numbers_of_purges_have_a_ceiling(void **state)
{
    static const int64_t good[] = {0, 1, PURGE_NUMBER_MAX}, bad[] = {-1, PURGE_NUMBER_MAX + 1, INT64_MAX, INT64_MIN};
    struct sample sample;
    (void)state;
    make(&sample, 1, 0);
    struct stored_facts facts = FACTS;
    for (size_t i = 0; i < 7; i++) {
        facts.purge_number = i < 3 ? good[i] : bad[i - 3];
        buf_reset(&sample.bytes);
        assert_true(stored_write(&sample.bytes, KEY, &facts, &sample.envelope, buf_slice(&sample.body)));
        assert_int_equal(is_read(buf_slice(&sample.bytes), KEY, WINDOW), i < 3);
    }
    unmake(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_long_body_is_compressed),
        cmocka_unit_test(another_key_or_window_is_not_answered),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(random_damage_to_a_large_entry_is_found),
        cmocka_unit_test(what_is_cut_or_longer_is_refused),
        cmocka_unit_test(a_right_checksum_is_not_enough),
        cmocka_unit_test(numbers_of_purges_have_a_ceiling),
        cmocka_unit_test(members_that_no_page_could_carry_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
