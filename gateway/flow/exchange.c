/* SPDX-License-Identifier: MIT */
/* The exchange: one request and its answer, used again and again. Must not know who fills it. */
#include "flow/exchange.h"

#include "flow/problem.h"

#include <assert.h>

enum {
    TEXT_MAX = 256 * 1024, /* bytes of an answer's own text, unless its handler allows more */
    NOTE_MAX = 1024,       /* bytes of a method and a path */
    KEPT_MAX = 16 * 1024   /* bytes of memory that a buffer keeps between requests */
};

struct exchange *exchange_new(void)
{
    struct exchange *exchange = mem_new(sizeof(*exchange));
    buf_init(&exchange->answer.fields, EXCHANGE_FIELDS_MAX);
    buf_init(&exchange->answer.text, TEXT_MAX);
    buf_init(&exchange->note, NOTE_MAX);
    return exchange;
}

static void finish(struct exchange *exchange)
{
    void (*on_finish)(struct exchange *) = exchange->on_finish;
    exchange->on_finish = NULL;
    if (on_finish != NULL)
        on_finish(exchange);
}

void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    finish(exchange);
    buf_free(&exchange->answer.fields);
    buf_free(&exchange->answer.text);
    buf_free(&exchange->note);
    mem_free(exchange);
}

static void empty(struct buf *buf, size_t max)
{
    if (buf->capacity > KEPT_MAX)
        buf_free(buf);
    else
        buf_reset(buf);
    buf->max = max;
}

void exchange_reset(struct exchange *exchange)
{
    finish(exchange);
    struct buf fields = exchange->answer.fields, text = exchange->answer.text, note = exchange->note;
    empty(&fields, EXCHANGE_FIELDS_MAX);
    empty(&text, TEXT_MAX);
    buf_reset(&note);
    *exchange = (struct exchange){.answer = {.fields = fields, .text = text}, .note = note};
}

void answer_field(struct answer *answer, const char *name, struct slice value)
{
    assert(value.length == 0 ||
           (memchr(value.at, '\r', value.length) == NULL && memchr(value.at, '\n', value.length) == NULL));
    buf_add_text(&answer->fields, name);
    buf_add(&answer->fields, slice_make(": ", 2));
    buf_add(&answer->fields, value);
    buf_add(&answer->fields, slice_make("\r\n", 2));
}

bool answer_check(struct exchange *exchange)
{
    if (buf_ok(&exchange->answer.fields) && buf_ok(&exchange->answer.text))
        return true;
    buf_reset(&exchange->answer.fields);
    problem_answer(exchange, 500, "the answer does not fit its bounds", NULL);
    return false;
}

void answer_body_text(struct answer *answer, const char *content_type)
{
    answer->content_type = content_type;
    answer->body[0] = buf_slice(&answer->text);
    answer->body_count = 1;
    answer->body_length = answer->text.length;
}
