/* SPDX-License-Identifier: MIT */
/* Who is there, and for how long: against a plain list of when each was seen last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/coherence_register.h"

#include <stdio.h>

enum { NAMES = COHERENCE_GATEWAYS_MAX + 40, STEPS = 20000 };

static struct slice name(size_t number, char text[COHERENCE_ID_MAX])
{
    snprintf(text, COHERENCE_ID_MAX, "host:%zu#%016zx", number, number);
    return slice_of(text);
}

static void behaves_like_a_list(void **state)
{
    static struct coherence_register others;
    static int64_t seen_us[NAMES]; /* 0: not there */
    struct random random;
    char id[COHERENCE_ID_MAX];
    size_t count = 0;
    (void)state;
    random_init(&random, 20260101);
    for (int64_t now_us = 1; now_us <= STEPS; now_us++) {
        size_t who = (size_t)random_between(&random, 0, NAMES - 1);
        bool is_there = seen_us[who] > 0;
        if (random_between(&random, 0, 9) == 0) {
            assert_int_equal(coherence_register_part(&others, name(who, id)), is_there);
            count -= is_there;
            seen_us[who] = 0;
        } else if (is_there || count < COHERENCE_GATEWAYS_MAX) {
            int64_t at_us = now_us - random_between(&random, 0, now_us - 1);
            coherence_register_meet(&others, name(who, id), at_us);
            count += !is_there;
            seen_us[who] = seen_us[who] > at_us ? seen_us[who] : at_us;
        }
        assert_int_equal(others.count, count);
    }
    const int64_t gone_us = STEPS / 2;
    while (coherence_register_take_gone(&others, gone_us, id)) {
        size_t who = 0;
        assert_int_equal(sscanf(id, "host:%zu#", &who), 1);
        assert_in_range(seen_us[who], 1, gone_us - 1);
        seen_us[who] = 0;
        count--;
    }
    assert_int_equal(others.count, count);
    for (size_t i = 0; i < NAMES; i++)
        assert_true(seen_us[i] == 0 || seen_us[i] >= gone_us);
}

static void who_has_no_place_is_passed_over(void **state)
{
    static struct coherence_register others;
    char id[COHERENCE_ID_MAX];
    (void)state;
    for (size_t i = 0; i < NAMES; i++)
        coherence_register_meet(&others, name(i, id), 1);
    assert_int_equal(others.count, COHERENCE_GATEWAYS_MAX);
    assert_false(coherence_register_part(&others, name(NAMES - 1, id)));
    coherence_register_meet(&others, name(0, id), 7);
    assert_int_equal(others.gateways[0].seen_us, 7);
}

static void what_is_no_id_is_nobodys(void **state)
{
    static struct coherence_register others;
    (void)state;
    coherence_register_meet(&others, slice_make("", 0), 1);
    coherence_register_meet(&others, slice_of("a b#0000000000000001"), 1);
    coherence_register_meet(&others, slice_of("a#000000000000000X"), 1);
    assert_int_equal(others.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_a_list),
        cmocka_unit_test(who_has_no_place_is_passed_over),
        cmocka_unit_test(what_is_no_id_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
