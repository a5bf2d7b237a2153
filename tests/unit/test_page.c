/* SPDX-License-Identifier: MIT */
/* Pages: every page of many sizes, cut from windows, against what a model of Nexudus answers directly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/least.h"
#include "search/page.h"

#include <inttypes.h>
#include <stdio.h>

enum { TEXT_MAX = 1 << 20, WINDOWS_MAX = 400 };

static const struct slice IDENTITY = SLICE("Id");

/* Records with all that must come through as it is. */
static void add_record(struct buf *out, int64_t number)
{
    static const char *const REST[] = {
        "",
        ",\"Name\":\"\\u0041\\ud83d\\ude00\"",
        ", \"x\" : 1.50 ",
        ",\"Big\":123456789012345678901234567890",
        ",\"Half\":\"\\ud83d\",\"Utf8\":\"\xf0\x9f\x98\x80\"",
        ",\"Deep\":{\"Id\":[{},[]]}",
    };
    buf_format(out, "{\"Id\":%lld%s}", (long long)number, REST[number % 6]);
}

/* What Nexudus answers to page `page` of size `size`, where the set is records first, first + 1, … */
static void answer(struct buf *out, int64_t page, int64_t size, int64_t total, int64_t first)
{
    int64_t from = (page - 1) * size;
    int64_t to = least(from + size, total);
    int64_t pages = (total + size - 1) / size;
    int64_t first_item = total == 0 ? 0 : from + 1;
    int64_t last_item = from < total ? to : total;
    buf_reset(out);
    buf_format(out, "{\"CurrentPage\":%lld,\"Before\":[ 1 ,2],\"FirstItem\":%lld,\"Records\":[", (long long)page,
               (long long)first_item);
    for (int64_t i = from; i < to; i++) {
        if (i > from)
            buf_add_char(out, ',');
        add_record(out, first + i);
    }
    buf_format(out,
               "],\"CurrentPageSize\":%lld,\"CurrentOrderField\":\"Id\",\"CurrentSortDirection\":1,\"LastItem\":%lld,"
               "\"TotalItems\":%lld,\"TotalPages\":%lld,\"HasNextPage\":%s,\"HasPreviousPage\":%s,\"PageNumber\":%lld,"
               "\"After\":{\"Records\":[]},\"PageSize\":%lld}",
               (long long)size, (long long)last_item, (long long)total, (long long)pages,
               page < pages ? "true" : "false", page > 1 ? "true" : "false", (long long)page, (long long)size);
    assert_true(buf_ok(out));
}

/* A fetched window. */
struct fetched {
    struct buf body;
    struct envelope envelope;
};

static void fetch(struct fetched *fetched, struct window window, int64_t total, int64_t first)
{
    buf_init(&fetched->body, TEXT_MAX);
    answer(&fetched->body, window.index + 1, window.size, total, first);
    int64_t cap = 0;
    char why[ENVELOPE_WHY_MAX];
    if (envelope_read(buf_slice(&fetched->body), window, IDENTITY, &fetched->envelope, &cap, why) != ENVELOPE_OK)
        fail_msg("window %lld.%lld of %lld: %s", (long long)window.size, (long long)window.index, (long long)total,
                 why);
}

static struct page_part part_of(const struct fetched *fetched)
{
    return (struct page_part){&fetched->envelope, buf_slice(&fetched->body)};
}

static void drop(struct fetched *fetched)
{
    envelope_free(&fetched->envelope);
    buf_free(&fetched->body);
}

/* The page's slices as one text. */
static void join(const struct page *page, struct buf *out)
{
    buf_reset(out);
    for (size_t i = 0; i < page->slice_count; i++)
        buf_add(out, page->slices[i]);
    assert_int_equal(out->length, page->length);
    struct hash128 digest = hash_open(buf_slice(out));
    char etag[PAGE_ETAG_LENGTH + 1];
    snprintf(etag, sizeof etag, "\"%016" PRIx64 "%016" PRIx64 "\"", digest.high, digest.low);
    assert_memory_equal(page->etag, etag, PAGE_ETAG_LENGTH);
}

struct texts {
    struct buf text, joined, expected;
};

static void texts_init(struct texts *texts)
{
    buf_init(&texts->text, TEXT_MAX);
    buf_init(&texts->joined, TEXT_MAX);
    buf_init(&texts->expected, TEXT_MAX);
}

static void texts_free(struct texts *texts)
{
    buf_free(&texts->text);
    buf_free(&texts->joined);
    buf_free(&texts->expected);
}

/* A walk through the first pages of a set; windows are fetched as they are needed, as a cache would. Returns how many.
 */
