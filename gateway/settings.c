/* SPDX-License-Identifier: MIT */
/* Reads the configuration file line by line against the table of settings, then checks what no single line can say.
 * Must not start anything. */
#include "settings.h"

#include "base/ini.h"
#include "base/nearest.h"
#include "settings_check.h"
#include "settings_client.h"
#include "settings_table.h"

#include <stdio.h>

enum { SETTINGS_ROWS_MAX = 128 };

static const struct slice CLIENT_HEAD = SLICE("client ");

/* The state of reading one file. */
struct reader {
    struct settings *settings;
    struct complaints *complaints;
    const char *file;
    bool has_seen_any;
    struct settings_row_read rows[SETTINGS_ROWS_MAX];

    bool in_client; /* a [client NAME] section is open */
    char client_name[CLIENT_NAME_MAX + 1];
    size_t client_line;
    struct client_settings client;
    struct settings_row_read client_rows[SETTINGS_ROWS_MAX];
};

/* Ends the open client section, if any. */
static void close_client(struct reader *reader)
{
    if (!reader->in_client)
        return;
    settings_add_client(reader->settings->roster, slice_of(reader->client_name), &reader->client, reader->file,
                        reader->client_line, reader->client_rows, reader->complaints);
    options_free(SETTINGS_CLIENT_TABLE, SETTINGS_CLIENT_COUNT, &reader->client);
    reader->in_client = false;
}

static void open_client(struct reader *reader, const struct ini_line *line)
{
    struct slice name = slice_make(line->section.at + CLIENT_HEAD.length, line->section.length - CLIENT_HEAD.length);
    if (!roster_is_name(name)) {
        complaints_error(reader->complaints, line->file, line->line,
                         "client: expected a name of at most %d letters, digits, '.', '_' and '-'", CLIENT_NAME_MAX);
        name = slice_of("unnamed");
    }
    reader->in_client = true;
    reader->client_line = line->line;
    snprintf(reader->client_name, sizeof(reader->client_name), "%.*s", (int)name.length, name.at);
    memset(reader->client_rows, 0, sizeof(reader->client_rows));
    if (!options_defaults(SETTINGS_CLIENT_TABLE, SETTINGS_CLIENT_COUNT, &reader->client))
        complaints_memory(reader->complaints, line->file, line->line);
}

static void check_section(struct reader *reader, const struct ini_line *line)
{
    struct nearest nearest;
    nearest_init(&nearest, line->section);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        struct slice known = slice_of(SETTINGS_TABLE[i].section);
        if (slice_equal(known, line->section))
            return;
        nearest_consider(&nearest, known);
    }
    nearest_consider(&nearest, slice_of("client NAME"));
    if (nearest.best.length > 0)
        complaints_error(reader->complaints, line->file, line->line, "unknown section [%.*s]; did you mean [%.*s]?",
                         (int)line->section.length, line->section.at, (int)nearest.best.length, nearest.best.at);
    else
        complaints_error(reader->complaints, line->file, line->line, "unknown section [%.*s]",
                         (int)line->section.length, line->section.at);
}

static void on_heading(struct reader *reader, const struct ini_line *line)
{
    close_client(reader);
    if (slice_starts_with(line->section, CLIENT_HEAD))
        open_client(reader, line);
    else
        check_section(reader, line);
}

/* Where a setting of the open section goes. */
struct target {
    const struct option *table;
    size_t count;
    struct slice section;
    void *values;
    struct settings_row_read *rows;
};

static void complain_unknown(struct reader *reader, const struct ini_line *line, const struct target *target)
{
    const char *nearest = options_nearest(target->table, target->count, target->section, line->name);
    if (nearest != NULL)
        complaints_error(reader->complaints, line->file, line->line, "unknown setting %.*s in [%.*s]; did you mean %s?",
                         (int)line->name.length, line->name.at, (int)line->section.length, line->section.at, nearest);
    else
        complaints_error(reader->complaints, line->file, line->line, "unknown setting %.*s in [%.*s]",
                         (int)line->name.length, line->name.at, (int)line->section.length, line->section.at);
}

/* NAME, or NAME_file for a secret. */
static const struct option *find_row(const struct target *target, struct slice name, bool *from_file)
{
    static const struct slice suffix = SLICE("_file");
    *from_file = false;
    const struct option *row = options_find(target->table, target->count, target->section, name);
    if (row != NULL || name.length <= suffix.length)
        return row;
    struct slice stem = slice_make(name.at, name.length - suffix.length);
    if (!slice_equal(slice_make(name.at + stem.length, suffix.length), suffix))
        return NULL;
    row = options_find(target->table, target->count, target->section, stem);
    *from_file = true;
    return row != NULL && (row->flags & OPTION_SECRET) != 0 ? row : NULL;
}

static bool set_row(struct reader *reader, const struct ini_line *line, const struct target *target,
                    const struct option *row, bool from_file)
{
    char why[OPTION_WHY_MAX];
    struct slice value = line->value;
    struct buf secret;
    buf_init(&secret, INI_VALUE_MAX);
    bool good = true;
    if (from_file) {
        char path[4096];
        snprintf(path, sizeof(path), "%.*s", (int)line->value.length, line->value.at);
        good = ini_read_secret(path, &secret, why, sizeof(why));
        value = buf_slice(&secret);
    }
    good = good && option_set(row, target->values, value, why);
    if (!good)
        complaints_error(reader->complaints, line->file, line->line, "%.*s: %s", (int)line->name.length, line->name.at,
                         why);
    if (secret.bytes != NULL)
        mem_wipe(secret.bytes, secret.length);
    buf_free(&secret);
    return good;
}

