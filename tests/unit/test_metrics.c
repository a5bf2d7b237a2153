/* SPDX-License-Identifier: MIT */
/* Metrics that add up, and the text that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

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

/* Takes `head` off the front of the line, which must have it. */
static struct slice behind(struct slice line, const char *head)
{
    assert_true(slice_starts_with(line, slice_of(head)));
    return slice_make(line.at + strlen(head), line.length - strlen(head));
}

/* Reads "# HELP name text" and the "# TYPE name kind" that must follow it; returns the name. */
static struct slice read_heading(struct slice help, struct slice *rest)
{
    struct slice name = {NULL, 0}, type = {NULL, 0}, same = {NULL, 0};
    help = behind(help, "# HELP ");
    assert_true(slice_cut(&help, ' ', &name) && help.length > 0);
    assert_true(is_name(name) && slice_starts_with(name, slice_of("nexgate_")));
    bool is_total = slice_is(slice_make(name.at + name.length - 6, 6), "_total");
    assert_true(slice_cut(rest, '\n', &type));
    type = behind(type, "# TYPE ");
    assert_true(slice_cut(&type, ' ', &same) && slice_equal(same, name));
    assert_true(slice_is(type, is_total ? "counter" : "gauge"));
    return name;
}

/* Reads "name{labels} value"; the n-th row was set to n. */
static void read_sample(struct slice line, struct slice name, int64_t expected)
{
    struct slice word = {NULL, 0};
    char number[32];
    assert_true(slice_cut(&line, ' ', &word) && slice_starts_with(word, name));
    struct slice labels = slice_make(word.at + name.length, word.length - name.length);
    assert_true(labels.length == 0 || (labels.at[0] == '{' && labels.at[labels.length - 1] == '}'));
    snprintf(number, sizeof(number), "%" PRId64, expected);
    assert_true(slice_is(line, number));
}

/* As a scraper would read it: HELP, TYPE, then the samples of that name and no other; each name opens once. */
static void the_output_follows_the_format(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counters *counters = metrics_block(metrics);
    struct slice names[METRIC_COUNT];
    size_t name_count = 0;
    int64_t samples = 0;
    struct buf out;
    for (int i = 0; i < METRIC_COUNT; i++)
        counters_add(counters, (enum metric)i, i + 1);
    buf_init(&out, 1 << 20);
    metrics_print(metrics, &out);
    assert_true(buf_ok(&out) && out.length > 0 && out.bytes[out.length - 1] == '\n');

    struct slice rest = slice_make(out.bytes, out.length - 1), line;
    while (slice_cut(&rest, '\n', &line)) {
        if (line.length > 0 && line.at[0] == '#') {
            names[name_count] = read_heading(line, &rest);
            for (size_t i = 0; i < name_count; i++)
                assert_false(slice_equal(names[i], names[name_count]));
            name_count++;
        } else {
            assert_true(name_count > 0);
            read_sample(line, names[name_count - 1], ++samples);
        }
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
    assert_true(
        slice_starts_with(buf_slice(&out), slice_of("nexgate_connections\tgauge\tClient connections open now.\n")));
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
