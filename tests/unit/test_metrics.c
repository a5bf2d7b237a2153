/* SPDX-License-Identifier: MIT */
/* Metrics that add up, and the text that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics_text.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 3, COUNTS = 100000 };

static void *count_a_lot(void *context)
{
    struct counters *counters = context;
    for (int i = 0; i < COUNTS; i++) {
        counters_add(counters, METRIC_CONNECTIONS, 1);
        counters_set(counters, METRIC_FLIGHTS_OPEN, i);
    }
    return NULL;
}

static void they_add_up_over_threads(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *blocks[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        blocks[i] = metrics_block(metrics);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_a_lot, blocks[i]), 0);
    int64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t now = metrics_read(metrics, METRIC_CONNECTIONS);
        assert_true(now >= before);
        before = now;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_read(metrics, METRIC_CONNECTIONS), THREADS * COUNTS);
    assert_int_equal(metrics_read(metrics, METRIC_FLIGHTS_OPEN), THREADS * (COUNTS - 1));
    assert_int_equal(metrics_read(metrics, METRIC_LOGINS), 0);
    metrics_free(metrics);
}

static void a_gauge_goes_down(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *one = metrics_block(metrics), *other = metrics_block(metrics);
    counters_add(one, METRIC_CONNECTIONS_OPEN, 5);
    counters_add(other, METRIC_CONNECTIONS_OPEN, -2);
    assert_int_equal(metrics_read(metrics, METRIC_CONNECTIONS_OPEN), 3);
    counters_set(one, METRIC_CONNECTIONS_OPEN, 0);
    assert_int_equal(metrics_read(metrics, METRIC_CONNECTIONS_OPEN), -2);
    metrics_free(metrics);
    metrics_free(NULL);
}

static void samples_stand_as_prometheus_reads_them(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct buf out;
    counters_add(counters, METRIC_UPSTREAM_OK, 3);
    counters_set(counters, METRIC_PAUSE, 1500000);
    counters_set(counters, METRIC_CONNECTIONS_OPEN, 2);
    buf_init(&out, 1 << 20);
    metrics_print(metrics, &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.bytes,
                           "# HELP nexgate_connections Client connections open now.\n# TYPE nexgate_connections gauge\n"
                           "nexgate_connections 2\n"));
    assert_non_null(strstr(out.bytes, "nexgate_upstream_answers_total{result=\"ok\"} 3\n"));
    assert_non_null(strstr(out.bytes, "nexgate_upstream_pause_seconds 1.5\n"));
    buf_free(&out);
    metrics_free(metrics);
}

/* The n-th number of the table was set to n: each is told once, in its place, with its own value. */
static void every_number_is_told(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct buf out;
    int64_t told = 0;
    for (int i = 0; i < METRIC_COUNT; i++)
        counters_add(counters, (enum metric)i, (i + 1) * INT64_C(1000000));
    buf_init(&out, 1 << 20);
    metrics_print(metrics, &out);
    assert_true(buf_ok(&out) && out.length > 0 && out.bytes[out.length - 1] == '\n');

    struct slice rest = slice_make(out.bytes, out.length - 1), line, word;
    while (slice_cut(&rest, '\n', &line)) {
        bool is_histogram =
            memmem(line.at, line.length, "_seconds_", 9) != NULL || memmem(line.at, line.length, "le=", 3);
        if (line.at[0] == '#' || is_histogram)
            continue;
        char number[32], seconds[32];
        snprintf(number, sizeof(number), "%" PRId64, ++told * 1000000);
        snprintf(seconds, sizeof(seconds), "%" PRId64, told);
        assert_true(slice_cut(&line, ' ', &word));
        assert_true(slice_is(line, number) || slice_is(line, seconds));
    }
    assert_int_equal(told, METRIC_COUNT);
    buf_free(&out);
    metrics_free(metrics);
}

static void a_histogram_puts_values_where_they_belong(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        size_t bucket;
    } values[] = {{-5, 0},
                  {0, 0},
                  {8, 0},
                  {9, 1},
                  {16, 1},
                  {17, 2},
                  {1 << 24, 21},
                  {(1 << 24) + 1, HISTOGRAM_BUCKETS},
                  {INT64_C(1) << 60, HISTOGRAM_BUCKETS}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct metrics *metrics = metrics_new();
        struct counters *counters = metrics_block(metrics);
        struct histogram_view view;
        counters_observe(counters, HISTOGRAM_LOOP_LAG, values[i].us);
        metrics_read_histogram(metrics, HISTOGRAM_LOOP_LAG, &view);
        assert_int_equal(view.count, 1);
        assert_int_equal(view.counts[values[i].bucket], 1);
        assert_int_equal(view.sum_us, values[i].us > 0 ? values[i].us : 0);
        metrics_free(metrics);
    }
}

static char *print(struct metrics *metrics, struct buf *out)
{
    buf_init(out, 1 << 20);
    metrics_print(metrics, out);
    buf_add_char(out, '\0');
    assert_true(buf_ok(out));
    return out->bytes;
}

