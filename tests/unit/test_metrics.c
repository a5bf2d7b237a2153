/* SPDX-License-Identifier: MIT */
/* Metrics that add up, and the text that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, COUNTS = 100000 };

static void *count_a_lot(void *context)
{
    struct counters *counters = context;
    for (int i = 0; i < COUNTS; i++) {
        counters_add(counters, METRIC_REQUESTS, 1);
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
        int64_t now = metrics_read(metrics, METRIC_REQUESTS);
        assert_true(now >= before);
        before = now;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS), THREADS * COUNTS);
    assert_int_equal(metrics_read(metrics, METRIC_FLIGHTS_OPEN), THREADS * (COUNTS - 1));
    assert_int_equal(metrics_read(metrics, METRIC_CONNECTIONS), 0);
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
    counters_add(counters, METRIC_HITS, 3);
    counters_set(counters, METRIC_CONNECTIONS_OPEN, 2);
    buf_init(&out, 1 << 20);
    metrics_print(metrics, &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.bytes,
                           "# HELP nexgate_connections Client connections open now.\n# TYPE nexgate_connections gauge\n"
                           "nexgate_connections 2\n"));
    assert_non_null(strstr(out.bytes, "nexgate_searches_total{outcome=\"hit\"} 3\n"));
    buf_free(&out);
    metrics_free(metrics);
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && c != '_')
            return false;
    }
    return text.length > 0;
}

/* Reads the output as a scraper would: HELP, TYPE, then the samples of that name and no other; each name opens once. */
static void the_output_follows_the_format(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    for (int i = 0; i < METRIC_COUNT; i++)
        counters_add(counters, (enum metric)i, i + 1);
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_print(metrics, &out);
    assert_true(buf_ok(&out) && out.length > 0 && out.bytes[out.length - 1] == '\n');

    struct slice rest = slice_make(out.bytes, out.length - 1), line, names[METRIC_COUNT];
    size_t name_count = 0;
    int64_t samples = 0;
    while (slice_cut(&rest, '\n', &line)) {
        struct slice word, name;
        assert_true(slice_cut(&line, ' ', &word));
        if (slice_is(word, "#")) {
            struct slice help = line;
            assert_true(slice_cut(&line, ' ', &word) && slice_is(word, "HELP") && slice_cut(&line, ' ', &name));
            assert_true(is_name(name) && slice_starts_with(name, slice_of("nexgate_")) && help.length > 0);
            for (size_t i = 0; i < name_count; i++)
                assert_false(slice_equal(names[i], name));
            names[name_count++] = name;
            bool is_total = slice_is(slice_make(name.at + name.length - 6, 6), "_total");
            assert_true(slice_cut(&rest, '\n', &line));
            assert_true(slice_starts_with(line, slice_of("# TYPE ")));
            line = slice_make(line.at + 7, line.length - 7);
            assert_true(slice_cut(&line, ' ', &word) && slice_equal(word, name));
            assert_true(slice_is(line, is_total ? "counter" : "gauge"));
            continue;
        }
        assert_true(name_count > 0 && slice_starts_with(word, names[name_count - 1]));
        struct slice labels =
            slice_make(word.at + names[name_count - 1].length, word.length - names[name_count - 1].length);
        assert_true(labels.length == 0 || (labels.at[0] == '{' && labels.at[labels.length - 1] == '}'));
        struct buf number;
        buf_init(&number, 20);
        buf_add_integer(&number, ++samples);
        assert_true(slice_equal(line, buf_slice(&number)));
        buf_free(&number);
    }
    assert_int_equal(samples, METRIC_COUNT);
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
    const char *first = strstr(out.bytes, "nexgate_searches_total\tcounter\tSearches by outcome.\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "nexgate_searches_total\t"));
    assert_non_null(strstr(out.bytes, "nexgate_store_bytes\tgauge\t"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_add_up_over_threads),
        cmocka_unit_test(a_gauge_goes_down),
        cmocka_unit_test(samples_stand_as_prometheus_reads_them),
        cmocka_unit_test(the_output_follows_the_format),
        cmocka_unit_test(the_list_names_each_metric_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