static void on_setting(struct reader *reader, const struct ini_line *line)
{
    struct target target = {SETTINGS_TABLE, SETTINGS_COUNT, line->section, reader->settings, reader->rows};
    if (reader->in_client)
        target = (struct target){SETTINGS_CLIENT_TABLE, SETTINGS_CLIENT_COUNT, slice_of("client NAME"), &reader->client,
                                 reader->client_rows};
    bool from_file;
    const struct option *row = find_row(&target, line->name, &from_file);
    if (row == NULL) {
        complain_unknown(reader, line, &target);
        return;
    }
    size_t number = (size_t)(row - target.table);
    if (target.rows[number].line > 0) {
        complaints_error(reader->complaints, line->file, line->line, "%s was given before in [%.*s]", row->name,
                         (int)line->section.length, line->section.at);
        return;
    }
    target.rows[number].line = line->line;
    target.rows[number].is_refused = !set_row(reader, line, &target, row, from_file);
}

static void on_line(void *context, const struct ini_line *line)
{
    struct reader *reader = context;
    reader->has_seen_any = true;
    if (line->name.length == 0)
        on_heading(reader, line);
    else
        on_setting(reader, line);
}

static bool add_builtin(struct settings *settings)
{
    struct schema *webhooks = schema_builtin_webhooks();
    struct complaints none; /* an empty set refuses nothing but for memory */
    if (webhooks == NULL)
        return false;
    complaints_init(&none);
    bool added = schema_set_add(settings->schemas, webhooks, "(built in)", &none);
    complaints_free(&none);
    return added;
}

bool settings_defaults(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    if (!options_defaults(SETTINGS_TABLE, SETTINGS_COUNT, settings))
        return false;
    settings->roster = roster_new();
    settings->schemas = schema_set_new();
    return settings->roster != NULL && settings->schemas != NULL && add_builtin(settings);
}

static bool keep_what_stays(struct reader *reader, const struct settings *now)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct option *row = &SETTINGS_TABLE[i];
        if ((row->flags & OPTION_RELOADABLE) != 0 || option_equal(row, reader->settings, now))
            continue;
        if (!option_copy(row, reader->settings, now)) {
            complaints_memory(reader->complaints, reader->file, reader->rows[i].line);
            return false;
        }
        complaints_warn(reader->complaints, reader->file, reader->rows[i].line,
                        "[%s] %s: a reload does not change it; the value of the start stays in force", row->section,
                        row->name);
    }
    return true;
}

bool settings_read(const char *path, struct settings *settings, struct complaints *complaints)
{
    return settings_reread(path, NULL, settings, complaints);
}

bool settings_reread(const char *path, const struct settings *now, struct settings *settings,
                     struct complaints *complaints)
{
    struct reader *reader = settings_defaults(settings) ? mem_try_zeroed(sizeof(*reader)) : NULL;
    if (reader == NULL) {
        complaints_memory(complaints, path, 0);
        return false;
    }
    reader->settings = settings;
    reader->complaints = complaints;
    reader->file = path;
    bool read = ini_read(path, on_line, reader, complaints);
    close_client(reader);
    const struct settings_place place = {path, reader->rows, complaints};
    if (read || reader->has_seen_any) /* else the file could not be read, which was said */
        settings_check(settings, &place);
    bool good = read && complaints->errors == 0;
    if (good && now != NULL)
        good = keep_what_stays(reader, now);
    mem_free(reader);
    return good;
}

bool settings_load(const char *path, struct settings *settings)
{
    struct complaints complaints;
    complaints_init(&complaints);
    bool good = settings_read(path, settings, &complaints);
    if (complaints.text.length > 0)
        fwrite(complaints.text.bytes, 1, complaints.text.length, stderr);
    complaints_free(&complaints);
    return good;
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < SETTINGS_LISTEN_MAX; i++)
        mem_free(settings->listen_addresses[i]);
    for (size_t i = 0; i < SETTINGS_LISTEN_MAX; i++)
        mem_free(settings->tls_addresses[i]);
    redis_url_free(&settings->redis);
    redis_url_free(&settings->quota_redis);
    mem_wipe(settings->redis_token_key_bytes, sizeof(settings->redis_token_key_bytes));
    schema_set_free(settings->schemas);
    roster_free(settings->roster);
    options_free(SETTINGS_TABLE, SETTINGS_COUNT, settings);
    memset(settings, 0, sizeof(*settings));
}

const char *settings_address(const struct settings *settings, size_t index, size_t *plain)
{
    for (*plain = 0; *plain < SETTINGS_LISTEN_MAX && settings->listen_addresses[*plain] != NULL;)
        ++*plain;
    if (index < *plain)
        return settings->listen_addresses[index];
    return index - *plain < SETTINGS_LISTEN_MAX ? settings->tls_addresses[index - *plain] : NULL;
}

void settings_list(struct buf *out)
{
    options_list(SETTINGS_TABLE, SETTINGS_COUNT, out);
    options_list(SETTINGS_CLIENT_TABLE, SETTINGS_CLIENT_COUNT, out);
}
