/* SPDX-License-Identifier: MIT */
/* Hashes: published vectors, pieces as one run, and secrets that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/random.h"
#include "unit/collisions.h"

static void sha256_is_the_standards(void **state)
{
    (void)state;
    static char many[1000000];
    memset(many, 'a', sizeof(many));
    /* FIPS 180-2, appendix B, and the empty message. */
    const struct {
        struct slice text;
        const char *digest;
    } ROWS[] = {
        {SLICE(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {{NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {SLICE("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {slice_make(many, sizeof(many)), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        uint8_t digest[HASH_SHA256_BYTES], expected[HASH_SHA256_BYTES];
        assert_true(codec_unhex(slice_of(ROWS[i].digest), expected, sizeof(expected)));
        hash_sha256(ROWS[i].text, digest);
        assert_memory_equal(digest, expected, sizeof(expected));
    }
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* An entity tag must be the same on every instance and after every upgrade. */
static void the_open_hash_is_xxh3(void **state)
{
    (void)state;
    struct hash128 empty = hash_open(slice_make(NULL, 0));
    assert_true(same(empty, (struct hash128){UINT64_C(0x6001c324468d497f), UINT64_C(0x99aa06d3014798d8)}));
    assert_true(same(empty, hash_open(slice_of(""))));
    assert_true(same(empty, hash_open_parts(NULL, 0)));
}

static void parts_are_as_one_run(void **state)
{
    (void)state;
    static char bytes[3000];
    struct random random;
    random_init(&random, 17);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_between(&random, 0, 255);
    for (int round = 0; round < 3000; round++) {
        size_t length = (size_t)random_between(&random, 0, round % 2 == 0 ? 300 : (int64_t)sizeof(bytes));
        struct slice parts[4];
        size_t from = 0;
        for (int i = 0; i < 4; i++) {
            size_t piece = i == 3 ? length - from : (size_t)random_between(&random, 0, (int64_t)(length - from));
            parts[i] = slice_make(piece > 0 ? bytes + from : NULL, piece);
            from += piece;
        }
        assert_true(same(hash_open_parts(parts, 4), hash_open(slice_make(bytes, length))));
    }
}

static void every_bit_and_the_length_count(void **state)
{
    (void)state;
    char bytes[256] = {0};
    for (size_t length = 1; length <= sizeof(bytes); length++) {
        struct hash128 plain = hash_open(slice_make(bytes, length));
        assert_false(same(plain, hash_open(slice_make(bytes, length - 1))));
        for (size_t bit = 0; bit < 8 * length; bit += 5) {
            bytes[bit / 8] = (char)(1u << bit % 8);
            assert_false(same(plain, hash_open(slice_make(bytes, length))));
            bytes[bit / 8] = 0;
        }
    }
}

static void each_secret_hashes_otherwise(void **state)
{
    (void)state;
    struct hash_secret one, other;
    char bytes[600] = {0};
    hash_secret_init(&one);
    hash_secret_init(&other);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct slice text = slice_make(length > 0 ? bytes : NULL, length);
        assert_true(hash_keyed(&one, text) == hash_keyed(&one, text));
        assert_true(hash_keyed(&one, text) != hash_keyed(&other, text));
    }
}

enum { COLLIDING = 4096, BUCKETS = 8192, BUCKET_MAX = 20 };

/* What collides by a secret that somebody knows, down to the last bit, is spread by another as any keys are: with half
 * as many keys as buckets, one of more than BUCKET_MAX would be a wonder (less than one in 10^20). */
static void what_collides_by_one_secret_does_not_by_another(void **state)
{
    (void)state;
    static uint16_t buckets[BUCKETS];
    struct hash_secret known, other;
    struct colliding_key key;
    hash_secret_init(&known);
    hash_secret_init(&other);
    uint64_t same = hash_keyed(&known, colliding_key(&known, 0, &key));
    memset(buckets, 0, sizeof(buckets));
    for (uint64_t number = 0; number < COLLIDING; number++) {
        struct slice text = colliding_key(&known, number, &key);
        assert_true(hash_keyed(&known, text) == same);
        uint16_t *bucket = &buckets[hash_keyed(&other, text) % BUCKETS];
        assert_true(++*bucket <= BUCKET_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_the_standards),
        cmocka_unit_test(the_open_hash_is_xxh3),
        cmocka_unit_test(parts_are_as_one_run),
        cmocka_unit_test(every_bit_and_the_length_count),
        cmocka_unit_test(each_secret_hashes_otherwise),
        cmocka_unit_test(what_collides_by_one_secret_does_not_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
