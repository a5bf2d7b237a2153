/* SPDX-License-Identifier: MIT */
/* The hash table against a plain array, and walking while removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/random.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(behaves_like_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_value_once_even_while_removing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_has_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
