/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "upstream/denials.h"

static void each_denial_holds_twice_as_long_up_to_a_minute(void **state)
{
    static const int64_t seconds[] = {2, 4, 8, 16, 32, 60, 60};
    struct schema schema = {.number = 1};
    struct denials denials = {0};
    int64_t now_us = 0;

    (void)state;
    assert_false(denials_knows(&denials, &schema));
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        assert_false(denials_holds(&denials, &schema, now_us));
        assert_int_equal(denials_add(&denials, &schema, now_us), i == 0);
        assert_true(denials_holds(&denials, &schema, now_us + seconds[i] * CLOCK_SECOND - 1));
        now_us += seconds[i] * CLOCK_SECOND;
        assert_true(denials_knows(&denials, &schema));
    }
    denials_forget(&denials, &schema);
    assert_false(denials_knows(&denials, &schema));
    assert_false(denials_add(&denials, &schema, now_us)); /* it was told lately, at 0 */
    assert_false(denials_holds(&denials, &schema, now_us + 2 * CLOCK_SECOND));
    denials_forget(&denials, &schema);
    assert_true(denials_add(&denials, &schema, DENIALS_NEWS_US));
}

static void each_entity_has_its_own_and_there_is_a_bound(void **state)
{
    static struct schema schemas[DENIALS_ENTITIES_MAX + 1];
    struct denials denials = {0};

    (void)state;
    for (size_t i = 0; i <= DENIALS_ENTITIES_MAX; i++)
        schemas[i].number = i + 1;
    for (size_t i = 0; i <= DENIALS_ENTITIES_MAX; i++)
        assert_int_equal(denials_add(&denials, &schemas[i], 0), i < DENIALS_ENTITIES_MAX);
    denials_forget(&denials, &schemas[3]);
    for (size_t i = 0; i <= DENIALS_ENTITIES_MAX; i++)
        assert_int_equal(denials_holds(&denials, &schemas[i], 1), i != 3 && i < DENIALS_ENTITIES_MAX);
    denials_forget(&denials, &schemas[DENIALS_ENTITIES_MAX]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_denial_holds_twice_as_long_up_to_a_minute),
        cmocka_unit_test(each_entity_has_its_own_and_there_is_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
