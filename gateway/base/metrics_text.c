/* SPDX-License-Identifier: MIT */
/* The metrics as Prometheus reads them (text format 0.0.4), and the list of them. Must not know what is counted. */
#include "base/metrics_text.h"

#include "base/metrics_block.h"

#include <inttypes.h>

enum kind { COUNTER, GAUGE, SECONDS, HISTOGRAM, CLIENT_COUNTER, CLIENT_GAUGE };

struct row {
    const char *name, *labels, *help;
    enum kind kind;
    size_t index; /* in the enum of its kind */
};

#define INDEX_OF_COUNTER(id) METRIC_##id
#define INDEX_OF_GAUGE(id) METRIC_##id
#define INDEX_OF_SECONDS(id) METRIC_##id
#define INDEX_OF_HISTOGRAM(id) HISTOGRAM_##id
#define INDEX_OF_CLIENT_COUNTER(id) CLIENT_METRIC_##id
#define INDEX_OF_CLIENT_GAUGE(id) CLIENT_METRIC_##id

static const struct row ROWS[] = {
#define ROW(id, name, labels, kind, help) {name, labels, help, kind, INDEX_OF_##kind(id)},
    METRICS_TABLE(ROW)
#undef ROW
};
enum { ROW_COUNT = sizeof(ROWS) / sizeof(ROWS[0]) };

static const char *type_name(enum kind kind)
{
    switch (kind) {
    case COUNTER:
    case CLIENT_COUNTER:
        return "counter";
    case HISTOGRAM:
        return "histogram";
    case GAUGE:
    case SECONDS:
    case CLIENT_GAUGE:
        break;
    }
    return "gauge";
}

static bool is_of_clients(enum kind kind)
{
    return kind == CLIENT_COUNTER || kind == CLIENT_GAUGE;
}

static bool opens_name(size_t row)
{
    return row == 0 || !slice_is(slice_of(ROWS[row].name), ROWS[row - 1].name);
}

/* µs as seconds: 12, 0.5, 0.000016. */
static void add_seconds(struct buf *out, int64_t us)
{
    if (us < 0) {
        buf_add_char(out, '-');
        us = -us;
    }
    int64_t part = us % 1000000;
    buf_add_integer(out, us / 1000000);
    if (part == 0)
        return;
    size_t digits = 6;
    for (; part % 10 == 0; part /= 10)
        digits--;
    buf_format(out, ".%0*" PRId64, (int)digits, part);
}

/* NAME SUFFIX {LABELS,MORE} and the blank behind it. */
static void open_sample(struct buf *out, const struct row *row, const char *suffix, const char *more)
{
    buf_add_text(out, row->name);
    buf_add_text(out, suffix);
    if (row->labels[0] != '\0' || more[0] != '\0') {
        buf_add_char(out, '{');
        buf_add_text(out, row->labels);
        if (row->labels[0] != '\0' && more[0] != '\0')
            buf_add_char(out, ',');
        buf_add_text(out, more);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ' ');
}

static void print_number(const struct metrics *metrics, const struct row *row, struct buf *out)
{
    int64_t value = metrics_read(metrics, (enum metric)row->index);
    open_sample(out, row, "", "");
    if (row->kind == SECONDS)
        add_seconds(out, value);
    else
        buf_add_integer(out, value);
    buf_add_char(out, '\n');
}

static void print_bucket(const struct row *row, size_t bucket, int64_t count, struct buf *out)
{
    struct buf label;
    buf_init(&label, 64);
    buf_reserve(&label);
    buf_add_text(&label, "le=\"");
    if (bucket < HISTOGRAM_BUCKETS)
        add_seconds(&label, INT64_C(1) << (HISTOGRAM_FIRST_POWER + bucket));
    else
        buf_add_text(&label, "+Inf");
    buf_add_char(&label, '"');
    buf_add_char(&label, '\0');
    open_sample(out, row, "_bucket", label.bytes);
    buf_free(&label);
    buf_add_integer(out, count);
    buf_add_char(out, '\n');
}

