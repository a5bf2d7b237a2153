/* SPDX-License-Identifier: MIT */
/* Commands as Redis reads them (RESP: an array of bulk strings), and what its error replies mean. Pure. */
#ifndef NEXGATE_IO_REDIS_WIRE_H
#define NEXGATE_IO_REDIS_WIRE_H

#include "base/buf.h"

struct redisReply;

/* The beginning of a command of `count` words, and each of its words. */
void redis_wire_begin(struct buf *out, size_t count);
void redis_wire_word(struct buf *out, struct slice word);
void redis_wire_number(struct buf *out, size_t number);

/* A whole command of C strings, up to a NULL. */
void redis_wire_command(struct buf *out, const char *const *words);

/* The reply's text, or an empty slice for what has none. */
struct slice redis_wire_text(const struct redisReply *reply);

/* Whether the reply is an error that begins with this word. */
bool redis_wire_is_error(const struct redisReply *reply, const char *code);

/* An error's first word, for the log: the rest may repeat what was sent, passwords too. */
struct slice redis_wire_code(const struct redisReply *reply);

#endif
