/* SPDX-License-Identifier: MIT */
/* What the connections of one front share: the pool of exchanges, request ids, the date, the rooms of those who wait,
 * and the queue of those whose input waits. Must not know how a connection reads or what it says. */
#include "front/conn_home.h"

#include "base/random.h"
#include "front/conn_input.h"
#include "front/octets.h"
#include "front/trace.h"

#include <assert.h>

static void put_hex(char digits[16], uint64_t number)
{
    static const char HEX[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++, number <<= 4)
        digits[i] = HEX[number >> 60];
}

/* The finaliser of splitmix64: one to one, so no number comes twice; and it hides how many came before. */
static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static bool is_sane_id(struct slice id)
{
    return id.length > 0 && id.length <= EXCHANGE_ID_MAX && octet_run(id.at, id.length, OCTET_ID) == id.length;
}

static void name_exchange(struct conn_home *home, struct exchange *exchange, struct slice wanted)
{
    if (is_sane_id(wanted)) {
        memcpy(exchange->id, wanted.at, wanted.length);
        exchange->id_length = wanted.length;
    } else {
        memcpy(exchange->id, home->id_prefix, sizeof(home->id_prefix));
        put_hex(exchange->id + sizeof(home->id_prefix), mix(home->id_count++));
        exchange->id_length = 2 * sizeof(home->id_prefix);
    }
    exchange->id[exchange->id_length] = '\0';
}

/* The caller's trace, or one that begins here where the field is not good. */
static void take_trace(struct conn_home *home, struct exchange *exchange, struct slice field)
{
    struct trace *trace = &exchange->trace;
    if (field.at == NULL || trace_read(field, trace))
        return;
    trace->is_there = true;
    memcpy(trace->id, home->id_prefix, sizeof(home->id_prefix));
    put_hex(trace->id + sizeof(home->id_prefix), mix(home->id_count++));
}

struct exchange *conn_home_take_exchange(struct conn_home *home, const struct request *request)
{
    struct exchange *exchange = home->pooled > 0 ? home->pool[--home->pooled] : exchange_new();
    exchange->request = *request;
    exchange->request.came_us = home->now_us;
    name_exchange(home, exchange, request->request_id);
    if (home->access != NULL && access_log_picks(home->access)) {
        exchange->outcome.is_picked = exchange->outcome.is_timed = true;
        take_trace(home, exchange, request->traceparent);
    }
    return exchange;
}

/* Whatever was answered, sent or not. Of what is not picked, failures are logged all the same. */
static void log_exchange(struct conn_home *home, const struct exchange *exchange)
{
    enum { FAILED_STATUS = 500 };
    const struct outcome *outcome = &exchange->outcome;
    int status = exchange->answer.status;
    if (home->counters != NULL && outcome->is_timed && outcome->is_sent && outcome->answered_us > 0)
        counters_observe(home->counters, HISTOGRAM_STEP_WRITE, loop_now(home->loop) - outcome->answered_us);
    if (home->access != NULL && (status >= FAILED_STATUS || (outcome->is_picked && status > 0)))
        access_log_add(home->access, exchange);
}

void conn_home_give_exchange(struct conn_home *home, struct exchange *exchange)
{
    if (home->access != NULL || exchange->outcome.is_timed)
        log_exchange(home, exchange);
    if (home->pooled == POOL_MAX) {
        exchange_free(exchange);
        return;
    }
    exchange_reset(exchange);
    home->pool[home->pooled++] = exchange;
}

const struct respond_date *conn_home_date(struct conn_home *home)
{
    if (home->now_us >= home->date_until_us) {
        int64_t wall_us = clock_wall(loop_clock(home->loop));
        respond_date_update(&home->date, wall_us);
        home->date_until_us = home->now_us + CLOCK_SECOND - wall_us % CLOCK_SECOND;
    }
    return &home->date;
}

void conn_home_add_ready(struct conn_home *home, struct conn *conn)
{
    if (conn->is_ready)
        return;
    conn->is_ready = true;
    conn->next_ready = NULL;
    *home->ready_last = conn;
    home->ready_last = &conn->next_ready;
    timer_start(home->loop, &home->serve_ready, home->now_us);
}

void conn_home_remove_ready(struct conn_home *home, struct conn *conn)
{
    if (!conn->is_ready)
        return;
    struct conn **link = &home->ready;
    while (*link != conn)
        link = &(*link)->next_ready;
    *link = conn->next_ready;
    if (*link == NULL)
        home->ready_last = link;
    conn->is_ready = false;
}

/* Each of those that are ready now has one turn; who is not done stands at the end of the queue for the next. */
static void on_serve_ready(struct timer *timer)
{
    struct conn_home *home = MEM_OUTER(timer, struct conn_home, serve_ready);
    struct conn *last = home->ready != NULL ? MEM_OUTER(home->ready_last, struct conn, next_ready) : NULL;
    home->now_us = loop_now(home->loop);
    for (struct conn *conn = NULL; conn != last && home->ready != NULL;) {
        conn = home->ready;
        conn_home_remove_ready(home, conn);
        conn_input_serve_held(conn);
    }
}

