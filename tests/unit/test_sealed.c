/* SPDX-License-Identifier: MIT */
/* What is sealed opens with the same key in the same place, and in no other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "upstream/grant.h"
#include "upstream/sealed.h"

#include <stdlib.h>

static const struct sealed_place home = {
    .prefix = SLICE("nexgate:"), .client_id = SLICE("someone@example.org"), .generation = 1732701234567890};

static void make_key(uint8_t key[SEALED_KEY_BYTES])
{
    random_secret(key, SEALED_KEY_BYTES);
}

static bool opens(const uint8_t *key, const struct sealed_place *place, struct slice sealed)
{
    struct buf secret;
    bool good = sealed_open(key, place, sealed, &secret);

    if (!good)
        assert_int_equal(secret.length, 0);
    grant_wipe(&secret);
    return good;
}

static void any_length_comes_back(void **state)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1000, SEALED_SECRET_MAX};
    uint8_t key[SEALED_KEY_BYTES];

    (void)state;
    make_key(key);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *text = mem_new(lengths[i] + 1);
        struct buf sealed, secret;
        random_secret(text, lengths[i]);
        assert_true(sealed_close(key, &home, slice_make(text, lengths[i]), &sealed));
        assert_int_equal(sealed.length, lengths[i] + SEALED_EXTRA_BYTES);
        assert_true(sealed_open(key, &home, buf_slice(&sealed), &secret));
        assert_true(slice_equal(buf_slice(&secret), slice_make(text, lengths[i])));
        buf_free(&sealed);
        grant_wipe(&secret);
        mem_free(text);
    }
}

static void too_much_is_not_sealed(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    char *text = mem_new(SEALED_SECRET_MAX + 1);
    struct buf sealed;

    (void)state;
    make_key(key);
    assert_false(sealed_close(key, &home, slice_make(text, SEALED_SECRET_MAX + 1), &sealed));
    assert_int_equal(sealed.length, 0);
    buf_free(&sealed);
    mem_free(text);
}

/* Not the text, not its nonce: the same secret never looks the same. */
static void two_seals_have_nothing_in_common(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    const struct slice text = SLICE("access-abcdefghijklmnopqrstuvwxyz");
    struct buf one, two;

    (void)state;
    make_key(key);
    assert_true(sealed_close(key, &home, text, &one) && sealed_close(key, &home, text, &two));
    assert_memory_not_equal(one.bytes + 1, two.bytes + 1, SEALED_NONCE_BYTES);
    assert_memory_not_equal(one.bytes + 1 + SEALED_NONCE_BYTES, two.bytes + 1 + SEALED_NONCE_BYTES, text.length);
    assert_null(memmem(one.bytes, one.length, "access", 6));
    buf_free(&one);
    buf_free(&two);
}

static void one_flipped_bit_anywhere_shuts_it(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct buf sealed;

    (void)state;
    make_key(key);
    assert_true(sealed_close(key, &home, slice_of("a secret of some length"), &sealed));
    for (size_t bit = 0; bit < sealed.length * 8; bit++) {
        sealed.bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(opens(key, &home, buf_slice(&sealed)));
        sealed.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(opens(key, &home, buf_slice(&sealed)));
    buf_free(&sealed);
}

static void another_key_does_not_fit(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct buf sealed;

    (void)state;
    make_key(key);
    assert_true(sealed_close(key, &home, slice_of("a secret"), &sealed));
    for (size_t bit = 0; bit < sizeof key * 8; bit++) {
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(opens(key, &home, buf_slice(&sealed)));
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_free(&sealed);
}

static void a_part_of_it_does_not_open(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct buf sealed;

    (void)state;
    make_key(key);
    assert_true(sealed_close(key, &home, slice_of("a secret"), &sealed));
    for (size_t length = 0; length < sealed.length; length++)
        assert_false(opens(key, &home, slice_make(sealed.bytes, length)));
    buf_add_char(&sealed, 'x');
    assert_false(opens(key, &home, buf_slice(&sealed)));
    buf_free(&sealed);
}

static void it_cannot_be_moved_to_another_place(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct buf sealed;
    struct sealed_place place;

    (void)state;
    make_key(key);
    assert_true(sealed_close(key, &home, slice_of("a secret"), &sealed));
    place = home;
    place.generation++;
    assert_false(opens(key, &place, buf_slice(&sealed)));
    place = home;
    place.prefix = slice_of("nexgate:s"); /* the border between the texts counts, too */
    place.client_id = slice_of("omeone@example.org");
    assert_false(opens(key, &place, buf_slice(&sealed)));
    place = home;
    place.client_id = slice_of("other@example.org");
    assert_false(opens(key, &place, buf_slice(&sealed)));
    assert_true(opens(key, &home, buf_slice(&sealed)));
    buf_free(&sealed);
}

static bool opens_as_pair(const uint8_t *key, struct slice sealed, const char *first, const char *second)
{
    struct buf one, other;
    bool good = sealed_open_pair(key, &home, sealed, &one, &other);

    if (good) {
        assert_true(slice_is(buf_slice(&one), first));
        assert_true(slice_is(buf_slice(&other), second));
    }
    grant_wipe(&one);
    grant_wipe(&other);
    return good;
}

static void a_pair_comes_back(void **state)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct buf sealed;

    (void)state;
    make_key(key);
    assert_true(sealed_close_pair(key, &home, slice_of("one"), slice_of("other"), &sealed));
    assert_true(opens_as_pair(key, buf_slice(&sealed), "one", "other"));
    buf_free(&sealed);
    assert_true(sealed_close_pair(key, &home, slice_of("one"), slice_of(""), &sealed));
    assert_true(opens_as_pair(key, buf_slice(&sealed), "one", ""));
    buf_free(&sealed);
}

/* Sealed with our key, by another version of us. */
static void what_is_no_pair_does_not_open_as_one(void **state)
{
    static const struct slice others[] = {SLICE(""), SLICE("\0\0\0"), SLICE("\0\0\0\0"), SLICE("\0\0\0\2x"),
                                          SLICE("\xff\xff\xff\xffxyz")};
    uint8_t key[SEALED_KEY_BYTES];

    (void)state;
    make_key(key);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct buf sealed;
        assert_true(sealed_close(key, &home, others[i], &sealed));
        assert_false(opens_as_pair(key, buf_slice(&sealed), "", ""));
        buf_free(&sealed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_comes_back),
        cmocka_unit_test(too_much_is_not_sealed),
        cmocka_unit_test(two_seals_have_nothing_in_common),
        cmocka_unit_test(one_flipped_bit_anywhere_shuts_it),
        cmocka_unit_test(another_key_does_not_fit),
        cmocka_unit_test(a_part_of_it_does_not_open),
        cmocka_unit_test(it_cannot_be_moved_to_another_place),
        cmocka_unit_test(a_pair_comes_back),
        cmocka_unit_test(what_is_no_pair_does_not_open_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
