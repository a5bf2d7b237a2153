/* SPDX-License-Identifier: MIT */
/* Bytes from a Redis as replies: hiredis's parser behind ceilings of ours, so that nothing that a server says decides
 * an allocation: bytes and elements of one reply have a limit, and hiredis's own limits its depth. One thread. */
#ifndef NEXGATE_IO_REDIS_READER_H
#define NEXGATE_IO_REDIS_READER_H

#include "base/buf.h"

#include <stdint.h>

#include <hiredis/hiredis.h>

enum { REDIS_REPLY_ELEMENTS_MAX = 1024 * 1024 }; /* of one reply, in all its depths */

struct redis_reader;

struct redis_reader *redis_reader_new(size_t bytes_max);
void redis_reader_free(struct redis_reader *reader);

/* False when they are no protocol, or a reply is larger than allowed: then nothing more can be read. */
bool redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t count) MUST_CHECK;

/* The next whole reply, to be freed with freeReplyObject, or NULL: more bytes are needed, or `*broken`. */
struct redisReply *redis_reader_next(struct redis_reader *reader, bool *broken) MUST_CHECK;

/* Why it broke, in words of ours or hiredis's. */
const char *redis_reader_why(const struct redis_reader *reader);

#endif