static void defer_drained(struct conn_home *home)
{
    if (home->draining && home->open == 0)
        loop_defer(home->loop, &home->drained);
}

static void on_drained(struct deferred *deferred)
{
    struct conn_home *home = MEM_OUTER(deferred, struct conn_home, drained);
    void (*tell)(void *) = home->on_drained;
    home->on_drained = NULL;
    if (home->is_gone)
        mem_free(home);
    else if (tell != NULL)
        tell(home->drained_context);
}

void conn_home_count(struct conn_home *home, enum metric metric)
{
    if (home->counters != NULL && metric != METRIC_COUNT)
        counters_add(home->counters, metric, 1);
}

void conn_home_note_closed(struct conn_home *home)
{
    home->open--;
    if (home->counters != NULL)
        counters_add(home->counters, METRIC_CONNECTIONS_OPEN, -1);
    defer_drained(home);
}

void conn_home_drain(struct conn_home *home, void (*drained)(void *context), void *context)
{
    home->draining = true;
    home->on_drained = drained;
    home->drained_context = context;
    home->now_us = loop_now(home->loop);
    for (struct conn *conn = home->first; conn != NULL; conn = conn->next)
        conn_drain(conn);
    defer_drained(home);
}

static int64_t grain(int64_t length_us)
{
    int64_t grain_us = length_us / 10 < CLOCK_SECOND ? length_us / 10 : CLOCK_SECOND;
    return grain_us > 0 ? grain_us : 1;
}

static struct waiting_room *new_room(struct conn_home *home, int64_t length_us, waiter_cb on_late)
{
    return waiting_room_new(home->loop, length_us, grain(length_us), on_late, home);
}

static void change_access_log(struct conn_home *home, int64_t one_in)
{
    access_log_change(home->access_log, one_in);
    home->access = one_in > 0 ? home->access_log : NULL;
}

void conn_home_change(struct conn_home *home, const struct front_options *options)
{
    change_access_log(home, options->access_in);
    waiting_room_change(home->idle, options->idle_timeout_us, grain(options->idle_timeout_us));
    waiting_room_change(home->header, options->header_timeout_us, grain(options->header_timeout_us));
    waiting_room_change(home->write, options->write_timeout_us, grain(options->write_timeout_us));
}

struct conn_home *conn_home_new(struct loop *loop, const struct front_options *options, struct handler *handler,
                                struct log *log, struct counters *counters,
                                void (*on_close)(void *context, uint64_t address), void *context)
{
    struct conn_home *home = mem_new(sizeof(*home));
    home->loop = loop;
    home->options = *options;
    home->handler = handler;
    home->log = log;
    home->counters = counters;
    home->on_close = on_close;
    home->context = context;
    home->access_log = access_log_new(loop, log);
    change_access_log(home, options->access_in);
    home->ready_last = &home->ready;
    home->serve_ready.on_timer = on_serve_ready;
    home->drained.on_turn_end = on_drained;
    home->idle = new_room(home, options->idle_timeout_us, conn_on_idle_late);
    home->header = new_room(home, options->header_timeout_us, conn_on_header_late);
    home->write = new_room(home, options->write_timeout_us, conn_on_write_late);
    home->linger = new_room(home, LINGER_US, conn_on_linger_late);

    buf_init(&home->output, RESPOND_HEAD_MAX);
    buf_init(&home->joined, options->limits.header_bytes + PARSER_JOINED_EXTRA);
    if (buf_room(&home->output, RESPOND_HEAD_MAX) == NULL) { /* so that no answer fails for want of it */
        conn_home_free(home);
        return NULL;
    }

    uint64_t secret[2];
    random_secret(secret, sizeof(secret));
    put_hex(home->id_prefix, secret[0]);
    home->id_count = secret[1];
    return home;
}

void conn_home_use_tls(struct conn_home *home, struct tls *tls)
{
    home->tls = tls;
    home->record = mem_new(TLS_RECORD_MAX);
}

/* Those that wait for the end of the turn cannot be freed now: they are let go, and free themselves. */
static void free_connections(struct conn_home *home)
{
    while (home->first != NULL) {
        struct conn *conn = home->first;
        conn_close(conn);
        home->on_close(home->context, conn->address);
        if (conn->exchange != NULL)
            exchange_free(conn->exchange);
        home->first = conn->next;
        conn->home = NULL;
        if (!conn->turn_end.queued)
            mem_free(conn);
    }
}

void conn_home_free(struct conn_home *home)
{
    if (home == NULL)
        return;
    free_connections(home);
    access_log_free(home->access_log);
    timer_stop(home->loop, &home->serve_ready);
    waiting_room_free(home->idle);
    waiting_room_free(home->header);
    waiting_room_free(home->write);
    waiting_room_free(home->linger);
    while (home->pooled > 0)
        exchange_free(home->pool[--home->pooled]);
    mem_free(home->record);
    buf_free(&home->output);
    buf_free(&home->joined);
    home->is_gone = true;
    if (!home->drained.queued)
        mem_free(home);
}
