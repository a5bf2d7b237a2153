/* SPDX-License-Identifier: MIT */
/* What is remembered must be what would have been computed: queries by raw text, schema and scope; pages by their
 * windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/page_memo.h"
#include "flow/query_memo.h"

enum { WINDOW = 4, RECORDS = 7 };

/* The window's answer as an upstream would send it; `salt` makes two answers differ. */
static struct entry *make_window(int64_t index, const char *salt)
{
    struct buf body;
    struct envelope envelope;
    int64_t cap;
    char why[ENVELOPE_WHY_MAX];
    buf_init(&body, 10000);
    buf_add_text(&body, "{\"Records\":[");
    for (int64_t i = index * WINDOW; i < RECORDS && i < (index + 1) * WINDOW; i++)
        buf_format(&body, "%s{\"Id\":%d,\"Salt\":\"%s\"}", i > index * WINDOW ? ", " : " ", (int)i, salt);
    buf_format(&body, "],\"CurrentPage\":%d,\"CurrentPageSize\":%d,\"TotalItems\":%d,\"More\":[1,{}]}", (int)index + 1,
               WINDOW, RECORDS);
    struct window window = {WINDOW, index};
    if (envelope_read(buf_slice(&body), window, slice_of("Id"), &envelope, &cap, why) != ENVELOPE_OK)
        fail_msg("%s", why);
    struct entry *entry = entry_new(slice_of("key"), &body, &envelope, 1);
    assert_non_null(entry);
    return entry;
}

static void join(const struct page *page, struct buf *out)
{
    buf_reset(out);
    for (size_t i = 0; i < page->slice_count; i++)
        buf_add(out, page->slices[i]);
    assert_int_equal(out->length, page->length);
}

static void check_page(struct page_memo *memo, const struct page_plan *plan, struct entry *const *entries, size_t count)
{
    struct buf text, remembered_text, cut, remembered;
    struct page page, again;
    struct page_part parts[PAGE_WINDOWS_MAX];
    for (size_t i = 0; i < count; i++)
        parts[i] = entry_part(entries[i]);
    buf_init(&text, 10000);
    buf_init(&remembered_text, 10000);
    buf_init(&cut, 10000);
    buf_init(&remembered, 10000);
    assert_true(page_cut(plan, parts, count, &text, &page));
    join(&page, &cut);
    for (int round = 0; round < 3; round++) {
        assert_true(page_memo_cut(memo, plan, entries, count, &remembered_text, &again));
        join(&again, &remembered);
        assert_true(slice_equal(buf_slice(&cut), buf_slice(&remembered)));
        assert_memory_equal(page.etag, again.etag, PAGE_ETAG_LENGTH);
        assert_int_equal(page.records, again.records);
    }
    buf_free(&text);
    buf_free(&remembered_text);
    buf_free(&cut);
    buf_free(&remembered);
}

static void pages_are_the_same_remembered_or_not(void **state)
{
    (void)state;
    struct page_memo *memo = page_memo_new();
    for (int round = 0; round < 50; round++) {
        struct entry *entries[2] = {make_window(0, "old"), make_window(1, round % 2 == 0 ? "old" : "new")};
        for (int64_t size = 1; size <= WINDOW; size++) {
            for (int64_t page = 1; (page - 1) * size < 2 * WINDOW; page++) {
                struct page_plan plan;
                page_plan(&plan, page, size, WINDOW, 0);
                struct entry *own[2] = {entries[plan.windows[0].index], entries[1]};
                check_page(memo, &plan, own, plan.window_count);
            }
        }
        entry_unref(entries[0]);
        entry_unref(entries[1]);
    }
    page_memo_free(memo);
}

static void queries_are_recalled_by_text_schema_and_scope(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    struct query_memo *memo = query_memo_new();
    const int64_t here[] = {7}, there[] = {8};
    const struct scope everywhere = {.all = true}, also_everywhere = {.all = true};
    const struct scope one = {.locations = here, .count = 1}, other = {.locations = there, .count = 1};
    struct slice raw = slice_of("webhook_active=TRUE&page=3&size=10");
    struct buf canonical;
    struct query query;
    struct query_error error;
    buf_init(&canonical, 1000);

    assert_false(query_memo_recall(memo, schema, &everywhere, raw, &canonical, &query));
    assert_int_equal(query_normalise(schema, &everywhere, raw, &canonical, &query, &error), QUERY_OK);
    query_memo_keep(memo, &everywhere, raw, &query);
    memset(&query, 0, sizeof(query));
    assert_true(query_memo_recall(memo, schema, &also_everywhere, raw, &canonical, &query));
    assert_true(slice_is(query.canonical, "WebHook_Active=true"));
    assert_int_equal(query.page, 3);
    assert_int_equal(query.size, 10);
    assert_ptr_equal(query.schema, schema);

    assert_false(query_memo_recall(memo, schema, &one, raw, &canonical, &query));
    assert_int_equal(query_normalise(schema, &one, raw, &canonical, &query, &error), QUERY_OK);
    query_memo_keep(memo, &one, raw, &query);
    assert_false(query_memo_recall(memo, schema, &other, raw, &canonical, &query));
    assert_false(query_memo_recall(memo, schema, &everywhere, raw, &canonical, &query));
    assert_true(query_memo_recall(memo, schema, &one, raw, &canonical, &query));
    assert_true(slice_is(query.canonical, "WebHook_Active=true&WebHook_Business=7"));
    assert_false(
        query_memo_recall(memo, schema, &one, slice_of("webhook_active=TRUE&page=3&size=11"), &canonical, &query));
    buf_free(&canonical);
    query_memo_free(memo);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_the_same_remembered_or_not),
        cmocka_unit_test(queries_are_recalled_by_text_schema_and_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
