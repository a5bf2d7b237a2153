/* SPDX-License-Identifier: MIT */
/* A growable run of bytes that is born with its ceiling. Adding never fails at the call: past the ceiling, or out of
 * memory, the buffer keeps what it had and remembers that it overflowed; buf_ok() is asked once, at the end. One
 * thread. */
#ifndef NEXGATE_BASE_BUF_H
#define NEXGATE_BASE_BUF_H

#include "base/mem.h"
#include "base/slice.h"

#include <stdint.h>

struct buf {
    char *bytes; /* owned; NULL while nothing was added */
    size_t length;
    size_t capacity;
    size_t max;      /* ceiling of length, bytes */
    bool overflowed; /* an add was dropped: the content must not be used */
    bool starved;    /* and that was for want of memory, not for the ceiling */
};

/* Prepares an empty buffer; allocates nothing. */
void buf_init(struct buf *buf, size_t max);

/* Takes the memory up to the ceiling now, or aborts: for an empty buffer whose ceiling is of our own choosing. */
void buf_reserve(struct buf *buf);

/* The same as buf_init with the caller's room of `size` bytes instead of memory: the ceiling is one byte below. Not to
 * be given to buf_free, buf_fit or buf_take. */
void buf_borrow(struct buf *buf, char *room, size_t size);

/* Forgets the content and the overflow, keeps the memory. */
void buf_reset(struct buf *buf);

/* Gives the memory back; the buffer is as after buf_init. */
void buf_free(struct buf *buf);

/* Gives back the memory beyond the content; for content that is kept. */
void buf_fit(struct buf *buf);

/* Moves the content of `from` into `to` (which must be empty and without memory); `from` is as after buf_init. */
void buf_take(struct buf *to, struct buf *from);

/* Makes room for `more` bytes and returns where they go (then raise `length`), or NULL and marks the overflow. */
static inline char *buf_room(struct buf *buf, size_t more) MUST_CHECK;

/* Private: buf_room where the room is not there yet. */
char *buf_make_room(struct buf *buf, size_t more) MUST_CHECK;

/* Inline as the rest of what writes an answer's head: there is room nearly always. */
static inline char *buf_room(struct buf *buf, size_t more)
{
    if (buf->bytes != NULL && !buf->overflowed && more <= buf->capacity - buf->length)
        return buf->bytes + buf->length;
    return buf_make_room(buf, more);
}

static inline void buf_add(struct buf *buf, struct slice bytes)
{
    if (bytes.length == 0)
        return;
    char *room = buf_room(buf, bytes.length);
    if (room == NULL)
        return;
    memcpy(room, bytes.at, bytes.length);
    buf->length += bytes.length;
}

static inline void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, slice_of(text));
}

void buf_add_char(struct buf *buf, char c);
void buf_add_unsigned(struct buf *buf, uint64_t number); /* decimal */
void buf_add_integer(struct buf *buf, int64_t number);   /* decimal */
void buf_add_json(struct buf *buf, struct slice text);   /* as a JSON string with its quotes; bytes that are not
                                                            UTF-8 become U+FFFD */
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->overflowed;
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_make(buf->bytes, buf->length);
}

/* Whether the slice lies in what was written. Compares numbers: addresses of different objects have no order in C. */
static inline bool buf_holds(const struct buf *buf, struct slice slice)
{
    uintptr_t at = (uintptr_t)slice.at - (uintptr_t)buf->bytes;
    return buf->bytes != NULL && at <= buf->length && slice.length <= buf->length - at;
}

#endif
