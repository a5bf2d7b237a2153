/* SPDX-License-Identifier: MIT */
/* Log lines that nobody can forge, and metrics that add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/metrics.h"

#include <pthread.h>
#include <unistd.h>

/* What one call writes, without its time. */
static void written(enum log_format format, enum log_level level, const struct log_field *fields, size_t count,
                    char line[LOG_LINE_MAX + 1])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct clock *clock = clock_new();
    struct log *log = log_new(ends[1], LOG_LEVEL_INFO, format, clock);
    log_write(log, level, "some words", fields, count);
    close(ends[1]);
    ssize_t got = read(ends[0], line, LOG_LINE_MAX);
    assert_true(got >= 0);
    line[got] = '\0';
    close(ends[0]);
    log_free(log);
    clock_free(clock);
}

static void lines_have_their_form(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 1];
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN, LOG_FIELDS(LOG_TEXT("a", slice_of("plain")), LOG_NUMBER("n", -5)), line);
    assert_string_equal(line + strlen("ts=2026-01-01T00:00:00.000Z"), " level=warn msg=\"some words\" a=plain n=-5\n");
    written(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, LOG_FIELDS(LOG_TEXT("a", slice_of("x\"y")), LOG_NUMBER("n", 7)), line);
    assert_string_equal(line + strlen("{\"ts\":\"2026-01-01T00:00:00.000Z\""),
                        ",\"level\":\"error\",\"msg\":\"some words\",\"a\":\"x\\\"y\",\"n\":7}\n");
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_DEBUG, NULL, 0, line);
    assert_string_equal(line, "");
}

static void values_cannot_forge(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 1];
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO,
            LOG_FIELDS(LOG_TEXT("a", slice_of("x\nts=1 level=info")), LOG_TEXT("b", slice_of("")),
                       LOG_TEXT("c", slice_of("\xff"))),
            line);
    assert_non_null(strstr(line, " a=\"x\\nts=1 level=info\" b=\"\" c=\"\xEF\xBF\xBD\"\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char value[100000];
    char line[LOG_LINE_MAX + 1];
    memset(value, 'v', sizeof(value));
    struct slice slice = slice_make(value, sizeof(value));
    written(LOG_FORMAT_JSON, LOG_LEVEL_INFO,
            LOG_FIELDS(LOG_TEXT("a", slice), LOG_TEXT("b", slice), LOG_TEXT("c", slice), LOG_TEXT("d", slice),
                       LOG_NUMBER("e", 1)),
            line);
    assert_true(strlen(line) <= LOG_LINE_MAX);
    assert_non_null(strstr(line, "vvv...\",\"b\""));
    assert_null(strstr(line, "\"d\"")); /* no room: left out whole */
    assert_string_equal(line + strlen(line) - strlen(",\"e\":1}\n"), ",\"e\":1}\n");
}

static void *count_a_lot(void *context)
{
    struct counters *counters = context;
    for (int i = 0; i < 100000; i++)
        counters_add(counters, METRIC_REQUESTS, 1);
    return NULL;
}

static void metrics_add_up_over_threads(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_a_lot, metrics_block(metrics)), 0);
    int64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t now = metrics_read(metrics, METRIC_REQUESTS);
        assert_true(now >= before);
        before = now;
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS), 300000);
    metrics_free(metrics);
}

static void the_text_format_is_prometheus(void **state)
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
    const char *first = strstr(out.bytes, "# TYPE nexgate_searches_total counter\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE nexgate_searches_total")); /* once a name */
    buf_free(&out);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_form),         cmocka_unit_test(values_cannot_forge),
        cmocka_unit_test(long_values_are_cut),           cmocka_unit_test(metrics_add_up_over_threads),
        cmocka_unit_test(the_text_format_is_prometheus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
