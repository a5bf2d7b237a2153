/* SPDX-License-Identifier: MIT */
/* hiredis's parser with ceilings. The parser keeps what it was fed until a reply is whole, so the bytes of one reply
 * are bounded by what is fed without a reply coming out; the elements, for which it allocates as soon as their number
 * is said, are counted where it makes the arrays. Knows no connection. */
#include "io/redis_reader.h"

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

/* Of an empty buffer; hiredis by itself keeps less than one read of ours takes, and makes it anew for each. */
enum { KEPT_BYTES = 256 * 1024 };

struct redis_reader {
    redisReader *parser;
    redisReplyObjectFunctions own, theirs;
    size_t bytes_max;
    size_t bytes;        /* fed since the last whole reply */
    size_t element_room; /* of the reply being read */
    bool too_large;
};

static void *make_array(const redisReadTask *task, element_count elements)
{
    struct redis_reader *reader = task->privdata;
    if ((size_t)elements > reader->element_room) { /* a negative count is not handed on */
        reader->too_large = true;
        return NULL;
    }
    reader->element_room -= (size_t)elements;
    return reader->theirs.createArray(task, elements);
}

struct redis_reader *redis_reader_new(size_t bytes_max)
{
    struct redis_reader *reader = mem_new(sizeof(*reader));
    reader->bytes_max = bytes_max;
    reader->element_room = REDIS_REPLY_ELEMENTS_MAX;
    reader->parser = redisReaderCreate();
    if (reader->parser == NULL)
        return reader; /* feeding it fails */
    reader->theirs = reader->own = *reader->parser->fn;
    reader->own.createArray = make_array;
    reader->parser->fn = &reader->own;
    reader->parser->privdata = reader;
    reader->parser->maxbuf = KEPT_BYTES;
    return reader;
}

void redis_reader_free(struct redis_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->parser != NULL)
        redisReaderFree(reader->parser);
    mem_free(reader);
}

bool redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t count)
{
    if (reader->parser == NULL)
        return false;
    if (count > reader->bytes_max - reader->bytes) {
        reader->too_large = true;
        return false;
    }
    reader->bytes += count;
    return redisReaderFeed(reader->parser, bytes, count) == REDIS_OK;
}

struct redisReply *redis_reader_next(struct redis_reader *reader, bool *broken)
{
    void *reply = NULL;
    *broken = reader->parser == NULL || redisReaderGetReply(reader->parser, &reply) != REDIS_OK;
    if (*broken || reply == NULL)
        return NULL;
    reader->element_room = REDIS_REPLY_ELEMENTS_MAX;
    reader->bytes = reader->parser->len - reader->parser->pos;
    return reply;
}

const char *redis_reader_why(const struct redis_reader *reader)
{
    if (reader->too_large)
        return "a reply is larger than allowed";
    if (reader->parser == NULL || reader->parser->errstr[0] == '\0')
        return "out of memory";
    return reader->parser->errstr;
}