static size_t walk(struct texts *texts, int64_t total, int64_t size, int64_t window_size, int64_t pages)
{
    static struct fetched windows[WINDOWS_MAX];
    size_t fetches = 0;
    memset(windows, 0, sizeof(windows));
    for (int64_t page = 1; page <= pages; page++) {
        struct page_plan plan;
        struct page_part parts[PAGE_WINDOWS_MAX];
        size_t count = 0;
        page_plan(&plan, page, size, window_size, 0);
        for (size_t i = 0; i < plan.window_count; i++) {
            if (i == 1 && !page_needs_second(&plan, parts[0].envelope))
                break;
            struct fetched *window = &windows[plan.windows[i].index];
            if (window->body.bytes == NULL) {
                fetch(window, plan.windows[i], total, 0);
                fetches++;
            }
            parts[count++] = part_of(window);
        }
        assert_true(count < 2 || page_agree(&plan, parts));
        struct page cut;
        assert_true(page_cut(&plan, parts, count, &texts->text, &cut));
        join(&cut, &texts->joined);
        answer(&texts->expected, page, size, total, 0);
        if (!slice_equal(buf_slice(&texts->joined), buf_slice(&texts->expected)))
            fail_msg("page %lld of %lld by %lld in windows of %lld:\n%.*s\nnot\n%.*s", (long long)page,
                     (long long)total, (long long)size, (long long)window_size, (int)texts->joined.length,
                     texts->joined.bytes, (int)texts->expected.length, texts->expected.bytes);
        int64_t left = total - (page - 1) * size;
        assert_int_equal(cut.records, left < 0 ? 0 : least(left, size));
    }
    for (size_t i = 0; i < WINDOWS_MAX; i++)
        drop(&windows[i]);
    return fetches;
}

static void every_page_is_what_nexudus_would_send(void **state)
{
    (void)state;
    static const int64_t TOTALS[] = {0, 1, 24, 25, 26, 200, 201, 1000, 2345};
    static const int64_t SIZES[] = {1, 7, 25, 30, 199, 200, 201, 999, 1000};
    static const int64_t WINDOWS[] = {200, 7, 1000};
    struct texts texts;
    texts_init(&texts);
    for (size_t t = 0; t < sizeof(TOTALS) / sizeof(TOTALS[0]); t++) {
        for (size_t s = 0; s < sizeof(SIZES) / sizeof(SIZES[0]); s++) {
            for (size_t w = 0; w < sizeof(WINDOWS) / sizeof(WINDOWS[0]); w++)
                (void)walk(&texts, TOTALS[t], SIZES[s], WINDOWS[w], TOTALS[t] / SIZES[s] + 3); /* past the end */
        }
    }
    texts_free(&texts);
}

static void a_walk_costs_a_window_each(void **state)
{
    (void)state;
    struct texts texts;
    texts_init(&texts);
    assert_int_equal(walk(&texts, 1000, 25, 200, 40), 5);
    assert_int_equal(walk(&texts, 1000, 30, 200, 34),
                     5); /* the last page reaches past the end: no window is fetched for it */
    assert_int_equal(walk(&texts, 2345, 1000, 200, 3), 3);
    texts_free(&texts);
}

struct plan_row {
    int64_t page, size, window, cap;
    struct page_plan plan;
};

static const struct plan_row PLANS[] = {
    {1, 25, 200, 0, {1, 25, {{200, 0}, {200, 0}}, 1}},
    {8, 25, 200, 0, {8, 25, {{200, 0}, {200, 0}}, 1}},
    {9, 25, 200, 0, {9, 25, {{200, 1}, {200, 1}}, 1}},
    {7, 30, 200, 0, {7, 30, {{200, 0}, {200, 1}}, 2}},
    {2, 200, 200, 0, {2, 200, {{200, 1}, {200, 1}}, 1}},
    {1, 201, 200, 0, {1, 201, {{1000, 0}, {1000, 0}}, 1}},
    {5, 201, 200, 0, {5, 201, {{1000, 0}, {1000, 1}}, 2}},
    {3, 1000, 200, 0, {3, 1000, {{1000, 2}, {1000, 2}}, 1}},
    {1, 1, 1, 0, {1, 1, {{1, 0}, {1, 0}}, 1}},
    {2147483647, 1000, 200, 0, {2147483647, 1000, {{1000, 2147483646}, {1000, 2147483646}}, 1}},
    /* caps: on the page, on the window, on both, on neither */
    {1, 25, 200, 100, {1, 25, {{100, 0}, {100, 0}}, 1}},
    {5, 30, 200, 100, {5, 30, {{100, 1}, {100, 1}}, 1}},
    {2, 1000, 200, 100, {2, 100, {{100, 1}, {100, 1}}, 1}},
    {4, 250, 200, 500, {4, 250, {{500, 1}, {500, 1}}, 1}},
    {3, 200, 200, 100, {3, 100, {{100, 2}, {100, 2}}, 1}},
    {3, 50, 200, 200, {3, 50, {{200, 0}, {200, 0}}, 1}},
    {3, 50, 200, 1000, {3, 50, {{200, 0}, {200, 0}}, 1}},
    {3, 50, 200, 1, {3, 1, {{1, 2}, {1, 2}}, 1}},
};

