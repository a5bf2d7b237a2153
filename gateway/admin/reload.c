/* SPDX-License-Identifier: MIT */
/* Waits for a reload on behalf of a request. Must not know what a reload does. */
#include "admin/reload.h"

#include "admin/json.h"
#include "flow/problem.h"

/* A request that waits; it goes with its exchange. */
struct task {
    struct reload_request request;
    struct reloader *reloader;
    struct exchange *exchange;
};

static void on_done(struct reload_request *request, bool good, struct slice text)
{
    struct exchange *exchange = MEM_OUTER(request, struct task, request)->exchange;
    struct json json;
    struct slice line;
    json_begin(&json, &exchange->answer.text);
    json_flag(&json, "reloaded", good);
    json_open_list(&json, "problems");
    while (slice_cut(&text, '\n', &line)) {
        if (line.length > 0)
            json_text(&json, NULL, line);
    }
    json_close_list(&json);
    json_end(&json);
    exchange->answer.status = good ? 200 : 422;
    answer_body_text(&exchange->answer, "application/json");
    exchange->on_answer(exchange);
}

static void on_finish(struct exchange *exchange)
{
    struct task *task = exchange->state;
    exchange->state = NULL;
    task->reloader->leave(task->reloader, &task->request);
    mem_free(task);
}

bool reload_answer(struct admin *admin, struct exchange *exchange)
{
    struct task *task = mem_try_zeroed(sizeof(*task));
    if (task == NULL) {
        problem_answer(exchange, 503, "out of memory", NULL);
        return true;
    }
    task->request.on_done = on_done;
    task->reloader = admin->parts.reloader;
    task->exchange = exchange;
    exchange->state = task;
    exchange->on_finish = on_finish;
    task->reloader->ask(task->reloader, &task->request);
    return false;
}
