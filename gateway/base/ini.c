/* SPDX-License-Identifier: MIT */
/* Reads the configuration's syntax. Must not know any setting. */
#include "base/ini.h"

#include "base/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The state of one file. */
struct ini {
    const char *file;
    size_t line;
    ini_line_cb on_line;
    void *context;
    struct complaints *complaints;
    struct map *sections; /* headings seen, to refuse a second one */
    struct slice section; /* at == NULL before the first heading */
    struct buf value;     /* the current value, variables put in */
};

/* `name` is what the environment is asked for: a variable's name is bounded. */
static const char *variable(struct slice name)
{
    char text[INI_NAME_MAX + 1];
    if (name.length == 0 || name.length > INI_NAME_MAX)
        return NULL;
    memcpy(text, name.at, name.length);
    text[name.length] = '\0';
    return getenv(text);
}

/* Copies the value with ${NAME} replaced; "$${" is a literal "${". */
static bool expand(struct ini *ini, struct slice value)
{
    buf_reset(&ini->value);
    size_t i = 0;
    while (i < value.length) {
        struct slice rest = slice_make(value.at + i, value.length - i);
        if (slice_starts_with(rest, slice_of("$${"))) {
            buf_add_text(&ini->value, "${");
            i += 3;
        } else if (slice_starts_with(rest, slice_of("${"))) {
            const char *end = memchr(rest.at, '}', rest.length);
            struct slice name = slice_make(rest.at + 2, end != NULL ? (size_t)(end - rest.at) - 2 : 0);
            const char *found = end != NULL ? variable(name) : NULL;
            if (found == NULL) {
                complaints_error(ini->complaints, ini->file, ini->line, "the environment variable %.*s is not set",
                                 (int)name.length, name.at);
                return false;
            }
            buf_add_text(&ini->value, found);
            i += name.length + 3;
        } else {
            buf_add_char(&ini->value, value.at[i++]);
        }
    }
    if (!buf_ok(&ini->value))
        complaints_error(ini->complaints, ini->file, ini->line, "the value is longer than %d bytes", INI_VALUE_MAX);
    return buf_ok(&ini->value);
}

static void give(struct ini *ini, struct slice name, struct slice value)
{
    struct ini_line line = {ini->file, ini->line, ini->section, name, value};
    ini->on_line(ini->context, &line);
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

/* One word, or words with single blanks between them where `blanks` allows it. */
static bool is_words(struct slice text, bool blanks)
{
    if (text.length == 0 || text.length > INI_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (is_word_char(text.at[i]))
            continue;
        bool between = i > 0 && i + 1 < text.length && text.at[i - 1] != ' ';
        if (!blanks || text.at[i] != ' ' || !between)
            return false;
    }
    return true;
}

static bool read_heading(struct ini *ini, struct slice line)
{
    struct slice name = slice_make(line.at + 1, line.length - 1);
    bool closed = name.length > 0 && name.at[name.length - 1] == ']';
    if (closed)
        name = slice_trim(slice_make(name.at, name.length - 1));
    if (!closed || !is_words(name, true)) {
        complaints_error(ini->complaints, ini->file, ini->line, "expected a heading such as [server] or [client NAME]");
        ini->section = slice_make(NULL, 0);
        return false;
    }
    ini->section = name;
    if (map_put(ini->sections, name, ini) != NULL) {
        complaints_error(ini->complaints, ini->file, ini->line, "section [%.*s] was opened before", (int)name.length,
                         name.at);
        return false;
    }
    give(ini, slice_make(NULL, 0), slice_make(NULL, 0));
    return true;
}

static bool read_setting(struct ini *ini, struct slice line)
{
    struct slice value = line;
    struct slice name;
    bool cut = slice_cut(&value, '=', &name);
    name = slice_trim(name);
    if (!cut || value.at == NULL || !is_words(name, false)) {
        complaints_error(ini->complaints, ini->file, ini->line, "expected name = value");
        return false;
    }
    if (ini->section.at == NULL) {
        complaints_error(ini->complaints, ini->file, ini->line, "%.*s stands outside any section", (int)name.length,
                         name.at);
        return false;
    }
    if (!expand(ini, slice_trim(value)))
        return false;
    give(ini, name, buf_slice(&ini->value));
    return true;
}

static bool read_line(struct ini *ini, struct slice line)
{
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    line = slice_trim(line);
    if (line.length == 0 || line.at[0] == '#' || line.at[0] == ';')
        return true;
    if (memchr(line.at, '\0', line.length) != NULL) {
        complaints_error(ini->complaints, ini->file, ini->line, "the line holds a NUL byte");
        return false;
    }
    return line.at[0] == '[' ? read_heading(ini, line) : read_setting(ini, line);
}

bool ini_parse(struct slice text, const char *file, ini_line_cb on_line, void *context, struct complaints *complaints)
{
    struct hash_secret secret;
    hash_secret_init(&secret);
    struct ini ini = {.file = file, .on_line = on_line, .context = context, .complaints = complaints};
    ini.sections = map_new(&secret);
    buf_init(&ini.value, INI_VALUE_MAX);
    static const struct slice byte_order_mark = SLICE("\xEF\xBB\xBF");
    if (slice_starts_with(text, byte_order_mark))
        text = slice_make(text.at + byte_order_mark.length, text.length - byte_order_mark.length);
    bool good = true;
    struct slice line;
    while (slice_cut(&text, '\n', &line)) {
        ini.line++;
        good &= read_line(&ini, line);
    }
    if (ini.value.bytes != NULL)
        mem_wipe(ini.value.bytes, ini.value.capacity); /* it may have held a password */
    buf_free(&ini.value);
    map_free(ini.sections);
    return good;
}

/* The file's bytes, at most the buffer's ceiling. */
static bool read_file(const char *path, struct buf *content, char *why, size_t why_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    char part[4096];
    size_t got;
    while ((got = fread(part, 1, sizeof(part), file)) > 0)
        buf_add(content, slice_make(part, got));
    bool failed = ferror(file) != 0;
    if (failed)
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    else if (!buf_ok(content))
        snprintf(why, why_size, "%s: longer than %zu bytes", path, content->max);
    fclose(file);
    mem_wipe(part, sizeof(part));
    return !failed && buf_ok(content);
}

bool ini_read(const char *path, ini_line_cb on_line, void *context, struct complaints *complaints)
{
    struct buf content;
    char why[256];
    buf_init(&content, INI_FILE_MAX);
    bool good = read_file(path, &content, why, sizeof(why));
    if (!good)
        complaints_error(complaints, path, 0, "cannot be read: %s", why);
    else
        good = ini_parse(buf_slice(&content), path, on_line, context, complaints);
    if (content.bytes != NULL)
        mem_wipe(content.bytes, content.capacity);
    buf_free(&content);
    return good;
}

bool ini_read_secret(const char *path, struct buf *content, char *why, size_t why_size)
{
    if (!read_file(path, content, why, why_size))
        return false;
    if (content->length > 0 && content->bytes[content->length - 1] == '\n')
        content->length--;
    if (content->length > 0 && content->bytes[content->length - 1] == '\r')
        content->length--;
    if (content->length == 0 || memchr(content->bytes, '\0', content->length) != NULL) {
        snprintf(why, why_size, "%s: expected text", path);
        return false;
    }
    return true;
}
