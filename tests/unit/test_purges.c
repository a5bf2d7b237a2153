/* SPDX-License-Identifier: MIT */
/* Which entries a purge covers: by head and by number, whatever the order in which purges become known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/purges.h"

#include <stdio.h>

static struct entry *make(const char *key, int64_t fetched_us, int64_t number)
{
    struct buf body;
    struct envelope envelope = {.records = NULL};
    buf_init(&body, 16);
    buf_add_text(&body, "{}");
    struct entry *entry = entry_new(slice_of(key), &body, &envelope, fetched_us);
    assert_non_null(entry);
    entry->purge_number = number;
    return entry;
}

static bool spares(struct purges *purges, const char *key, int64_t number)
{
    struct entry *entry = make(key, 0, number);
    bool spared = purges_spare(purges, entry);
    assert_true(!spared || purges_spare(purges, entry)); /* and says so again */
    entry_unref(entry);
    return spared;
}

static void numbers_and_heads_decide(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    assert_true(spares(purges, "v1:a:x#20.0", 0));
    assert_true(purges_add(purges, slice_of("v1:a:x#"), 10, false, 1000, NULL));
    assert_false(spares(purges, "v1:a:x#20.0", 9));
    assert_false(spares(purges, "v1:a:x#20.1", 0));
    assert_true(spares(purges, "v1:a:x#20.0", 10));
    assert_true(spares(purges, "v1:a:x&y#20.0", 9));
    assert_true(spares(purges, "v1:a:", 9));
    assert_true(purges_add(purges, slice_of("v1:"), 11, false, 1001, NULL));
    assert_false(spares(purges, "v1:b:#20.0", 10));
    assert_int_equal(purges_known(purges), 11);
    purges_free(purges);
}

/* One's own purge is known from Redis before another's smaller number is heard. */
static void a_smaller_number_that_comes_later_counts(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    struct entry *entry = make("v1:a:x#20.0", 0, 5);
    assert_true(purges_add(purges, slice_of("v1:b:"), 10, false, 1000, NULL));
    assert_true(purges_spare(purges, entry));
    assert_true(purges_add(purges, slice_of("v1:a:"), 9, false, 1001, NULL));
    assert_false(purges_spare(purges, entry));
    assert_int_equal(purges_known(purges), 10);
    entry_unref(entry);
    purges_free(purges);
}

static void what_is_said_twice_is_known_once(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    struct slice head = slice_of("v1:a:");
    assert_true(purges_add(purges, head, 10, true, 1000, NULL));
    assert_false(purges_add(purges, head, 10, true, 1001, NULL));
    assert_true(purges_add(purges, head, 10, false, 1002, NULL));
    assert_false(purges_add(purges, head, 10, true, 1003, NULL)); /* the hard one says more */
    assert_false(purges_add(purges, head, 9, false, 1004, NULL));
    assert_true(purges_add(purges, head, 11, true, 1005, NULL)); /* both stand */
    assert_false(spares(purges, "v1:a:#20.0", 9));
    assert_true(spares(purges, "v1:a:#20.0", 10));
    assert_false(purges_add(purges, slice_of(""), 12, false, 1006, NULL));
    purges_free(purges);
}

static void a_soft_purge_ends_freshness(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    struct entry *entry = make("v1:a:x#20.0", 500, 0);
    assert_int_equal(entry_ttl(entry, 60), 60);
    assert_true(purges_add(purges, slice_of("v1:a:"), 10, true, 520, NULL));
    assert_true(purges_spare(purges, entry));
    assert_int_equal(entry_ttl(entry, 60), 20);
    assert_true(purges_add(purges, slice_of("v1:a:"), 11, true, 530, NULL));
    assert_true(purges_spare(purges, entry));
    assert_int_equal(entry_ttl(entry, 60), 20); /* the first one counts */
    assert_true(purges_add(purges, slice_of("v1:a:x#"), 12, false, 540, NULL));
    assert_false(purges_spare(purges, entry));
    entry_unref(entry);
    purges_free(purges);
}

static void a_fetch_knows_what_was_known_when_it_began(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    assert_int_equal(purges_known_at(purges, 1000), 0);
    purges_know(purges, 100, 1000);
    assert_true(purges_add(purges, slice_of("v1:a:"), 110, false, 2000, NULL));
    assert_int_equal(purges_known_at(purges, 999), 0);
    assert_int_equal(purges_known_at(purges, 1000), 0); /* at that very moment: not for sure */
    assert_int_equal(purges_known_at(purges, 1001), 100);
    assert_int_equal(purges_known_at(purges, 2000), 100);
    assert_int_equal(purges_known_at(purges, 2001), 110);
    for (int i = 1; i <= 100; i++)
        purges_know(purges, 110 + i, 3000 + i);
    assert_int_equal(purges_known_at(purges, 2001), 0); /* too long ago to tell */
    assert_int_equal(purges_known_at(purges, 3100), 209);
    purges_free(purges);
}

static void the_moment_of_the_last_purge_is_told(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    assert_int_equal(purges_last_us(purges, slice_of("v1:a:x#20.0")), INT64_MIN);
    assert_true(purges_add(purges, slice_of("v1:a:"), 10, false, 1000, NULL));
    assert_true(purges_add(purges, slice_of("v1:b:"), 11, false, 2000, NULL));
    assert_int_equal(purges_last_us(purges, slice_of("v1:a:x#20.0")), 1000);
    assert_int_equal(purges_last_us(purges, slice_of("v1:c:x#20.0")), INT64_MIN);
    purges_free(purges);
}

