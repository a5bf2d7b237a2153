/* SPDX-License-Identifier: MIT */
/* Any bytes as the query of a purge: it is refused in words, or exactly what it names is purged. */
#include "admin/purge.h"

#include <assert.h>
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct admin admin = {.parts.key_prefix = SLICE("t:")};
static struct loop *loop;

static void build(void)
{
    static struct lifetime lifetime;
    static struct metrics *metrics;
    struct clock *clock = clock_new();
    struct schema_set *schemas = schema_set_new();
    struct complaints complaints;
    complaints_init(&complaints);
    bool added = schema_set_add(schemas, schema_builtin_webhooks(), "built in", &complaints);
    assert(added);
    admin.parts.clock = clock;
    clock_freeze(clock);
    loop = loop_new(clock);
    metrics = metrics_new();
    admin.parts.schemas = schemas;
    admin.parts.log = log_new(2, LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, clock);
    admin.parts.memory = memory_new(1 << 20);
    admin.parts.mailbox = mailbox_new(loop, &admin);
    const struct coherence_options options = {
        .loop = loop, .memory = admin.parts.memory, .prefix = SLICE("t:"), .name = "one", .lifetime = &lifetime};
    admin.parts.coherence = coherence_new(&options, admin.parts.log, metrics_block(metrics));
}

static void on_answer(struct exchange *exchange)
{
    bool *answered = exchange->connection;
    *answered = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange *exchange;
    bool answered = false;
    if (exchange == NULL)
        build(), exchange = exchange_new();
    exchange->connection = &answered;
    exchange->on_answer = on_answer;
    exchange->request.query = slice_make((const char *)data, size);
    bool refused = purge_answer(&admin, exchange);
    while (!refused && !answered)
        loop_turn(loop);
    assert(answer_check(exchange) && exchange->answer.status == (refused ? 400 : 200));
    json_t *said = json_loadb(exchange->answer.text.bytes, exchange->answer.text.length, 0, NULL);
    const char *head = json_string_value(json_object_get(said, "purged"));
    assert(said != NULL && refused == (head == NULL));
    if (!refused)
        assert(purges_last_us(memory_purges(admin.parts.memory), slice_of(head)) == clock_now(admin.parts.clock));
    json_decref(said);
    exchange_reset(exchange);
    return 0;
}
