/* SPDX-License-Identifier: MIT */
/* The growable run of bytes. Must not know what is written into it. */
#include "base/buf.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "base/decimal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAPACITY = 256 };

void buf_init(struct buf *buf, size_t max)
{
    assert(max <= SIZE_MAX / 4); /* so that doubling cannot overflow */
    *buf = (struct buf){.max = max};
}

void buf_reset(struct buf *buf)
{
    buf->length = 0;
    buf->overflowed = false;
    buf->starved = false;
}

void buf_reserve(struct buf *buf)
{
    assert(buf->bytes == NULL);
    buf->bytes = mem_new(buf->max + 1);
    buf->capacity = buf->max;
}

void buf_borrow(struct buf *buf, char *room, size_t size)
{
    *buf = (struct buf){.bytes = room, .capacity = size - 1, .max = size - 1};
}

void buf_free(struct buf *buf)
{
    mem_free(buf->bytes);
    buf_init(buf, buf->max);
}

void buf_fit(struct buf *buf)
{
    if (buf->length == buf->capacity)
        return;
    char *bytes = mem_try_resize(buf->bytes, buf->length + 1);
    if (bytes == NULL)
        return; /* it stays as large as it was */
    buf->bytes = bytes;
    buf->capacity = buf->length;
}

void buf_take(struct buf *to, struct buf *from)
{
    assert(to->bytes == NULL);
    size_t max = to->max;
    *to = *from;
    to->max = max;
    buf_init(from, from->max);
}

/* Doubles up to the ceiling; false (and the mark) when that is not enough. One byte more is allocated than the capacity
 * says: vsnprintf ends with a NUL, which is not content. */
static bool grow(struct buf *buf, size_t more)
{
    if (more > buf->max - buf->length) {
        buf->overflowed = true;
        return false;
    }
    size_t needed = buf->length + more;
    size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buf->max)
        capacity = buf->max;
    char *bytes = mem_try_resize(buf->bytes, capacity + 1);
    if (bytes == NULL) {
        buf->overflowed = true;
        buf->starved = true;
        return false;
    }
    buf->bytes = bytes;
    buf->capacity = capacity;
    return true;
}

char *buf_make_room(struct buf *buf, size_t more)
{
    /* Room for nothing still has an address. */
    bool fits = more <= buf->capacity - buf->length && buf->bytes != NULL;
    if (buf->overflowed || (!fits && !grow(buf, more)))
        return NULL;
    return buf->bytes + buf->length;
}

void buf_add_char(struct buf *buf, char c)
{
    char *room = buf_room(buf, 1);
    if (room == NULL)
        return;
    *room = c;
    buf->length++;
}

void buf_add_unsigned(struct buf *buf, uint64_t number)
{
    size_t length = decimal_length(number);
    char *room = buf_room(buf, length);
    if (room == NULL)
        return;
    (void)decimal_write(room, length, number);
    buf->length += length;
}

void buf_add_integer(struct buf *buf, int64_t number)
{
    if (number < 0)
        buf_add_char(buf, '-');
    buf_add_unsigned(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static bool is_plain(char c)
{
    return ascii_is_printable(c) && c != '"' && c != '\\';
}

/* The code point of a character that some readers obey: U+2028 and U+2029 end a line, U+0080 to U+009F command
 * terminals; 0 for others. */
static unsigned disguised_control(struct slice character)
{
    const unsigned char *at = (const unsigned char *)character.at;
    if (character.length == 2 && at[0] == 0xC2 && at[1] < 0xA0)
        return at[1];
    if (character.length == 3 && at[0] == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9))
        return 0x2000u + (at[2] & 0x3Fu);
    return 0;
}

static void add_escape(struct buf *buf, char c)
{
    static const char SHORT[][2] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
    for (size_t i = 0; i < sizeof(SHORT) / sizeof(SHORT[0]); i++) {
        if (c == SHORT[i][0]) {
            buf_add(buf, slice_make((const char[]){'\\', SHORT[i][1]}, 2));
            return;
        }
    }
    buf_format(buf, "\\u%04x", (unsigned)c);
}

/* Bytes of the well-formed UTF-8 character at the start of `text`; 0 when there is none. */
static size_t character_length(struct slice text)
{
    for (size_t length = 1; length <= 4 && length <= text.length; length++) {
        if (codec_is_utf8(slice_make(text.at, length)))
            return length;
    }
    return 0;
}

/* Adds the first character of `text`, which is not plain; returns how many bytes that took. */
static size_t add_special(struct buf *buf, struct slice text)
{
    size_t length = character_length(text);
    struct slice character = slice_make(text.at, length);
    unsigned control = disguised_control(character);
    if (length == 0)
        buf_add_text(buf, "\uFFFD");
    else if (length == 1)
        add_escape(buf, text.at[0]);
    else if (control != 0)
        buf_format(buf, "\\u%04x", control);
    else
        buf_add(buf, character);
    return length > 0 ? length : 1;
}

void buf_add_json(struct buf *buf, struct slice text)
{
    buf_add_char(buf, '"');
    for (size_t at = 0, run; at < text.length;) {
        for (run = 0; at + run < text.length && is_plain(text.at[at + run]); run++)
            continue;
        buf_add(buf, slice_make(text.at + at, run));
        at += run;
        if (at < text.length)
            at += add_special(buf, slice_make(text.at + at, text.length - at));
    }
    buf_add_char(buf, '"');
}

void buf_format(struct buf *buf, const char *format, ...)
{
    if (buf_room(buf, 0) == NULL)
        return;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = buf->capacity - buf->length; /* and one byte for the NUL */
    int length = vsnprintf(buf->bytes + buf->length, room + 1, format, arguments);
    if (length < 0)
        buf->overflowed = true;
    else if ((size_t)length > room && buf_room(buf, (size_t)length) != NULL)
        vsnprintf(buf->bytes + buf->length, (size_t)length + 1, format, again);
    if (buf_ok(buf))
        buf->length += (size_t)length;
    va_end(again);
    va_end(arguments);
}
