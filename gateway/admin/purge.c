/* SPDX-License-Identifier: MIT */
/* Reads an order to purge, gives it to the fetcher's thread, and answers when the others have confirmed or were waited
 * for in vain. Must not know how they are told. */
#include "admin/purge.h"

#include "admin/json.h"
#include "base/codec.h"
#include "flow/problem.h"
#include "search/key.h"

#include <stdio.h>

enum { VALUE_MAX = 64 * 1024 };

/* What is asked for; at == NULL: not given. */
struct wish {
    struct buf query, entity;
    bool has_query, has_entity, all, soft;
};

/* An order under way. It outlives its exchange where the connection goes first. */
struct task {
    struct purge_order order;
    struct exchange *exchange; /* NULL: it has gone */
    bool answered;
};

static bool refuse(struct exchange *exchange, const char *detail)
{
    problem_answer(exchange, 400, detail, NULL);
    return true;
}

static bool refuse_for_memory(struct exchange *exchange)
{
    problem_answer(exchange, 503, "out of memory", NULL);
    return true;
}

static bool read_flag(struct slice value, bool *flag)
{
    *flag = slice_is(value, "1") || slice_is(value, "true");
    return *flag || slice_is(value, "0") || slice_is(value, "false");
}

static bool read_pair(struct slice pair, struct wish *wish)
{
    struct slice name;
    struct slice value = pair;
    if (!slice_cut(&value, '=', &name) || value.at == NULL)
        return false;
    if (slice_is(name, "all"))
        return !wish->all && read_flag(value, &wish->all);
    if (slice_is(name, "soft"))
        return read_flag(value, &wish->soft);
    bool is_query = slice_is(name, "query");
    bool *has = is_query ? &wish->has_query : &wish->has_entity;
    if ((!is_query && !slice_is(name, "entity")) || *has)
        return false;
    *has = true;
    struct buf *out = is_query ? &wish->query : &wish->entity;
    return codec_unpercent(value, out) && buf_ok(out);
}

static bool read_wish(struct slice query, struct wish *wish)
{
    struct slice pair;
    while (slice_cut(&query, '&', &pair)) {
        if (pair.length > 0 && !read_pair(pair, wish))
            return false;
    }
    return wish->has_query + wish->has_entity + wish->all == 1;
}

static const struct schema *schema_of(const struct admin *admin, struct slice *query)
{
    struct slice path = SLICE("/api/sys/webhooks");
    if (query->length > 0 && query->at[0] == '/') {
        if (!slice_cut(query, '?', &path) || query->at == NULL)
            *query = slice_make("", 0);
    } else if (query->length > 0 && query->at[0] == '?') {
        *query = slice_make(query->at + 1, query->length - 1);
    }
    return schema_set_by_path(admin->parts.schemas, path);
}

/* The head of all windows of one question. */
static bool write_question(struct admin *admin, struct exchange *exchange, struct slice text, struct buf *head)
{
    const struct scope all = {.all = true};
    const struct schema *schema = schema_of(admin, &text);
    struct query query;
    struct query_error error;
    struct buf canonical;
    if (schema == NULL) {
        problem_answer(exchange, 400, "no schema has the path that the query names", NULL);
        return false;
    }
    buf_init(&canonical, 3 * text.length + 64);
    enum query_verdict verdict = query_normalise(schema, &all, text, &canonical, &query, &error);
    if (verdict == QUERY_OK) {
        key_make(head, admin->parts.key_prefix, schema, query.canonical, (struct window){1, 0});
        head->length = key_question(buf_slice(head)).length;
    } else {
        const struct problem_extra extra = {.query = &error};
        problem_answer(exchange, verdict == QUERY_NO_MEMORY ? 503 : 400, error.detail, &extra);
    }
    buf_free(&canonical);
    return verdict == QUERY_OK;
}

