/* SPDX-License-Identifier: MIT */
/* Request Cache-Control against an age: one row per promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cache/freshness.h"

enum { TTL = 60 };

struct row {
    const char *field; /* NULL: no Cache-Control */
    int age;           /* seconds, of a window whose ttl is 60 */
    enum freshness expected;
};

static const struct row ROWS[] = {
    {NULL, 0, FRESHNESS_FRESH},
    {NULL, 59, FRESHNESS_FRESH},
    {NULL, 60, FRESHNESS_STALE},
    {"", 10, FRESHNESS_FRESH},
    {"no-cache", 0, FRESHNESS_REFUSED},
    {"No-Cache", 0, FRESHNESS_REFUSED},
    {"no-cache", 61, FRESHNESS_STALE},
    {"max-age=0", 0, FRESHNESS_REFUSED},
    {"max-age=10", 10, FRESHNESS_FRESH},
    {"max-age=10", 11, FRESHNESS_REFUSED},
    {"max-age=\"10\"", 11, FRESHNESS_REFUSED},
    {"max-age=100", 61, FRESHNESS_STALE},
    {"max-age=ten", 1, FRESHNESS_REFUSED},
    {"max-age=", 1, FRESHNESS_REFUSED},
    {"max-age=-1", 1, FRESHNESS_REFUSED},
    {"max-age=99999999999999999999999", 59, FRESHNESS_FRESH},
    {"max-age=30, max-age=10", 20, FRESHNESS_REFUSED},
    {"min-fresh=20", 40, FRESHNESS_FRESH},
    {"min-fresh=20", 41, FRESHNESS_REFUSED},
    {"min-fresh=x", 0, FRESHNESS_REFUSED},
    {"max-stale", 100000, FRESHNESS_STALE_ASKED},
    {"max-stale=30", 90, FRESHNESS_STALE_ASKED},
    {"max-stale=30", 91, FRESHNESS_STALE},
    {"max-stale=x", 61, FRESHNESS_STALE},
    {"max-stale=30, no-cache", 61, FRESHNESS_STALE},
    {"max-stale=30, min-fresh=1", 61, FRESHNESS_STALE},
    {"max-age=10, max-stale=30", 40, FRESHNESS_FRESH},
    {"max-age=10, max-stale=30", 41, FRESHNESS_REFUSED},
    {"only-if-cached", 10, FRESHNESS_FRESH},
    {"no-store", 10, FRESHNESS_FRESH},
    {"x=\"no-cache, max-age=0\"", 10, FRESHNESS_FRESH},
    {"x=\"a\\\"b, no-cache\"", 10, FRESHNESS_FRESH},
    {"unknown, , ,", 10, FRESHNESS_FRESH},
};

static void judges_every_directive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct row *row = &ROWS[i];
        struct cache_directives directives;
        freshness_read(row->field != NULL ? slice_of(row->field) : slice_make(NULL, 0), false, &directives);
        enum freshness got = freshness_judge(&directives, row->age * CLOCK_SECOND, TTL * CLOCK_SECOND);
        if (got != row->expected)
            fail_msg("%s at %d s: %d, expected %d", row->field != NULL ? row->field : "(none)", row->age, got,
                     row->expected);
    }
}

static void pragma_counts_only_without_cache_control(void **state)
{
    (void)state;
    struct cache_directives directives;
    freshness_read(slice_make(NULL, 0), true, &directives);
    assert_true(directives.no_cache);
    freshness_read(slice_of("max-age=10"), true, &directives);
    assert_false(directives.no_cache);
}

static void flags_are_read(void **state)
{
    (void)state;
    struct cache_directives directives;
    freshness_read(slice_of("no-store,only-if-cached"), false, &directives);
    assert_true(directives.no_store);
    assert_true(directives.only_if_cached);
    assert_false(directives.no_cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_every_directive),
        cmocka_unit_test(pragma_counts_only_without_cache_control),
        cmocka_unit_test(flags_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
