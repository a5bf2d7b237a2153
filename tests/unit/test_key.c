/* SPDX-License-Identifier: MIT */
/* Keys: readable, bounded, and different wherever the question is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/hash.h"
#include "search/key.h"

enum { PREFIX_MAX = 64 };

static int set_up(void **state)
{
    *state = schema_builtin_webhooks();
    return 0;
}

static int tear_down(void **state)
{
    schema_free(*state);
    return 0;
}

static void is_readable(void **state)
{
    struct buf key;
    buf_init(&key, KEY_MAX + PREFIX_MAX);
    key_make(&key, slice_of("nexgate:"), *state, slice_of("WebHook_Active=true"), (struct window){200, 0});
    assert_true(slice_is(buf_slice(&key), "nexgate:v1:webhooks:WebHook_Active=true#200.0"));
    key_make(&key, slice_of(""), *state, slice_of(""), (struct window){1000, 2147483646});
    assert_true(slice_is(buf_slice(&key), "v1:webhooks:#1000.2147483646"));
    buf_free(&key);
}

static void a_long_query_ends_in_its_hash(void **state)
{
    char canonical[2 * KEY_CANONICAL_MAX];
    memset(canonical, 'a', sizeof(canonical));
    struct buf key;
    buf_init(&key, KEY_MAX);

    key_make(&key, slice_of(""), *state, slice_make(canonical, KEY_CANONICAL_MAX), (struct window){1, 0});
    assert_int_equal(key.length, strlen("v1:webhooks:#1.0") + KEY_CANONICAL_MAX);

    struct slice long_one = slice_make(canonical, KEY_CANONICAL_MAX + 1);
    uint8_t digest[HASH_SHA256_BYTES];
    hash_sha256(long_one, digest);
    struct buf expected;
    buf_init(&expected, KEY_MAX);
    buf_add_text(&expected, "v1:webhooks:");
    buf_add(&expected, slice_make(canonical, KEY_CANONICAL_MAX));
    buf_add_char(&expected, '~');
    codec_hex(&expected, digest, sizeof(digest));
    buf_add_text(&expected, "#1.0");
    key_make(&key, slice_of(""), *state, long_one, (struct window){1, 0});
    assert_true(slice_equal(buf_slice(&key), buf_slice(&expected)));
    buf_free(&expected);
    buf_free(&key);
}

/* Two questions whose first KEY_CANONICAL_MAX bytes are equal, and one that spells the other's cut key. */
static void long_queries_do_not_meet(void **state)
{
    char canonical[2 * KEY_CANONICAL_MAX];
    memset(canonical, 'a', sizeof(canonical));
    struct buf one, two;
    buf_init(&one, KEY_MAX);
    buf_init(&two, KEY_MAX);
    key_make(&one, slice_of(""), *state, slice_make(canonical, sizeof(canonical)), (struct window){1, 0});
    canonical[sizeof(canonical) - 1] = 'b';
    key_make(&two, slice_of(""), *state, slice_make(canonical, sizeof(canonical)), (struct window){1, 0});
    assert_int_equal(one.length, two.length);
    assert_false(slice_equal(buf_slice(&one), buf_slice(&two)));

    size_t head = strlen("v1:webhooks:");
    struct slice cut = slice_make(one.bytes + head, one.length - head - strlen("#1.0"));
    key_make(&two, slice_of(""), *state, cut, (struct window){1, 0});
    assert_false(slice_equal(buf_slice(&one), buf_slice(&two)));
    buf_free(&one);
    buf_free(&two);
}

static void the_longest_key_fits(void **state)
{
    (void)state;
    struct schema schema = {.entity = {NULL, 0}};
    char entity[SCHEMA_NAME_MAX];
    memset(entity, 'e', sizeof(entity));
    schema.entity = slice_make(entity, sizeof(entity));
    char canonical[4096];
    memset(canonical, 'a', sizeof(canonical));
    struct buf key;
    buf_init(&key, KEY_MAX);
    key_make(&key, slice_of(""), &schema, slice_make(canonical, sizeof(canonical)), (struct window){1000, INT64_MAX});
    assert_true(buf_ok(&key));
    buf_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_readable),
        cmocka_unit_test(a_long_query_ends_in_its_hash),
        cmocka_unit_test(long_queries_do_not_meet),
        cmocka_unit_test(the_longest_key_fits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
