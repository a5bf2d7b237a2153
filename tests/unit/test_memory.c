/* SPDX-License-Identifier: MIT */
/* The memory store: bounds, order of eviction, replacement, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/memory.h"

#include <pthread.h>
#include <stdio.h>

/* An entry of about `size` bytes under "key NUMBER". */
static struct entry *make_entry(int number, size_t size, int64_t fetched_us)
{
    char key[32];
    struct buf body;
    struct envelope envelope = {.records = NULL};
    snprintf(key, sizeof(key), "key %d", number);
    buf_init(&body, size + 1);
    char *room = buf_room(&body, size);
    assert_non_null(room);
    memset(room, 'x', size);
    body.length = size;
    struct entry *entry = entry_new(slice_of(key), &body, &envelope, fetched_us);
    assert_non_null(entry);
    return entry;
}

static bool put(struct memory *memory, int number, size_t size, int64_t fetched_us)
{
    struct entry *entry = make_entry(number, size, fetched_us);
    bool stored = memory_put(memory, entry);
    entry_unref(entry);
    return stored;
}

static bool has(struct memory *memory, int number)
{
    char key[32];
    snprintf(key, sizeof(key), "key %d", number);
    struct entry *entry = memory_get(memory, slice_of(key));
    entry_unref(entry);
    return entry != NULL;
}

/* Long bodies lie in pages of their own, as far as there are any (the address sanitizer's build has none): every byte
 * is there, and the pages are counted. */
static void a_long_body_is_whole_and_counted(void **state)
{
    (void)state;
    for (size_t size = 30000; size < 140000; size += 9999) {
        struct entry *entry = make_entry(1, size, 0);
        entry_settle(entry);
        assert_int_equal(entry->body.length, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(entry->body.bytes[i], 'x');
        assert_true(entry->bytes > size && entry->bytes < size + 4096 + 1024);
        entry_unref(entry);
    }
}

/* The kernel lets a process have so many mappings; who asks for more must have some left for threads. */
static void own_pages_have_a_limit(void **state)
{
    (void)state;
    void **pages = mem_new(MEM_MAPS_MAX * sizeof(*pages));
    size_t count = 0;
    while (count < MEM_MAPS_MAX && (pages[count] = mem_try_map(5000)) != NULL) {
        memset(pages[count], 'x', 5000);
        count++;
    }
    assert_true(count == MEM_MAPS_MAX || count == 0); /* none: the sanitizer watches */
    assert_null(mem_try_map(5000));
    struct entry *entry = make_entry(1, 100000, 0);
    entry_settle(entry); /* stays in the heap */
    entry_unref(entry);
    for (size_t i = 0; i < count; i++)
        mem_unmap(pages[i], 5000);
    void *one = mem_try_map(1);
    assert_true((one != NULL) == (count > 0));
    if (one != NULL)
        mem_unmap(one, 1);
    mem_free(pages);
    assert_int_equal(mem_mapped_bytes(1), mem_mapped_bytes(4096));
    assert_true(mem_mapped_bytes(70000) >= 70000);
}

static void finds_what_was_put(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20);
    assert_false(has(memory, 1));
    assert_true(put(memory, 1, 100, 5));
    assert_true(has(memory, 1));
    assert_int_equal(memory_stats(memory).entries, 1);
    struct entry *entry = memory_get(memory, slice_of("key 1"));
    assert_true(memory_remove(memory, slice_of("key 1")));
    assert_false(memory_remove(memory, slice_of("key 1")));
    assert_int_equal(entry->body.length, 100); /* who holds a reference keeps the bytes */
    entry_unref(entry);
    assert_int_equal(memory_stats(memory).entries, 0);
    memory_free(memory);
}

static void a_later_window_replaces_an_earlier_one_only(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20);
    assert_true(put(memory, 1, 100, 5));
    assert_true(put(memory, 1, 200, 6));
    assert_false(put(memory, 1, 300, 4));
    struct entry *entry = memory_get(memory, slice_of("key 1"));
    assert_int_equal(entry->body.length, 200);
    entry_unref(entry);
    assert_int_equal(memory_stats(memory).entries, 1);
    memory_free(memory);
}

