/* SPDX-License-Identifier: MIT */
/* The raw requests of tests/data/h1-vectors.jsonl (fields: tests/data/h1-vectors.md), read for the unit tests of the
 * parser and of the connection, and the judgement over what came of one. */
#ifndef NEXGATE_TESTS_H1_VECTORS_H
#define NEXGATE_TESTS_H1_VECTORS_H

#include "base/codec.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { VECTORS_MAX = 1000, VECTOR_ALSO_MAX = 8, VECTOR_RAW_MAX = 128 * 1024, VECTOR_ANSWERS_MAX = 64 };

struct vector {
    char name[64];
    char expect[32];
    int also[VECTOR_ALSO_MAX], not_status[VECTOR_ALSO_MAX];
    size_t also_count, not_count;
    int answers; /* at most */
    bool must_close, half_close, no_interim;
    struct buf raw;
};

struct vectors {
    struct vector list[VECTORS_MAX];
    size_t count;
};

/* What a server did with one vector's bytes. */
struct happened {
    int statuses[VECTOR_ANSWERS_MAX]; /* final ones, in order */
    size_t count;
    size_t interims; /* 1xx */
    bool closed;     /* the server closed, or would */
    bool smuggled;   /* a request that was not sent was served */
};

static inline size_t vector_numbers(json_t *object, const char *name, int *numbers)
{
    json_t *array = json_object_get(object, name);
    size_t count = json_array_size(array);
    if (count > VECTOR_ALSO_MAX)
        abort();
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)json_integer_value(json_array_get(array, i));
    return count;
}

static inline void vector_read(struct vector *vector, const char *line)
{
    json_t *object = json_loads(line, 0, NULL);
    if (object == NULL)
        abort();
    snprintf(vector->name, sizeof(vector->name), "%s", json_string_value(json_object_get(object, "name")));
    snprintf(vector->expect, sizeof(vector->expect), "%s", json_string_value(json_object_get(object, "expect")));
    vector->also_count = vector_numbers(object, "also", vector->also);
    vector->not_count = vector_numbers(object, "not_status", vector->not_status);
    vector->answers = (int)json_integer_value(json_object_get(object, "n"));
    const char *closes = json_string_value(json_object_get(object, "close"));
    vector->must_close = closes != NULL && strcmp(closes, "must") == 0;
    vector->half_close = json_is_true(json_object_get(object, "half_close"));
    vector->no_interim = json_is_true(json_object_get(object, "no_interim"));
    buf_init(&vector->raw, VECTOR_RAW_MAX);
    if (!codec_unbase64(slice_of(json_string_value(json_object_get(object, "raw_base64"))), &vector->raw))
        abort();
    json_decref(object);
}

static inline struct vectors *vectors_read(void)
{
    FILE *file = fopen("tests/data/h1-vectors.jsonl", "r");
    if (file == NULL) {
        fprintf(stderr, "tests/data/h1-vectors.jsonl is not there: run from the top of the tree\n");
        abort();
    }
    struct vectors *vectors = calloc(1, sizeof(*vectors));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        if (vectors->count == VECTORS_MAX)
            abort();
        vector_read(&vectors->list[vectors->count++], line);
    }
    free(line);
    fclose(file);
    return vectors;
}

static inline void vectors_free(struct vectors *vectors)
{
    for (size_t i = 0; i < vectors->count; i++)
        buf_free(&vectors->list[i].raw);
    free(vectors);
}

static inline bool vector_allows(const struct vector *vector, int status)
{
    if (atoi(vector->expect) == status)
        return true;
    for (size_t i = 0; i < vector->also_count; i++)
        if (vector->also[i] == status)
            return true;
    return false;
}

/* A status by which the front refuses a request itself. */
static inline bool vector_is_refusal(int status)
{
    static const int REFUSALS[] = {400, 408, 413, 414, 417, 431, 501, 505};
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++)
        if (REFUSALS[i] == status)
            return true;
    return false;
}

/* NULL when what happened is what must happen, else why not. */
static inline const char *vector_judge(const struct vector *vector, const struct happened *happened)
{
    if (happened->smuggled)
        return "a request was smuggled";
    if (happened->count > (size_t)vector->answers)
        return "too many answers";
    if (vector->no_interim && happened->interims > 0)
        return "an interim answer";
    for (size_t i = 0; i < happened->count; i++) {
        for (size_t k = 0; k < vector->not_count; k++)
            if (happened->statuses[i] == vector->not_status[k])
                return "a status that may not be";
        if (happened->statuses[i] >= 400 && vector_is_refusal(happened->statuses[i]) && !happened->closed)
            return "refused without closing";
    }
    if (vector->must_close && !happened->closed)
        return "not closed";
    if (strcmp(vector->expect, "accept") == 0 || strcmp(vector->expect, "no-101") == 0) {
        if (happened->count != (size_t)vector->answers)
            return "too few answers";
        for (size_t i = 0; i < happened->count; i++)
            if (vector_is_refusal(happened->statuses[i]))
                return "refused";
        return NULL;
    }
    if (strcmp(vector->expect, "wait") == 0) {
        if (happened->count > 0 && !vector_is_refusal(happened->statuses[0]))
            return "an incomplete request was served";
        return NULL;
    }
    if (strcmp(vector->expect, "100-final") == 0)
        return happened->interims == 1 || happened->count == 1 ? NULL : "silence";
    if (strcmp(vector->expect, "one-then-close") == 0)
        return happened->closed ? NULL : "not closed";
    if (strcmp(vector->expect, "2xx-4xx-no-smuggle") == 0)
        return NULL;
    if (atoi(vector->expect) == 0)
        return "an expectation that the test does not know";
    if (happened->count == 0)
        return "no answer";
    return vector_allows(vector, happened->statuses[0]) ? NULL : "another status";
}

#endif
