/* SPDX-License-Identifier: MIT */
/* The hash table against a plain array, and walking while removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/random.h"
#include "unit/collisions.h"

#include <stdio.h>

enum { KEYS = 300 };

static char texts[KEYS][16];

static int set_up(void **state)
{
    struct hash_secret secret;
    hash_secret_init(&secret);
    for (int i = 0; i < KEYS; i++)
        snprintf(texts[i], sizeof(texts[i]), "key-%d", i);
    *state = map_new(&secret);
    return 0;
}

static int tear_down(void **state)
{
    map_free(*state);
    return 0;
}

static void behaves_like_an_array(void **state)
{
    struct map *map = *state;
    void *model[KEYS] = {NULL};
    size_t count = 0;
    struct random random;
    random_init(&random, 3);
    for (int step = 0; step < 100000; step++) {
        int64_t i = random_between(&random, 0, KEYS - 1);
        struct slice key = slice_of(texts[i]);
        if (random_between(&random, 0, 2) == 0) {
            assert_ptr_equal(map_remove(map, key), model[i]);
            count -= model[i] != NULL;
            model[i] = NULL;
        } else {
            void *value = &texts[random_between(&random, 0, KEYS - 1)];
            assert_ptr_equal(map_put(map, key, value), model[i]);
            count += model[i] == NULL;
            model[i] = value;
        }
        int64_t other = random_between(&random, 0, KEYS - 1);
        assert_ptr_equal(map_get(map, slice_of(texts[other])), model[other]);
        assert_int_equal(map_count(map), count);
    }
}

static void a_walk_sees_each_value_once_even_while_removing(void **state)
{
    struct map *map = *state;
    struct random random;
    random_init(&random, 5);
    for (int round = 0; round < 200; round++) {
        int seen[KEYS] = {0};
        size_t cursor = 0;
        char(*value)[16];
        for (int i = 0; i < KEYS; i++)
            map_put(map, slice_of(texts[i]), texts[i]);
        while ((value = map_next(map, &cursor)) != NULL) {
            seen[value - texts]++;
            if (random_between(&random, 0, 1) == 0)
                assert_ptr_equal(map_remove(map, slice_of(*value)), value);
        }
        for (int i = 0; i < KEYS; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void room_that_was_made_is_there(void **state)
{
    struct map *map = *state;
    map_put(map, slice_of(texts[0]), texts[0]);
    assert_true(map_make_room(map, KEYS - 1));
    size_t bytes = map_bytes(map);
    assert_ptr_equal(map_get(map, slice_of(texts[0])), texts[0]);
    for (int i = 1; i < KEYS; i++)
        assert_null(map_put(map, slice_of(texts[i]), texts[i]));
    assert_int_equal(map_bytes(map), bytes);
    assert_int_equal(map_count(map), KEYS);
}

static void an_empty_one_has_nothing(void **state)
{
    struct map *map = *state;
    size_t cursor = 0;
    assert_null(map_get(map, slice_of("x")));
    assert_null(map_remove(map, slice_of("x")));
    assert_null(map_next(map, &cursor));
    assert_int_equal(map_bytes(map), 0);
    map_put(map, slice_make("", 0), texts[0]);
    assert_ptr_equal(map_get(map, slice_make("", 0)), texts[0]);
}

static void the_key_is_replaced_with_the_value(void **state)
{
    struct map *map = *state;
    char first[] = "same", second[] = "same";
    assert_null(map_put(map, slice_of(first), texts[0]));
    assert_ptr_equal(map_put(map, slice_of(second), texts[1]), texts[0]);
    memset(first, 'x', sizeof(first)); /* nobody looks at it any more */
    assert_ptr_equal(map_get(map, slice_of("same")), texts[1]);
    assert_int_equal(map_count(map), 1);
    assert_null(map_get(map, slice_of("sam")));
    assert_null(map_get(map, slice_make("same\0", 5)));
}

/* Never more than three quarters full, and not much larger than that asks for. */
static void it_grows_with_its_content(void **state)
{
    struct map *map = *state;
    size_t slot_bytes = 0;
    for (size_t count = 1; count <= KEYS; count++) {
        map_put(map, slice_of(texts[count - 1]), texts[count - 1]);
        if (slot_bytes == 0)
            slot_bytes = map_bytes(map) / 16;
        size_t slots = map_bytes(map) / slot_bytes;
        assert_true(4 * count <= 3 * slots);
        assert_true(slots == 16 || 4 * count > 3 * slots / 2);
    }
}

/* A bucket that holds all keys is long, and nothing worse: each is found, the rest stay when some are taken out, and
 * the table is as large as for any other keys. */
static void keys_of_one_hash_are_told_apart(void **state)
{
    (void)state;
    static struct colliding_key keys[KEYS];
    struct hash_secret known;
    struct colliding_key missing;
    hash_secret_init(&known);
    struct map *colliding = map_new(&known), *plain = map_new(&known);
    for (int i = 0; i < KEYS; i++) {
        assert_null(map_put(colliding, colliding_key(&known, (uint64_t)i, &keys[i]), texts[i]));
        map_put(plain, slice_of(texts[i]), texts[i]);
    }
    assert_int_equal(map_count(colliding), KEYS);
    assert_int_equal(map_bytes(colliding), map_bytes(plain));
    for (int i = 0; i < KEYS; i += 3)
        assert_ptr_equal(map_remove(colliding, slice_make(keys[i].bytes, COLLIDING_BYTES)), texts[i]);
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(colliding, slice_make(keys[i].bytes, COLLIDING_BYTES)), i % 3 == 0 ? NULL : texts[i]);
    assert_null(map_get(colliding, colliding_key(&known, KEYS, &missing)));
    map_free(colliding);
    map_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(behaves_like_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_value_once_even_while_removing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_that_was_made_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_has_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_is_replaced_with_the_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_one_hash_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_grows_with_its_content, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