static void plans_aligned_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(PLANS) / sizeof(PLANS[0]); i++) {
        const struct plan_row *row = &PLANS[i];
        struct page_plan plan;
        page_plan(&plan, row->page, row->size, row->window, row->cap);
        bool equal =
            plan.page == row->plan.page && plan.size == row->plan.size && plan.window_count == row->plan.window_count;
        for (size_t w = 0; w < 2; w++)
            equal = equal && plan.windows[w].size == row->plan.windows[w].size &&
                    plan.windows[w].index == row->plan.windows[w].index;
        if (!equal)
            fail_msg("row %zu: %lld windows, %lld.%lld and %lld.%lld", i, (long long)plan.window_count,
                     (long long)plan.windows[0].size, (long long)plan.windows[0].index, (long long)plan.windows[1].size,
                     (long long)plan.windows[1].index);
    }
    struct page_plan alone;
    page_plan_alone(&alone, 7, 30, 0);
    assert_true(alone.size == 30 && alone.window_count == 1 && alone.windows[0].size == 30 &&
                alone.windows[0].index == 6);
    page_plan_alone(&alone, 7, 30, 20);
    assert_true(alone.size == 20 && alone.windows[0].size == 20 && alone.windows[0].index == 6);
}

static void needs_the_second_window_only_for_its_records(void **state)
{
    (void)state;
    struct page_plan plan;
    page_plan(&plan, 7, 30, 200, 0); /* records 180 to 209 */
    struct envelope envelope = {.total_items = 200};
    assert_false(page_needs_second(&plan, &envelope));
    envelope.total_items = 201;
    assert_true(page_needs_second(&plan, &envelope));
    envelope.total_items = 0;
    assert_false(page_needs_second(&plan, &envelope));
    page_plan(&plan, 1, 30, 200, 0);
    envelope.total_items = 5000;
    assert_false(page_needs_second(&plan, &envelope));
}

struct agree_row {
    int64_t page, size;
    int64_t totals[2];
    int64_t firsts[2]; /* the set's first record when each window was fetched: it moves as records come and go */
    bool agree;
};

static const struct agree_row AGREEMENTS[] = {
    {7, 30, {500, 500}, {0, 0}, true},
    {7, 30, {500, 499}, {0, 0}, false}, /* one went */
    {7, 30, {499, 500}, {0, 0}, false},
    {7, 30, {500, 500}, {0, 1}, true},    /* one went and one came: a record is missed, which no page can see */
    {7, 30, {500, 500}, {0, -1}, false},  /* the last one of the first window is the first one of the second */
    {7, 30, {500, 500}, {0, -10}, false}, /* ten are on both */
    {7, 30, {500, 500}, {0, -29}, false}, /* 180 is the second window's 209 */
    {7, 30, {500, 500}, {0, -30}, true},  /* both hold others, none on this page: 170 to 179 are before it */
    {7, 30, {500, 500}, {0, -200}, true}, /* the same window twice: 180 to 199, then 0 to 9 */
    {2, 150, {500, 500}, {0, -49}, false},
    {2, 150, {500, 500}, {0, -150}, true},
};

static void windows_agree_by_total_and_records_of_the_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(AGREEMENTS) / sizeof(AGREEMENTS[0]); i++) {
        const struct agree_row *row = &AGREEMENTS[i];
        struct page_plan plan;
        page_plan(&plan, row->page, row->size, 200, 0);
        assert_int_equal(plan.window_count, 2);
        struct fetched windows[2];
        struct page_part parts[2];
        for (size_t w = 0; w < 2; w++) {
            fetch(&windows[w], plan.windows[w], row->totals[w], 6000 + row->firsts[w]);
            parts[w] = part_of(&windows[w]);
        }
        if (page_agree(&plan, parts) != row->agree)
            fail_msg("row %zu", i);
        drop(&windows[0]);
        drop(&windows[1]);
    }
}

/* A full set of identities that all begin in one slot. */
static void agreement_stands_colliding_identities(void **state)
{
    (void)state;
    enum { COUNT = ENVELOPE_RECORDS_MAX };
    static struct envelope_record first[COUNT], second[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        first[i].identity = (uint64_t)i << 32;
        second[i].identity = (uint64_t)(i + COUNT) << 32;
    }
    struct page_plan plan = {2, 667, {{1000, 0}, {1000, 1}}, 2}; /* records 667 to 1333 */
    struct envelope envelopes[2] = {{.records = first, .record_count = COUNT, .total_items = 2 * COUNT},
                                    {.records = second, .record_count = COUNT, .total_items = 2 * COUNT}};
    struct page_part parts[2] = {{.envelope = &envelopes[0]}, {.envelope = &envelopes[1]}};
    assert_true(page_agree(&plan, parts));
    second[333].identity = first[667].identity;
    assert_false(page_agree(&plan, parts));
    second[333].identity = first[666].identity; /* before this page */
    assert_true(page_agree(&plan, parts));
    second[334].identity = first[667].identity; /* behind this page */
    assert_true(page_agree(&plan, parts));
}