/* What is forgotten is replaced by something that covers more. */
static void forgetting_purges_more_and_never_less(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    char head[32];
    for (int i = 0; i < PURGES_MAX + 10; i++) {
        snprintf(head, sizeof(head), "v1:a:%d#", i);
        assert_true(purges_add(purges, slice_of(head), 100 + i, false, 1000 + i, NULL));
    }
    assert_false(spares(purges, "v1:a:3#20.0", 99));
    assert_false(spares(purges, "v1:a:never purged#20.0", 99));
    assert_true(spares(purges, "v1:a:never purged#20.0", 109));
    assert_false(spares(purges, "v1:a:4000#20.0", 109));
    assert_int_equal(purges_last_us(purges, slice_of("v1:a:never purged#20.0")), 1000 + PURGES_MAX + 9);
    purges_free(purges);
}

static bool spares_foreign(struct purges *purges, const char *key, int64_t number)
{
    struct entry *entry = make(key, 0, number);
    entry->foreign = true;
    bool spared = purges_spare(purges, entry);
    entry_unref(entry);
    return spared;
}

/* What others have fetched may bear any number, of which it cannot be told whether it was before the order. */
static void an_order_without_a_number_covers_all_that_others_fetched(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    purges_know(purges, 10, 1000);
    purges_order(purges, slice_of("v1:a:"), false, 1001);
    assert_int_equal(purges_known(purges), 11);
    assert_false(spares(purges, "v1:a:#20.0", 10));
    assert_true(spares(purges, "v1:a:#20.0", 11));
    assert_false(spares_foreign(purges, "v1:a:#20.0", 500));
    assert_true(spares_foreign(purges, "v1:b:#20.0", 500));
    assert_true(purges_add(purges, slice_of("v1:a:"), 400, false, 1002, NULL)); /* another's: it may be older */
    assert_false(spares_foreign(purges, "v1:a:#20.0", 500));
    assert_true(purges_add(purges, slice_of("v1:a:"), 600, false, 1003, NULL));
    purges_settle(purges, slice_of("v1:a:"), false, 400);
    assert_false(spares_foreign(purges, "v1:a:#20.0", 599));
    assert_true(spares_foreign(purges, "v1:a:#20.0", 600));
    purges_free(purges);
}

static void a_number_settles_what_was_ordered_before_it_was_asked_for(void **state)
{
    (void)state;
    struct purges *purges = purges_new();
    purges_order(purges, slice_of("v1:a:x#"), false, 1001); /* 1 */
    purges_order(purges, slice_of("v1:b:"), true, 1002);    /* 2 */
    purges_order(purges, slice_of("v1:c:"), false, 1003);   /* 3: after 2 was asked for */
    assert_true(purges_add(purges, slice_of("v1:"), 100, true, 1004, NULL));
    purges_settle(purges, slice_of("v1:"), true, 2);
    assert_false(spares_foreign(purges, "v1:a:x#20.0", 500)); /* it was not a soft one */
    assert_true(spares_foreign(purges, "v1:b:#20.0", 500));
    assert_true(purges_add(purges, slice_of("v1:"), 200, false, 1005, NULL));
    purges_settle(purges, slice_of("v1:"), false, 2);
    assert_true(spares_foreign(purges, "v1:a:x#20.0", 500));
    assert_false(spares_foreign(purges, "v1:c:#20.0", 500));
    assert_true(purges_add(purges, slice_of("v1:c:"), 300, false, 1006, NULL));
    purges_settle(purges, slice_of("v1:c:"), false, 200);
    assert_true(spares_foreign(purges, "v1:c:#20.0", 500));
    purges_free(purges);
}

static void orders_without_a_number_are_not_forgotten_for_others(void **state)
{
    char head[32];
    (void)state;
    struct purges *purges = purges_new();
    for (int i = 0; i < 100; i++) /* again and again the same is one */
        purges_order(purges, slice_of("v1:mine:"), false, 1000);
    for (int i = 0; i < PURGES_MAX + 10; i++) {
        snprintf(head, sizeof(head), "v1:e%d:", i);
        assert_true(purges_add(purges, slice_of(head), 1000 + i, false, 2000, NULL));
    }
    assert_false(spares_foreign(purges, "v1:mine:#20.0", 90000));
    assert_false(spares(purges, "v1:other:#20.0", 1000)); /* the oldest of the others went */
    assert_true(spares(purges, "v1:other:#20.0", 1011));
    purges_free(purges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_heads_decide),
        cmocka_unit_test(a_smaller_number_that_comes_later_counts),
        cmocka_unit_test(what_is_said_twice_is_known_once),
        cmocka_unit_test(a_soft_purge_ends_freshness),
        cmocka_unit_test(a_fetch_knows_what_was_known_when_it_began),
        cmocka_unit_test(the_moment_of_the_last_purge_is_told),
        cmocka_unit_test(forgetting_purges_more_and_never_less),
        cmocka_unit_test(an_order_without_a_number_covers_all_that_others_fetched),
        cmocka_unit_test(a_number_settles_what_was_ordered_before_it_was_asked_for),
        cmocka_unit_test(orders_without_a_number_are_not_forgotten_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