static void never_holds_more_than_its_bound(void **state)
{
    (void)state;
    const size_t bound = 1 << 20;
    struct memory *memory = memory_new(bound);
    struct random random;
    random_init(&random, 11);
    for (int i = 0; i < 5000; i++) {
        put(memory, (int)random_between(&random, 0, 2000), (size_t)random_between(&random, 1, 20000), i);
        assert_true(memory_stats(memory).bytes <= bound);
    }
    assert_true(memory_stats(memory).evictions > 0);
    assert_true(memory_stats(memory).bytes > bound / 2);
    memory_free(memory);
}

static void refuses_what_can_never_fit(void **state)
{
    (void)state;
    struct memory *memory = memory_new(100 * 1024);
    assert_true(put(memory, 1, 1000, 1));
    assert_false(put(memory, 2, 200 * 1024, 2));
    assert_true(has(memory, 1)); /* and did not empty the store for it */
    memory_free(memory);
    memory = memory_new(0);
    assert_false(put(memory, 1, 1, 1));
    memory_free(memory);
}

/* SIEVE's promise: one pass over many keys that are asked for once does not push out those that are asked for again. */
static void a_scan_does_not_push_out_what_is_used(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20); /* about 100 of these entries */
    for (int i = 0; i < 20; i++)
        put(memory, i, 10000, 1);
    for (int i = 0; i < 1000; i++) {
        put(memory, 1000 + i, 10000, 1);
        for (int hot = 0; i % 50 == 0 && hot < 20; hot++)
            assert_true(has(memory, hot));
    }
    for (int i = 0; i < 20; i++)
        assert_true(has(memory, i));
    assert_false(has(memory, 1000)); /* the scan's own keys went */
    memory_free(memory);
}

static void without_hits_the_oldest_goes_first(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20);
    int number = 0;
    while (memory_stats(memory).evictions == 0)
        put(memory, number++, 10000, 1);
    assert_false(has(memory, 0));
    assert_true(has(memory, 1));
    assert_true(has(memory, number - 1));
    memory_free(memory);
}

static void *hammer(void *context)
{
    struct memory *memory = context;
    struct random random;
    random_init(&random, (uint64_t)(uintptr_t)&random);
    for (int i = 0; i < 5000; i++) {
        int number = (int)random_between(&random, 0, 300);
        int action = (int)random_between(&random, 0, 9);
        char key[32];
        snprintf(key, sizeof(key), "key %d", number);
        if (action == 0) {
            memory_remove(memory, slice_of(key));
        } else if (action < 4) {
            put(memory, number, (size_t)random_between(&random, 100, 20000), i);
        } else {
            struct entry *entry = memory_get(memory, slice_of(key));
            if (entry != NULL) {
                assert_true(slice_is(entry->key, key));
                assert_int_equal(entry->body.bytes[entry->body.length - 1], 'x');
            }
            entry_unref(entry);
        }
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, memory), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(memory_stats(memory).bytes <= 1 << 20);
    memory_free(memory);
}

/* The entry at which it stands may go. */
static void a_sweep_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct memory *memory = memory_new(1 << 20);
    for (int i = 0; i < 10; i++)
        assert_true(put(memory, i, 100, 5));
    (void)purges_add(memory_purges(memory), slice_of("key "), 1, false, 10, NULL);
    memory_sweep(memory, 3);
    assert_int_equal(memory_stats(memory).entries, 7);
    assert_true(memory_remove(memory, slice_of("key 3")));
    memory_sweep(memory, 5);
    assert_int_equal(memory_stats(memory).entries, 1);
    memory_sweep(memory, 5);
    assert_int_equal(memory_stats(memory).entries, 0);
    memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put),
        cmocka_unit_test(a_later_window_replaces_an_earlier_one_only),
        cmocka_unit_test(a_long_body_is_whole_and_counted),
        cmocka_unit_test(own_pages_have_a_limit),
        cmocka_unit_test(never_holds_more_than_its_bound),
        cmocka_unit_test(refuses_what_can_never_fit),
        cmocka_unit_test(a_scan_does_not_push_out_what_is_used),
        cmocka_unit_test(without_hits_the_oldest_goes_first),
        cmocka_unit_test(a_sweep_goes_on_where_it_stopped),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