static void print_histogram(const struct metrics *metrics, const struct row *row, struct buf *out)
{
    struct histogram_view view;
    int64_t count = 0;
    metrics_read_histogram(metrics, (enum histogram)row->index, &view);
    for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        count += view.counts[i];
        print_bucket(row, i, count, out);
    }
    open_sample(out, row, "_sum", "");
    add_seconds(out, view.sum_us);
    buf_add_char(out, '\n');
    open_sample(out, row, "_count", "");
    buf_add_integer(out, view.count);
    buf_add_char(out, '\n');
}

/* A label's value may hold anything; the backslash, the quote and the line's end are escaped. */
static void add_label_value(struct buf *out, struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] == '\n') {
            buf_add_text(out, "\\n");
            continue;
        }
        if (value.at[i] == '"' || value.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, value.at[i]);
    }
}

static void print_client(const struct metrics *metrics, const struct row *row, const struct metrics_name *client,
                         struct buf *out)
{
    int64_t value;
    bool is_set = metrics_find_client(metrics, client->number, (enum client_metric)row->index, &value);
    if (row->kind == CLIENT_GAUGE ? !is_set : value == 0)
        return;
    buf_add_text(out, row->name);
    buf_add_text(out, "{client=\"");
    add_label_value(out, slice_make(client->text, client->length));
    buf_add_char(out, '"');
    if (row->labels[0] != '\0')
        buf_add_char(out, ',');
    buf_add_text(out, row->labels);
    buf_add_text(out, "} ");
    buf_add_integer(out, value);
    buf_add_char(out, '\n');
}

/* All clients' samples of the rows of one name. */
static void print_clients(const struct metrics *metrics, size_t first, size_t behind, struct buf *out)
{
    for (size_t client = 0; client < metrics->client_count; client++) {
        if (!metrics_has_client(metrics, (uint32_t)client))
            continue;
        for (size_t row = first; row < behind; row++)
            print_client(metrics, &ROWS[row], metrics->clients[client], out);
    }
}

static void print_row(const struct metrics *metrics, const struct row *row, struct buf *out)
{
    if (row->kind == HISTOGRAM)
        print_histogram(metrics, row, out);
    else
        print_number(metrics, row, out);
}

void metrics_print(struct metrics *metrics, struct buf *out)
{
    pthread_mutex_lock(&metrics->lock);
    for (size_t first = 0, behind; first < ROW_COUNT; first = behind) {
        const struct row *row = &ROWS[first];
        for (behind = first + 1; behind < ROW_COUNT && !opens_name(behind);)
            behind++;
        buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, type_name(row->kind));
        if (is_of_clients(row->kind))
            print_clients(metrics, first, behind, out);
        else
            for (size_t i = first; i < behind; i++)
                print_row(metrics, &ROWS[i], out);
    }
    pthread_mutex_unlock(&metrics->lock);
}

/* Of 'outcome="hit",status="200"': outcome,status. */
static void list_labels(struct buf *out, const struct row *row)
{
    struct slice rest = slice_of(row->labels), pair, name;
    const char *comma = "";
    if (is_of_clients(row->kind)) {
        buf_add_text(out, "client");
        comma = ",";
    }
    while (rest.length > 0 && slice_cut(&rest, ',', &pair) && slice_cut(&pair, '=', &name)) {
        buf_add_text(out, comma);
        buf_add(out, name);
        comma = ",";
    }
    if (comma[0] == '\0')
        buf_add_char(out, '-');
}

void metrics_list(struct buf *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!opens_name(i))
            continue;
        buf_format(out, "%s\t%s\t", ROWS[i].name, type_name(ROWS[i].kind));
        list_labels(out, &ROWS[i]);
        buf_format(out, "\t%s\n", ROWS[i].help);
    }
}