/* What the keys to be purged begin with, to be asked for overflow; false when the answer is made. */
static bool write_head(struct admin *admin, struct exchange *exchange, const struct wish *wish, struct buf *head)
{
    if (wish->has_query)
        return write_question(admin, exchange, buf_slice(&wish->query), head);
    buf_add(head, admin->parts.key_prefix);
    buf_add_text(head, KEY_VERSION);
    if (wish->all)
        return true;
    if (schema_set_by_entity(admin->parts.schemas, buf_slice(&wish->entity)) == NULL) {
        problem_answer(exchange, 400, "no schema is for that entity", NULL);
        return false;
    }
    buf_add(head, buf_slice(&wish->entity));
    buf_add_char(head, ':');
    return true;
}

static void add_names(struct json *json, const char *name, const struct buf *names)
{
    struct slice rest = buf_slice(names);
    struct slice line;
    json_open_list(json, name);
    while (slice_cut(&rest, '\n', &line)) {
        if (line.length > 0)
            json_text(json, NULL, line);
    }
    json_close_list(json);
}

static void write_answer(struct task *task)
{
    const struct purge_order *order = &task->order;
    struct exchange *exchange = task->exchange;
    struct json json;
    json_begin(&json, &exchange->answer.text);
    json_text(&json, "purged", slice_make(order->head, order->head_length));
    json_flag(&json, "soft", order->soft);
    json_flag(&json, "told", order->told);
    add_names(&json, "confirmed", &order->confirmed);
    add_names(&json, "silent", &order->silent);
    json_end(&json);
    bool all_confirmed = buf_ok(&order->silent) && order->silent.length == 0;
    exchange->answer.status = order->told && all_confirmed ? 200 : 202;
    answer_body_text(&exchange->answer, "application/json");
}

static void free_task(struct task *task)
{
    buf_free(&task->order.confirmed);
    buf_free(&task->order.silent);
    mem_free(task);
}

static void on_done(struct purge_order *order)
{
    struct task *task = MEM_OUTER(order, struct task, order);
    struct exchange *exchange = task->exchange;
    task->answered = true;
    if (exchange == NULL) {
        free_task(task);
        return;
    }
    write_answer(task);
    exchange->on_answer(exchange);
}

static void on_finish(struct exchange *exchange)
{
    struct task *task = exchange->state;
    exchange->state = NULL;
    task->exchange = NULL;
    if (task->answered)
        free_task(task);
}

static void give_order(struct admin *admin, struct exchange *exchange, struct slice head, bool soft)
{
    struct task *task = mem_new(sizeof(*task));
    memcpy(task->order.head, head.at, head.length);
    task->order.head_length = head.length;
    task->order.soft = soft;
    task->order.reply_to = admin->parts.mailbox;
    task->order.on_done = on_done;
    task->exchange = exchange;
    exchange->state = task;
    exchange->on_finish = on_finish;
    log_write(admin->parts.log, LOG_LEVEL_INFO, soft ? "soft purge" : "purge",
              LOG_FIELDS(LOG_TEXT("request", slice_make(exchange->id, exchange->id_length))));
    coherence_purge(admin->parts.coherence, &task->order);
}

bool purge_answer(struct admin *admin, struct exchange *exchange)
{
    struct wish wish = {.all = false};
    struct slice query = exchange->request.query;
    struct buf head;
    bool made = true;
    buf_init(&wish.query, VALUE_MAX);
    buf_init(&wish.entity, VALUE_MAX);
    buf_init(&head, PURGE_HEAD_MAX);
    if (query.at == NULL || !read_wish(query, &wish))
        made = buf_ok(&wish.query) && buf_ok(&wish.entity)
                   ? refuse(exchange,
                            "expected exactly one of query=QUERY, entity=ENTITY and all=1, and at most soft=1 beside")
                   : refuse_for_memory(exchange);
    else if (write_head(admin, exchange, &wish, &head))
        made = !buf_ok(&head) && refuse_for_memory(exchange);
    if (!made)
        give_order(admin, exchange, buf_slice(&head), wish.soft);
    buf_free(&wish.query);
    buf_free(&wish.entity);
    buf_free(&head);
    return made;
}