/* Cumulative, in seconds, with sum and count. */
static void a_histogram_is_told_as_prometheus_reads_it(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *one = metrics_block(metrics), *other = metrics_block(metrics);
    struct buf out;
    counters_observe(one, HISTOGRAM_LOOP_LAG, 5);
    counters_observe(other, HISTOGRAM_LOOP_LAG, 10);
    counters_observe(other, HISTOGRAM_LOOP_LAG, INT64_C(20000000));
    const char *text = print(metrics, &out);
    assert_non_null(strstr(text, "# TYPE nexgate_loop_lag_seconds histogram\n"
                                 "nexgate_loop_lag_seconds_bucket{le=\"0.000008\"} 1\n"
                                 "nexgate_loop_lag_seconds_bucket{le=\"0.000016\"} 2\n"));
    assert_non_null(strstr(text, "nexgate_loop_lag_seconds_bucket{le=\"16.777216\"} 2\n"
                                 "nexgate_loop_lag_seconds_bucket{le=\"+Inf\"} 3\n"
                                 "nexgate_loop_lag_seconds_sum 20.000015\n"
                                 "nexgate_loop_lag_seconds_count 3\n"));
    buf_free(&out);
    metrics_free(metrics);
}

static void clients_are_counted_by_name(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *one = metrics_block(metrics), *other = metrics_block(metrics);
    struct buf out;
    uint32_t number = METRICS_NOBODY, again;
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        assert_true(metrics_client(metrics, slice_of(name), &number));
        assert_int_equal(number, i + 1);
    }
    assert_true(metrics_client(metrics, slice_of("c999"), &again));
    assert_int_equal(again, number);
    assert_int_equal(metrics_clients(metrics), 1001);
    assert_false(metrics_has_client(metrics, number));
    counters_add_client(one, number, CLIENT_METRIC_HIT_200, 2);
    counters_add_client(other, number, CLIENT_METRIC_HIT_200, 3);
    counters_add_client(other, METRICS_NOBODY, CLIENT_METRIC_UNAUTHORIZED_401, 1);
    assert_true(metrics_has_client(metrics, number));
    assert_int_equal(metrics_read_client(metrics, number, CLIENT_METRIC_HIT_200), 5);
    const char *text = print(metrics, &out);
    assert_non_null(strstr(text, "\nnexgate_requests_total{client=\"c999\",outcome=\"hit\",status=\"200\"} 5\n"));
    assert_non_null(
        strstr(text, "\nnexgate_requests_total{client=\"(none)\",outcome=\"unauthorized\",status=\"401\"} 1\n"));
    assert_null(strstr(text, "c998")); /* nothing was counted of it */
    buf_free(&out);
    metrics_free(metrics);
}

static void a_clients_gauge_is_told_while_it_is_set(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct buf out;
    uint32_t number;
    assert_true(metrics_client(metrics, slice_of("alpha"), &number));
    counters_set_client(counters, number, CLIENT_METRIC_RATE_LEFT, 0);
    assert_non_null(strstr(print(metrics, &out), "\nnexgate_quota_rate_left{client=\"alpha\"} 0\n"));
    buf_free(&out);
    counters_forget_clients(counters);
    assert_null(strstr(print(metrics, &out), "alpha"));
    buf_free(&out);
    metrics_free(metrics);
}

/* A configuration cannot hold such names; the text must stand whatever it is given. */
static void no_name_breaks_a_line(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct buf out;
    uint32_t number;
    assert_true(metrics_client(metrics, slice_of("a\"} 9\nb\\"), &number));
    counters_add_client(counters, number, CLIENT_METRIC_HIT_200, 1);
    assert_non_null(strstr(print(metrics, &out),
                           "\nnexgate_requests_total{client=\"a\\\"} 9\\nb\\\\\",outcome=\"hit\",status=\"200\"} 1\n"));
    buf_free(&out);
    metrics_free(metrics);
}

static void the_list_names_each_metric_once(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_list(&out);
    buf_add_char(&out, '\0');
    const char *first = strstr(out.bytes, "nexgate_requests_total\tcounter\tclient,outcome,status\tRequests answered");
    assert_non_null(first);
    assert_null(strstr(first + 1, "nexgate_requests_total\t"));
    assert_non_null(strstr(out.bytes, "nexgate_store_bytes\tgauge\t-\t"));
    assert_non_null(strstr(out.bytes, "nexgate_request_duration_seconds\thistogram\toutcome\t"));
    assert_true(
        slice_starts_with(buf_slice(&out), slice_of("nexgate_connections\tgauge\t-\tClient connections open now.\n")));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_add_up_over_threads),
        cmocka_unit_test(a_gauge_goes_down),
        cmocka_unit_test(samples_stand_as_prometheus_reads_them),
        cmocka_unit_test(every_number_is_told),
        cmocka_unit_test(a_histogram_puts_values_where_they_belong),
        cmocka_unit_test(a_histogram_is_told_as_prometheus_reads_it),
        cmocka_unit_test(clients_are_counted_by_name),
        cmocka_unit_test(a_clients_gauge_is_told_while_it_is_set),
        cmocka_unit_test(no_name_breaks_a_line),
        cmocka_unit_test(the_list_names_each_metric_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
