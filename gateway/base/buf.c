/* SPDX-License-Identifier: MIT */
/* The growable run of bytes. Must not know what is written into it. */
#include "base/buf.h"

#include "base/codec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAPACITY = 256 };

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_reset(struct buf *buf)
{
    buf->length = 0;
    buf->overflowed = false;
}

void buf_free(struct buf *buf)
{
    mem_free(buf->bytes);
    buf_init(buf, buf->max);
}

void buf_take(struct buf *to, struct buf *from)
{
    assert(to->bytes == NULL);
    size_t max = to->max;
    *to = *from;
    to->max = max;
    buf_init(from, from->max);
}

/* Doubles up to the ceiling; false (and the mark) when that is not enough. */
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
    char *bytes = mem_try_resize(buf->bytes, capacity);
    if (bytes == NULL) {
        buf->overflowed = true;
        return false;
    }
    buf->bytes = bytes;
    buf->capacity = capacity;
    return true;
}

char *buf_room(struct buf *buf, size_t more)
{
    if (buf->overflowed)
        return NULL;
    if (more > buf->capacity - buf->length && !grow(buf, more))
        return NULL;
    if (buf->bytes == NULL && !grow(buf, more)) /* room for nothing still has an address */
        return NULL;
    return buf->bytes + buf->length;
}

void buf_add(struct buf *buf, struct slice bytes)
{
    if (bytes.length == 0)
        return;
    char *room = buf_room(buf, bytes.length);
    if (room == NULL)
        return;
    memcpy(room, bytes.at, bytes.length);
    buf->length += bytes.length;
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, slice_make(&c, 1));
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, slice_of(text));
}

void buf_add_unsigned(struct buf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_add(buf, slice_make(digits + at, sizeof(digits) - at));
}

void buf_add_integer(struct buf *buf, int64_t number)
{
    if (number < 0)
        buf_add_char(buf, '-');
    buf_add_unsigned(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static void add_json_char(struct buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add_text(buf, "\\\"");
        break;
    case '\\':
        buf_add_text(buf, "\\\\");
        break;
    case '\n':
        buf_add_text(buf, "\\n");
        break;
    case '\r':
        buf_add_text(buf, "\\r");
        break;
    case '\t':
        buf_add_text(buf, "\\t");
        break;
    default:
        if (c < 0x20 || c == 0x7f)
            buf_format(buf, "\\u%04x", c);
        else
            buf_add_char(buf, (char)c);
    }
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

void buf_add_json(struct buf *buf, struct slice text)
{
    buf_add_char(buf, '"');
    while (text.length > 0) {
        size_t length = character_length(text);
        if (length == 1)
            add_json_char(buf, (unsigned char)text.at[0]);
        else if (length > 1)
            buf_add(buf, slice_make(text.at, length));
        else
            buf_add_text(buf, "\xEF\xBF\xBD");
        size_t used = length > 0 ? length : 1;
        text = slice_make(text.at + used, text.length - used);
    }
    buf_add_char(buf, '"');
}

void buf_format(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buf->overflowed = true;
    } else if (length > 0) {
        /* vsnprintf ends with a NUL, which needs room but is not content. */
        char *room = buf->max - buf->length > (size_t)length ? buf_room(buf, (size_t)length + 1) : NULL;
        if (room != NULL) {
            vsnprintf(room, (size_t)length + 1, format, again);
            buf->length += (size_t)length;
        } else {
            buf->overflowed = true;
        }
    }
    va_end(again);
}
