/* SPDX-License-Identifier: MIT */
/* Every request counts once, in the row of its outcome and status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics_text.h"
#include "flow/tally.h"

static void each_status_has_its_row(void **state)
{
    (void)state;
    static const struct {
        enum outcome_kind kind;
        int status;
        const char *labels;
    } rows[] = {
        {OUTCOME_HIT, 200, "outcome=\"hit\",status=\"200\""},
        {OUTCOME_HIT, 304, "outcome=\"hit\",status=\"304\""},
        {OUTCOME_MISS, 304, "outcome=\"miss\",status=\"304\""},
        {OUTCOME_STALE, 200, "outcome=\"stale\",status=\"200\""},
        {OUTCOME_COLLAPSED, 200, "outcome=\"collapsed\",status=\"200\""},
        {OUTCOME_FAILED, 503, "outcome=\"failed\",status=\"503\""},
        {OUTCOME_OVER_MISSES, 429, "outcome=\"over_misses\",status=\"429\""},
        {OUTCOME_MALFORMED, 431, "outcome=\"malformed\",status=\"431\""},
        {OUTCOME_HIT, 206, "outcome=\"other\",status=\"other\""},
        {OUTCOME_OTHER, 200, "outcome=\"other\",status=\"other\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct metrics *metrics = metrics_new();
        struct counters *counters = metrics_block(metrics);
        uint32_t client;
        assert_true(metrics_client(metrics, slice_of("alpha"), &client));
        struct buf out;
        tally_request(counters, client, rows[i].kind, rows[i].status);
        buf_init(&out, 1 << 20);
        metrics_print(metrics, &out);
        buf_add_char(&out, '\0');
        const char *sample = strstr(out.bytes, "\nnexgate_requests_total{client=\"alpha\",");
        assert_non_null(sample);
        sample += strlen("\nnexgate_requests_total{client=\"alpha\",");
        assert_true(strncmp(sample, rows[i].labels, strlen(rows[i].labels)) == 0);
        assert_true(strncmp(sample + strlen(rows[i].labels), "} 1\n", 4) == 0);
        assert_null(strstr(sample, "\nnexgate_requests_total{"));
        buf_free(&out);
        metrics_free(metrics);
    }
}

/* Whatever comes, the total is the sum of the outcomes and the sum of the statuses. */
static void the_sums_agree(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    uint32_t client;
    assert_true(metrics_client(metrics, slice_of("alpha"), &client));
    struct tally_sums all, alone;
    int64_t requests = 0;
    for (int kind = 0; kind < OUTCOME_KINDS; kind++) {
        for (int status = 200; status < 600; status++, requests++)
            tally_request(counters, status % 3 == 0 ? client : METRICS_NOBODY, (enum outcome_kind)kind, status);
    }
    tally_sum(metrics, &all);
    tally_sum_client(metrics, client, &alone);
    int64_t outcomes = 0, classes = 0;
    for (size_t i = 0; i < OUTCOME_KINDS; i++)
        outcomes += all.outcomes[i];
    for (size_t i = 0; i < TALLY_CLASSES; i++)
        classes += all.classes[i];
    assert_int_equal(all.total, requests);
    assert_int_equal(outcomes, requests);
    assert_int_equal(classes, requests);
    assert_int_equal(all.outcomes[OUTCOME_HIT], 2);
    assert_true(alone.total > 0 && alone.total < all.total);
    metrics_free(metrics);
}

static void an_exchange_is_timed_by_its_outcome(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct histogram_view view;
    struct exchange exchange = {.request = {.came_us = 1000}, .answer = {.status = 200}};
    exchange.outcome.kind = OUTCOME_MISS;
    exchange.outcome.step_us[STEP_FETCHER] = 300;
    tally_exchange(counters, &exchange, 1500);
    assert_int_equal(exchange.outcome.answered_us, 1500);
    metrics_read_histogram(metrics, HISTOGRAM_REQUEST_MISS, &view);
    assert_int_equal(view.sum_us, 500);
    metrics_read_histogram(metrics, HISTOGRAM_STEP_FETCHER, &view);
    assert_int_equal(view.sum_us, 300);
    metrics_read_histogram(metrics, HISTOGRAM_STEP_PAGE, &view);
    assert_int_equal(view.count, 0); /* not timed step by step */
    exchange.outcome.is_timed = true;
    tally_exchange(counters, &exchange, 1500);
    metrics_read_histogram(metrics, HISTOGRAM_STEP_PAGE, &view);
    assert_int_equal(view.count, 1);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_row),
        cmocka_unit_test(the_sums_agree),
        cmocka_unit_test(an_exchange_is_timed_by_its_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
