/* SPDX-License-Identifier: MIT */
/* Reads the configuration's syntax. Must not know any setting. */
#include "base/ini.h"

#include "base/map.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The state of one file. */
struct ini {
    const char *file;
    size_t line;
    ini_line_cb on_line;
    void *context;
    struct complaints *complaints;
    struct map *sections; /* headings seen, to refuse a second one */
    struct slice section; /* at == NULL before the first heading */
    bool skipping;        /* under a bad heading: where its settings belong is not known, so they are not given */
    struct buf value;     /* the current value, variables put in */
};

static bool complain(struct ini *ini, const char *what)
{
    complaints_error(ini->complaints, ini->file, ini->line, "%s", what);
    return false;
}

/* Length of the variable's name at the start of `text`. */
static size_t name_length(struct slice text)
{
    size_t length = 0;
    while (length < text.length && (text.at[length] == '_' || isalnum((unsigned char)text.at[length])))
        length++;
    return length;
}

/* Adds what the variable of `*text`, "${NAME}…", stands for, and takes it off the front. What is no variable may be
 * part of a secret and is not repeated. */
static bool add_variable(struct ini *ini, struct slice *text)
{
    struct slice inside = slice_make(text->at + 2, text->length - 2);
    size_t length = name_length(inside);
    if (length == 0 || length > INI_NAME_MAX || length == inside.length || inside.at[length] != '}')
        return complain(ini, "expected a variable such as ${NAME}; a literal \"${\" is written \"$${\"");
    char name[INI_NAME_MAX + 1];
    memcpy(name, inside.at, length);
    name[length] = '\0';
    const char *found = getenv(name);
    if (found == NULL) {
        complaints_error(ini->complaints, ini->file, ini->line, "the environment variable %s is not set", name);
        return false;
    }
    buf_add_text(&ini->value, found);
    *text = slice_make(inside.at + length + 1, inside.length - length - 1);
    return true;
}

/* Copies the value with ${NAME} replaced; "$${" is a literal "${". */
static bool expand(struct ini *ini, struct slice value)
{
    buf_reset(&ini->value);
    while (value.length > 0) {
        if (slice_starts_with(value, slice_of("${"))) {
            if (!add_variable(ini, &value))
                return false;
            continue;
        }
        bool literal = slice_starts_with(value, slice_of("$${"));
        buf_add_char(&ini->value, value.at[0]);
        size_t taken = literal ? 3 : 1;
        if (literal)
            buf_add_char(&ini->value, '{');
        value = slice_make(value.at + taken, value.length - taken);
    }
    if (ini->value.starved)
        return complain(ini, "out of memory");
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
    ini->skipping = true;
    if (!closed || !is_words(name, true))
        return complain(ini, "expected a heading such as [server] or [client NAME]");
    if (!map_make_room(ini->sections, 1))
        return complain(ini, "out of memory");
    if (map_put(ini->sections, name, ini) != NULL) {
        complaints_error(ini->complaints, ini->file, ini->line, "section [%.*s] was opened before", (int)name.length,
                         name.at);
        return false;
    }
    ini->skipping = false;
    ini->section = name;
    give(ini, slice_make(NULL, 0), slice_make(NULL, 0));
    return true;
}

static bool read_setting(struct ini *ini, struct slice line)
{
    struct slice value = line;
    struct slice name;
    bool cut = slice_cut(&value, '=', &name);
    name = slice_trim(name);
    if (!cut || value.at == NULL || !is_words(name, false))
        return complain(ini, "expected name = value");
    if (ini->skipping)
        return false;
    if (ini->section.at == NULL)
        return complain(ini, "a setting stands before the first heading");
    if (!expand(ini, slice_trim(value)))
        return false;
    give(ini, name, buf_slice(&ini->value));
    return true;
}

static bool read_line(struct ini *ini, struct slice line)
{
    if (line.length > 0 && memchr(line.at, '\0', line.length) != NULL)
        return complain(ini, "the line holds a NUL byte");
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    line = slice_trim(line);
    if (line.length == 0 || line.at[0] == '#' || line.at[0] == ';')
        return true;
    return line.at[0] == '[' ? read_heading(ini, line) : read_setting(ini, line);
}

bool ini_parse(struct slice text, const char *file, ini_line_cb on_line, void *context, struct complaints *complaints)
{
    struct hash_secret secret;
    hash_secret_init(&secret);
    struct ini ini = {.file = file, .on_line = on_line, .context = context, .complaints = complaints};
    ini.sections = map_try_new(&secret);
    if (ini.sections == NULL) {
        complaints_memory(complaints, file, 0);
        return false;
    }
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

/* The file's bytes, at most the buffer's ceiling; without stdio, whose buffer would keep a copy of every secret. */
static bool read_file(const char *path, struct buf *content, char *why, size_t why_size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        snprintf(why, why_size, "%s", strerror(errno));
        return false;
    }
    char part[4096];
    ssize_t got;
    do {
        got = read(descriptor, part, sizeof(part));
        if (got > 0)
            buf_add(content, slice_make(part, (size_t)got));
    } while ((got > 0 && buf_ok(content)) || (got < 0 && errno == EINTR));
    if (got < 0)
        snprintf(why, why_size, "%s", strerror(errno));
    else if (content->starved)
        snprintf(why, why_size, "out of memory");
    else if (!buf_ok(content))
        snprintf(why, why_size, "longer than %zu bytes", content->max);
    close(descriptor);
    mem_wipe(part, sizeof(part));
    return got == 0;
}

bool ini_read(const char *path, ini_line_cb on_line, void *context, struct complaints *complaints)
{
    struct buf content;
    char why[128];
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
    char reason[128];
    if (!read_file(path, content, reason, sizeof(reason))) {
        snprintf(why, why_size, "%s: %s", path, reason);
        return false;
    }
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