/* Members come in the order, and by the names, of the first window; records with what was sent between them. */
static void passes_on_what_was_sent(void **state)
{
    (void)state;
    static const char FIRST[] =
        "{ \"Vendor\" : { \"a\" : 1 } ,\n \"Total\\u0049tems\" : 5, \"Records\" : [ {\"Id\":1} ,\n"
        " {\"Id\": 2} ,  {\"Id\":3} ], \"PageSize\": 3, \"CurrentSortDirection\":1,"
        "\"CurrentOrderField\":\"N\\u0061me\", \"PageNumber\":1 }";
    static const char SECOND[] = "{\"Records\":[{\"Id\":4}, {\"Id\":5} ],\"Other\":1,\"TotalItems\":5,\"PageSize\":3,"
                                 "\"PageNumber\":2}";
    struct envelope envelopes[2];
    struct page_part parts[2] = {{&envelopes[0], slice_of(FIRST)}, {&envelopes[1], slice_of(SECOND)}};
    int64_t cap = 0;
    char why[ENVELOPE_WHY_MAX];
    assert_int_equal(envelope_read(parts[0].body, (struct window){3, 0}, IDENTITY, &envelopes[0], &cap, why),
                     ENVELOPE_OK);
    assert_int_equal(envelope_read(parts[1].body, (struct window){3, 1}, IDENTITY, &envelopes[1], &cap, why),
                     ENVELOPE_OK);

    struct texts texts;
    texts_init(&texts);
    struct page_plan plan;
    page_plan(&plan, 2, 2, 3, 0);
    assert_int_equal(plan.window_count, 2);
    struct page page;
    assert_true(page_cut(&plan, parts, 2, &texts.text, &page));
    join(&page, &texts.joined);
    assert_true(slice_is(buf_slice(&texts.joined),
                         "{\"Vendor\":{ \"a\" : 1 },\"Total\\u0049tems\":5,\"Records\":[{\"Id\":3},{\"Id\":4}],"
                         "\"PageSize\":2,\"CurrentSortDirection\":1,\"CurrentOrderField\":\"N\\u0061me\","
                         "\"PageNumber\":2}"));
    page_plan(&plan, 1, 2, 3, 0);
    assert_true(page_cut(&plan, parts, 1, &texts.text, &page));
    join(&page, &texts.joined);
    assert_non_null(strstr(FIRST, "{\"Id\":1} ,\n {\"Id\": 2}"));
    assert_int_equal(page.slice_count, 3);
    assert_true(slice_is(page.slices[1], "{\"Id\":1} ,\n {\"Id\": 2}"));
    assert_ptr_equal(page.slices[1].at, strstr(FIRST, "{\"Id\":1}")); /* where it lies, not a copy */

    /* a text too small for the members is told */
    struct buf small;
    buf_init(&small, 20);
    assert_false(page_cut(&plan, parts, 1, &small, &page));
    buf_free(&small);
    envelope_free(&envelopes[0]);
    envelope_free(&envelopes[1]);
    texts_free(&texts);
}

/* A client's page above a learnt cap: answered as pages of the cap. */
static void a_cap_shapes_the_page(void **state)
{
    (void)state;
    struct texts texts;
    texts_init(&texts);
    struct page_plan plan;
    page_plan(&plan, 2, 1000, 200, 90);
    struct fetched window;
    fetch(&window, plan.windows[0], 150, 0);
    struct page_part part = part_of(&window);
    struct page page;
    assert_true(page_cut(&plan, &part, 1, &texts.text, &page));
    join(&page, &texts.joined);
    answer(&texts.expected, 2, 90, 150, 0);
    assert_true(slice_equal(buf_slice(&texts.joined), buf_slice(&texts.expected)));
    drop(&window);
    texts_free(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_what_nexudus_would_send),
        cmocka_unit_test(a_walk_costs_a_window_each),
        cmocka_unit_test(plans_aligned_windows),
        cmocka_unit_test(needs_the_second_window_only_for_its_records),
        cmocka_unit_test(windows_agree_by_total_and_records_of_the_page),
        cmocka_unit_test(agreement_stands_colliding_identities),
        cmocka_unit_test(passes_on_what_was_sent),
        cmocka_unit_test(a_cap_shapes_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
