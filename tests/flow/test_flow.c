/* SPDX-License-Identifier: MIT */
/* Whole searches without a socket: flow and fetcher on one loop, a frozen clock, a puppet for Nexudus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/search.h"
#include "flow/store.h"
#include "flow/tally.h"
#include "ground.h"
#include "plain.h"
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ASKERS_MAX = 600, WINDOW = 20 };

static const int64_t TTL = 60 * CLOCK_SECOND;

/* One request and what came of it. */
struct asker {
    struct exchange *exchange;
    unsigned answers;
};

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct notable *notable;
    struct puppet puppet;
    struct roster *roster;
    struct memory *memory;
    struct mailbox *mailbox;
    struct fetcher *fetcher;
    struct flow *flow;
    struct asker askers[ASKERS_MAX];
    size_t asked;
    char text[64 * 1024]; /* of the last answer: fields, empty line, body */
};

/* A client whose key is its name. */
static void add_client(struct house *house, const char *name, const struct client_policy *policy, int64_t location)
{
    uint8_t digest[1][HASH_SHA256_BYTES];
    struct scope scope = {.all = location == 0, .locations = &location, .count = location != 0};
    char why[128];
    hash_sha256(slice_of(name), digest[0]);
    assert_true(roster_add(house->roster, slice_of(name), (const uint8_t(*)[HASH_SHA256_BYTES])digest, 1, &scope,
                           policy, why, sizeof(why)));
}

static void add_clients(struct house *house)
{
    struct client_policy policy = {.weight = 1};
    add_client(house, "free", &policy, 0);
    add_client(house, "scoped", &policy, 7);
    policy.has_rate = rate_init(&policy.rate, 1, CLOCK_SECOND, 3);
    add_client(house, "slow", &policy, 0);
    policy = (struct client_policy){.weight = 1, .has_misses = true, .misses = {2, CLOCK_DAY}};
    policy.has_rate = rate_init(&policy.rate, 1, CLOCK_SECOND, 10);
    add_client(house, "poor", &policy, 0);
    policy.dry_run = true;
    add_client(house, "rehearsal", &policy, 0);
    policy = (struct client_policy){.weight = 1, .has_misses = true, .misses = {1, CLOCK_DAY}};
    add_client(house, "poorest", &policy, 0);
    policy = (struct client_policy){.weight = 1, .concurrency = 1};
    add_client(house, "single", &policy, 0);
}

/* A fetcher anew; build_flow must follow. */
static void build_fetcher(struct house *house, const struct fetcher_options *options)
{
    const struct fetcher_cache cache = store_in(house->memory);
    fetcher_free(house->fetcher);
    house->fetcher =
        fetcher_new(house->loop, &house->puppet.transport, options, &cache, house->log, metrics_block(house->metrics));
}

/* A flow anew, with these bounds past the ttl. */
static void build_flow(struct house *house, int64_t stale_while_revalidate_us, int64_t stale_if_error_us)
{
    const struct flow_options options = {
        .key_prefix = SLICE("t:"),
        .ttl_us = TTL,
        .stale_while_revalidate_us = stale_while_revalidate_us,
        .stale_if_error_us = stale_if_error_us,
        .window = WINDOW,
        .query_max = 8192,
    };
    const struct flow_parts parts = {
        .clock = house->clock,
        .memory = house->memory,
        .fetcher = house->fetcher,
        .mailbox = house->mailbox,
        .log = house->log,
        .counters = metrics_block(house->metrics),
        .notable = house->notable,
    };
    struct complaints none;
    struct schema_set *schemas = schema_set_new();
    complaints_init(&none);
    assert_true(schema_set_add(schemas, schema_builtin_webhooks(), "built in", &none));
    complaints_free(&none);
    house->roster = roster_new();
    add_clients(house);
    struct snapshot *snapshot = snapshot_new(&options, schemas, house->roster, NULL);
    flow_free(house->flow);
    house->flow = flow_new(snapshot, &parts);
    snapshot_unref(snapshot);
}

static int64_t outcomes(const struct house *house, enum outcome_kind kind)
{
    struct tally_sums sums;
    tally_sum(house->metrics, &sums);
    return sums.outcomes[kind];
}

static int set_up(void **state)
{
    struct house *house = mem_new(sizeof(*house));
    ground_lay(&house->clock, &house->loop, &house->log);
    ground_begin_day(house->clock);
    house->metrics = metrics_new();
    house->notable = notable_new();
    puppet_init(&house->puppet, house->loop);
    house->memory = memory_new(8 << 20);
    house->mailbox = mailbox_new(house->loop, house);

    const struct fetcher_options options = plain_fetcher();
    build_fetcher(house, &options);
    build_flow(house, 0, 0);
    house->puppet.total_items = 45;
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    fetcher_free(house->fetcher);
    puppet_settle(house->loop);
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        if (house->askers[i].exchange != NULL) {
            exchange_reset(house->askers[i].exchange);
            exchange_free(house->askers[i].exchange);
        }
    }
    flow_free(house->flow);
    mailbox_free(house->mailbox);
    memory_free(house->memory);
    puppet_free(&house->puppet);
    notable_free(house->notable);
    metrics_free(house->metrics);
    ground_clear(house->clock, house->loop, house->log);
    mem_free(house);
    return 0;
}

static void on_answer(struct exchange *exchange)
{
    struct asker *asker = exchange->connection;
    asker->answers++;
}

/* "Name: value" of a request's field, or a slice without bytes. */
static struct slice field_of(const char *fields, const char *name)
{
    char head[64];
    snprintf(head, sizeof(head), "%s: ", name);
    const char *at = fields != NULL ? strstr(fields, head) : NULL;
    if (at == NULL)
        return slice_make(NULL, 0);
    at += strlen(head);
    const char *end = strchr(at, '\n');
    return slice_make(at, end != NULL ? (size_t)(end - at) : strlen(at));
}

/* Starts a search by `client`; `fields` are request fields, one a line. */
static struct asker *begin(struct house *house, const char *client, const char *query, const char *fields)
{
    struct asker *asker = &house->askers[house->asked++];
    assert_true(house->asked <= ASKERS_MAX);
    struct exchange *exchange = exchange_new();
    *asker = (struct asker){.exchange = exchange};
    exchange->connection = asker;
    exchange->on_answer = on_answer;
    exchange->request = (struct request){
        .method = METHOD_GET,
        .method_text = SLICE("GET"),
        .path = SLICE("/api/sys/webhooks"),
        .query = slice_of(query),
        .api_key = client != NULL ? slice_of(client) : slice_make(NULL, 0),
        .cache_control = field_of(fields, "Cache-Control"),
        .if_none_match = field_of(fields, "If-None-Match"),
        .prefer = field_of(fields, "Prefer"),
        .came_us = clock_now(house->clock),
    };
    struct handler *handler = flow_handler(house->flow);
    if (handler->start(handler, exchange))
        asker->answers++;
    return asker;
}

/* Puts the answer into house->text. */
static int read_answer(struct house *house, const struct asker *asker)
{
    const struct answer *answer = &asker->exchange->answer;
    size_t length = 0;
    assert_int_equal(asker->answers, 1);
    assert_true(buf_ok(&answer->fields) && buf_ok(&answer->text));
    length = (size_t)snprintf(house->text, sizeof(house->text), "%.*s\n", (int)answer->fields.length,
                              answer->fields.length > 0 ? answer->fields.bytes : "");
    for (size_t i = 0; i < answer->body_count; i++) {
        assert_true(length + answer->body[i].length < sizeof(house->text));
        memcpy(house->text + length, answer->body[i].at, answer->body[i].length);
        length += answer->body[i].length;
    }
    house->text[length] = '\0';
    return answer->status;
}

/* A whole search, answered at this moment; its status. */
static int ask(struct house *house, const char *client, const char *query, const char *fields)
{
    struct asker *asker = begin(house, client, query, fields);
    puppet_settle(house->loop);
    int status = read_answer(house, asker);
    exchange_reset(asker->exchange);
    exchange_free(asker->exchange);
    asker->exchange = NULL;
    return status;
}

static void expect(const struct house *house, const char *part)
{
    if (strstr(house->text, part) == NULL)
        fail_msg("expected %s in:\n%s", part, house->text);
}

static void a_miss_then_hits_then_a_stale_fetch(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "size=5&WebHook_Active=true", NULL), 200);
    expect(house, "Cache-Status: nexgate; fwd=uri-miss; fwd-status=200; stored\r\n");
    expect(house, "Age: 0\r\nCache-Control: private, max-age=60\r\n");
    expect(house, "\"CurrentPageSize\":5");
    clock_move(house->clock, 18 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "dir=0&webhook_active=TRUE&size=5&page=2&WebHook_Name=", NULL), 200);
    expect(house, "Cache-Status: nexgate; hit; ttl=42\r\n");
    expect(house, "Age: 18\r\n");
    expect(house, "{\"Id\":6,");
    assert_int_equal(house->puppet.searches, 1);
    clock_move(house->clock, 42 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "size=5&WebHook_Active=true", NULL), 200);
    expect(house, "Cache-Status: nexgate; fwd=stale; fwd-status=200; stored\r\n");
    assert_int_equal(house->puppet.searches, 2);
    assert_int_equal(house->puppet.logins, 1);
}

static void equal_misses_are_one_call(void **state)
{
    struct house *house = *state;
    house->puppet.hold_tokens = house->puppet.hold_searches = true;
    for (int i = 0; i < 500; i++)
        begin(house, "free", i % 2 == 0 ? "size=7&dir=1" : "DIR=descending&size=7&page=1", NULL);
    puppet_settle(house->loop);
    puppet_release(&house->puppet); /* the login */
    puppet_settle(house->loop);
    puppet_release(&house->puppet); /* the search */
    puppet_settle(house->loop);
    int collapsed = 0;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(read_answer(house, &house->askers[i]), 200);
        collapsed += strstr(house->text, "stored; collapsed\r\n") != NULL;
    }
    assert_int_equal(collapsed, 499);
    assert_int_equal(house->puppet.searches, 1);
    assert_int_equal(house->puppet.logins, 1);
    assert_int_equal(outcomes(house, OUTCOME_COLLAPSED), 499);
    assert_int_equal(outcomes(house, OUTCOME_MISS), 1);
}

static void a_walk_costs_one_call_a_window(void **state)
{
    struct house *house = *state;
    char query[64];
    house->puppet.total_items = 100;
    for (int page = 1; page <= 20; page++) {
        snprintf(query, sizeof(query), "size=5&page=%d", page);
        assert_int_equal(ask(house, "free", query, NULL), 200);
    }
    assert_int_equal(house->puppet.searches, 100 / WINDOW);
}

static void a_page_of_two_windows_is_a_hit_only_if_both_were(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "size=10", NULL), 200);
    clock_move(house->clock, 10 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "size=15&page=2", NULL), 200); /* records 15..29: windows 0 and 1 */
    expect(house, "Cache-Status: nexgate; fwd=uri-miss; fwd-status=200; stored\r\n");
    expect(house, "Age: 10\r\n"); /* the older of the two */
    expect(house, "\"hook 20\"},{\"Id\":21,");
    assert_int_equal(house->puppet.searches, 2);
    assert_int_equal(ask(house, "free", "page=2&size=15", NULL), 200);
    expect(house, "Cache-Status: nexgate; hit; ttl=50\r\n");
    assert_int_equal(house->puppet.searches, 2);
}

/* While the second window was fetched the first may have grown too old for the request, though not for us. */
static void a_window_that_grew_too_old_for_the_request_is_fetched_too(void **state)
{
    static const struct {
        const char *directive;
        int64_t waited_us;
        size_t searches;
    } ROWS[] = {
        {"Cache-Control: max-age=12", 2 * CLOCK_SECOND, 2},
        {"Cache-Control: max-age=12", 3 * CLOCK_SECOND, 3},
        {"Cache-Control: min-fresh=48", 2 * CLOCK_SECOND, 2},
        {"Cache-Control: min-fresh=48", 3 * CLOCK_SECOND, 3},
        {NULL, 9 * CLOCK_SECOND, 2},
    };
    struct house *house = *state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char query[64];
        snprintf(query, sizeof(query), "WebHook_ErrorCount=%zu&size=10", i);
        size_t before = house->puppet.searches;
        assert_int_equal(ask(house, "free", query, NULL), 200);
        clock_move(house->clock, 10 * CLOCK_SECOND);
        snprintf(query, sizeof(query), "WebHook_ErrorCount=%zu&size=15&page=2", i);
        house->puppet.hold_searches = true;
        struct asker *asker = begin(house, "free", query, ROWS[i].directive);
        puppet_settle(house->loop);
        clock_move(house->clock, ROWS[i].waited_us);
        house->puppet.hold_searches = false;
        puppet_release(&house->puppet);
        puppet_settle(house->loop);
        assert_int_equal(read_answer(house, asker), 200);
        assert_int_equal(house->puppet.searches - before, ROWS[i].searches);
    }
}

static void a_set_that_ends_in_the_first_window_costs_one_call(void **state)
{
    struct house *house = *state;
    house->puppet.total_items = 18;
    assert_int_equal(ask(house, "free", "size=15&page=2", NULL), 200);
    expect(house, "\"TotalItems\":18");
    expect(house, "{\"Id\":18,");
    assert_int_equal(house->puppet.searches, 1);
}

static void the_older_of_two_disagreeing_windows_is_fetched_again(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "size=10", NULL), 200);
    clock_move(house->clock, CLOCK_SECOND);
    house->puppet.total_items = 46;
    assert_int_equal(ask(house, "free", "size=15&page=2", NULL), 200);
    expect(house, "\"TotalItems\":46");
    expect(house, "Age: 0\r\n");
    assert_int_equal(house->puppet.searches, 3);
}

static void a_set_that_will_not_hold_still_is_asked_as_one_page(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    struct asker *asker = begin(house, "free", "size=15&page=2", NULL);
    for (int i = 0; i < 10 && asker->answers == 0; i++) {
        house->puppet.total_items++; /* another total for every call */
        puppet_settle(house->loop);
        puppet_release(&house->puppet);
        puppet_settle(house->loop);
    }
    assert_int_equal(read_answer(house, asker), 200);
    assert_int_equal(house->puppet.searches, 4); /* two windows, the older again, then the page alone */
    assert_non_null(strstr(puppet_last(&house->puppet)->url, "page=2&size=15"));
}

/* Each call that is held is answered as the script says, or with another total. */
static struct asker *ask_while_it_changes(struct house *house, const int *statuses, size_t count)
{
    house->puppet.hold_searches = true;
    struct asker *asker = begin(house, "free", "size=15&page=2", NULL);
    for (size_t i = 0; i < count; i++) {
        puppet_settle(house->loop);
        assert_int_equal(asker->answers, 0);
        if (statuses[i] == 200)
            house->puppet.total_items++;
        else
            puppet_next_search(&house->puppet, (struct puppet_answer){.status = statuses[i]});
        puppet_release(&house->puppet);
    }
    puppet_settle(house->loop);
    house->puppet.hold_searches = false;
    return asker;
}

/* A window that was fetched anew does not fit one that could not be: the page as it was is served, as long as it may.
 */
static void a_page_that_cannot_be_renewed_as_a_whole_stays_as_it_was(void **state)
{
    static const struct {
        int statuses[3];
        size_t calls;
        const char *detail;
    } rows[] = {
        {{200, 500}, 2, "\"stale-if-error: 500\""},
        {{500, 200}, 2, "\"stale-if-error: 500\""},
        {{200, 200, 403}, 3, "\"stale-if-error: 403\""}, /* they disagree, and the older cannot be fetched again */
        {{500, 403}, 2, "\"stale-if-error: 403\""},
    };
    struct house *house = *state;
    build_flow(house, 0, 3600 * CLOCK_SECOND);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        house->puppet.total_items = 46;
        assert_int_equal(ask(house, "free", "size=15&page=2", NULL), 200);
        clock_move(house->clock, 150 * CLOCK_SECOND);
        size_t before = house->puppet.searches;
        assert_int_equal(read_answer(house, ask_while_it_changes(house, rows[i].statuses, rows[i].calls)), 200);
        expect(house, rows[i].detail);
        expect(house, "\"TotalItems\":46");
        expect(house, "Age: 150\r\nCache-Control: private, max-age=0\r\n");
        assert_int_equal(house->puppet.searches - before, rows[i].calls);
        clock_move(house->clock, 3600 * CLOCK_SECOND);
    }
    static const int late[] = {200, 500};
    assert_int_equal(read_answer(house, ask_while_it_changes(house, late, 2)), 503); /* past the bound */
}

/* One window is refreshed behind the request's back, the other could not be fetched and is older than that would allow:
 * the failure is what the answer tells. */
static void a_failure_is_told_before_a_refresh(void **state)
{
    struct house *house = *state;
    build_flow(house, 100 * CLOCK_SECOND, 3600 * CLOCK_SECOND);
    house->puppet.total_items = 46;
    assert_int_equal(ask(house, "free", "size=15&page=1", NULL), 200);
    clock_move(house->clock, 90 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "size=5&page=6", NULL), 200);
    clock_move(house->clock, 80 * CLOCK_SECOND);
    for (int i = 0; i < 6; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    struct asker *asker = begin(house, "free", "size=15&page=2", NULL);
    for (int step = 0; step < 300 && asker->answers == 0; step++) {
        puppet_settle(house->loop);
        clock_move(house->clock, 10 * CLOCK_MILLISECOND);
    }
    assert_int_equal(read_answer(house, asker), 200);
    expect(house, "Age: 170\r\n");
    expect(house, "hit; ttl=-110; detail=\"stale-if-error: 500\"");
}

static void a_cap_is_learnt_and_answered(void **state)
{
    struct house *house = *state;
    house->puppet.cap = 8;
    house->puppet.total_items = 30;
    assert_int_equal(ask(house, "free", "size=15&page=2", NULL), 200);
    expect(house, "\"CurrentPageSize\":8");
    expect(house, "{\"Id\":9,");
    size_t searches = house->puppet.searches;
    assert_int_equal(ask(house, "free", "size=4&page=3", NULL), 200); /* the same window of 8 */
    expect(house, "hit; ");
    assert_int_equal(house->puppet.searches, searches);
}

static void a_small_page_that_holds_all_teaches_no_cap(void **state)
{
    struct house *house = *state;
    house->puppet.cap = 8;
    house->puppet.total_items = 5;
    assert_int_equal(ask(house, "free", "size=15", NULL), 200);
    expect(house, "\"CurrentPageSize\":8"); /* as Nexudus says it */
    assert_int_equal(ask(house, "free", "size=4", NULL), 200);
    expect(house, "\"CurrentPageSize\":4");
    house->puppet.cap = 0;
    house->puppet.total_items = 30;
    assert_int_equal(ask(house, "free", "size=15&dir=1", NULL), 200);
    expect(house, "\"CurrentPageSize\":15");
}

static void only_if_cached_never_asks_not_even_to_settle(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "size=10", NULL), 200);
    house->puppet.total_items++;
    assert_int_equal(ask(house, "free", "size=20&page=2", NULL), 200);
    assert_int_equal(house->puppet.searches, 2);
    assert_int_equal(ask(house, "free", "size=15&page=2", "Cache-Control: only-if-cached"), 504);
    assert_int_equal(house->puppet.searches, 2);
}

static void a_dry_run_counts_misses_too(void **state)
{
    struct house *house = *state;
    char query[64];
    for (int i = 0; i < 5; i++) {
        snprintf(query, sizeof(query), "WebHook_ErrorCount=%d", i);
        assert_int_equal(ask(house, "rehearsal", query, NULL), 200);
    }
    expect(house, "\"misses\";r=0;");
    assert_int_equal(metrics_read(house->metrics, METRIC_QUOTA_DRY_RUN), 3);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 400});
    assert_int_equal(ask(house, "rehearsal", "WebHook_ErrorCount=9", NULL), 400);
    expect(house, "\"misses\";r=0;"); /* what was not taken is not given back */
}

static void a_refused_page_of_two_windows_costs_no_miss(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "poorest", "size=15&page=2", NULL), 429);
    expect(house, "\"misses\";r=1;");
    assert_int_equal(ask(house, "poorest", "size=20&page=2", NULL), 200);
    expect(house, "\"misses\";r=0;");
}

static void request_directives_are_obeyed(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "", "Cache-Control: only-if-cached"), 504);
    assert_int_equal(house->puppet.searches, 0);
    assert_int_equal(ask(house, "free", "", "Cache-Control: no-store"), 200);
    expect(house, "Cache-Status: nexgate; fwd=uri-miss; fwd-status=200\r\n");
    clock_move(house->clock, 2 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "", NULL), 200); /* nothing was stored */
    assert_int_equal(house->puppet.searches, 2);
    clock_move(house->clock, 10 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "", "Cache-Control: no-cache"), 200);
    expect(house, "Cache-Status: nexgate; fwd=request; fwd-status=200; stored\r\n");
    assert_int_equal(house->puppet.searches, 3);
    clock_move(house->clock, 70 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "", "Cache-Control: max-stale=30"), 200);
    expect(house, "Cache-Status: nexgate; hit; ttl=-10\r\n");
    expect(house, "Cache-Control: private, max-age=0\r\n");
    assert_int_equal(house->puppet.searches, 3);
    assert_int_equal(outcomes(house, OUTCOME_STALE), 1);
}

static void no_cache_does_not_join_an_older_call(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    begin(house, "free", "", NULL);
    puppet_settle(house->loop);
    assert_int_equal(puppet_held(&house->puppet), 1);
    clock_move(house->clock, 1);
    struct asker *anew = begin(house, "free", "", "Cache-Control: no-cache");
    begin(house, "free", "", NULL); /* joins the newest */
    puppet_settle(house->loop);
    assert_int_equal(puppet_held(&house->puppet), 2);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_int_equal(read_answer(house, anew), 200);
    assert_int_equal(house->puppet.searches, 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(read_answer(house, &house->askers[i]), 200);
}

static void validators_are_compared(void **state)
{
    struct house *house = *state;
    char etag[64], fields[256];
    assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    assert_int_equal(sscanf(strstr(house->text, "ETag: "), "ETag: %63s", etag), 1);
    static const char *const BEFORE[] = {"", "W/", "\"x,y\", W/\"z\" ,", ""};
    for (size_t i = 0; i < 4; i++) {
        snprintf(fields, sizeof(fields), "If-None-Match: %s%s", BEFORE[i], i < 3 ? etag : "*");
        assert_int_equal(ask(house, "free", "size=5", fields), 304);
        expect(house, "Cache-Status: nexgate; hit; ttl=60\r\n");
        expect(house, etag);
        assert_ptr_equal(strstr(house->text, "\r\n\n"), house->text + strlen(house->text) - 3); /* no body */
    }
    assert_int_equal(ask(house, "free", "size=5", "If-None-Match: \"other\""), 200);
    snprintf(fields, sizeof(fields), "Cache-Control: no-cache\nIf-None-Match: %s", etag);
    assert_int_equal(ask(house, "free", "size=5", fields), 304); /* compared after the wait, with a copy */
    house->puppet.total_items++;
    assert_int_equal(ask(house, "free", "size=5", fields), 200);
}

/* A page of two windows waits twice, and its validator's copy is looked at after both. */
static void validators_outlast_two_waits(void **state)
{
    struct house *house = *state;
    char etag[64], fields[256], query[] = "size=15&page=2";
    assert_int_equal(ask(house, "free", query, NULL), 200);
    assert_int_equal(sscanf(strstr(house->text, "ETag: "), "ETag: %63s", etag), 1);
    snprintf(fields, sizeof(fields), "Cache-Control: no-cache\nIf-None-Match: \"x\", %s", etag);
    house->puppet.hold_searches = true;
    struct asker *asker = begin(house, "free", query, fields);
    memset(fields, '#', sizeof(fields)); /* the connection uses its bytes again */
    for (int wait = 0; wait < 2; wait++) {
        puppet_settle(house->loop);
        assert_int_equal(puppet_held(&house->puppet), 1);
        puppet_release(&house->puppet);
    }
    puppet_settle(house->loop);
    assert_int_equal(read_answer(house, asker), 304);
}

/* A flood leaves no more behind than a few searches to use again. */
static void few_searches_are_kept(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    for (int i = 0; i < 500; i++)
        begin(house, "free", "size=7", NULL);
    puppet_settle(house->loop);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(read_answer(house, &house->askers[i]), 200);
        exchange_reset(house->askers[i].exchange);
    }
    size_t kept = 0;
    for (const struct search *search = house->flow->pool; search != NULL; search = search->next)
        kept++;
    assert_int_equal(kept, FLOW_POOL_MAX);
    assert_int_equal(house->flow->pooled, FLOW_POOL_MAX);
    assert_int_equal(ask(house, "free", "size=7", NULL), 200);
    assert_int_equal(house->flow->pooled, FLOW_POOL_MAX);
}

static void over_its_rate_a_client_pays_nothing(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(house, "slow", "size=5", NULL), 200);
    expect(house, "RateLimit-Policy: \"rate\";q=3;w=3\r\nRateLimit: \"rate\";r=0;t=3\r\n");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(house, "slow", "size=5&dir=1", NULL), 429);
        expect(house, "Retry-After: 1\r\n");
        expect(house, "\"violated-policies\":[\"rate\"]");
    }
    assert_int_equal(house->puppet.searches, 1);
    clock_move(house->clock, CLOCK_SECOND);
    assert_int_equal(ask(house, "slow", "size=5", NULL), 200);
    assert_int_equal(ask(house, "slow", "bad=1", NULL), 400); /* a bad query takes nothing, and is told even now */
    assert_int_equal(ask(house, "slow", "size=5", NULL), 429);
}

static void spent_misses_still_leave_hits(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
    expect(house, "\"misses\";r=1;");
    assert_int_equal(ask(house, "poor", "size=5&dir=1", NULL), 200);
    assert_int_equal(ask(house, "poor", "WebHook_Name=a", NULL), 429);
    expect(house, "\"violated-policies\":[\"misses\"]");
    expect(house, "\"rate\";r=8;"); /* its token came back */
    assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
    expect(house, "hit; ");
    assert_int_equal(house->puppet.searches, 2);
}

static void waiting_for_anothers_fetch_is_free(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    begin(house, "free", "size=5", NULL);
    puppet_settle(house->loop);
    struct asker *poor = begin(house, "poor", "size=5", NULL);
    puppet_settle(house->loop);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_int_equal(read_answer(house, poor), 200);
    expect(house, "\"misses\";r=2;");
    expect(house, "collapsed");
}

static void a_useless_answer_refunds_the_miss(void **state)
{
    struct house *house = *state;
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500, .body = "oops"});
    assert_int_equal(ask(house, "poor", "size=5", NULL), 503);
    expect(house, "\"misses\";r=2;");
    expect(house, "Retry-After: ");
    expect(house, "Cache-Status: nexgate; fwd=uri-miss; fwd-status=500\r\n");
    assert_null(strstr(house->text, "oops"));
}

static void requests_in_progress_are_counted_to_the_end(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    struct asker *first = begin(house, "single", "size=5", NULL);
    assert_int_equal(ask(house, "single", "size=5", NULL), 429);
    expect(house, "\"violated-policies\":[\"concurrency\"]");
    puppet_settle(house->loop);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_int_equal(read_answer(house, first), 200);
    assert_int_equal(ask(house, "single", "size=5", NULL), 429); /* its answer is not sent yet */
    exchange_reset(first->exchange);
    assert_int_equal(ask(house, "single", "size=5", NULL), 200);
}

static void a_scope_is_part_of_the_question(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "scoped", "size=5", NULL), 200);
    assert_non_null(strstr(puppet_last(&house->puppet)->url, "WebHook_Business=7"));
    assert_int_equal(ask(house, "free", "size=5&WebHook_Business=007", NULL), 200);
    expect(house, "hit; ");
    assert_int_equal(ask(house, "scoped", "WebHook_Business=8", NULL), 403);
    assert_int_equal(ask(house, NULL, "", NULL), 401);
    expect(house, "WWW-Authenticate: Bearer realm=\"nexgate\"\r\n");
    assert_int_equal(ask(house, "nobody", "", NULL), 401);
    expect(house, "WWW-Authenticate: Bearer realm=\"nexgate\", error=\"invalid_token\"\r\n");
}

struct failure {
    struct puppet_answer answer;
    int status;
    bool says_retry;
};

static const struct failure FAILURES[] = {
    {{.status = 500, .body = "x"}, 503, true},
    {{.status = 503, .body = "x", .says_retry = true, .retry_after_us = 20 * CLOCK_SECOND}, 503, true},
    {{.status = 200, .body = "<html>", .content_type = "text/html"}, 502, false},
    {{.status = 200, .body = "{\"Records\":["}, 502, false},
    {{.status = 200, .body = "{\"Records\":[],\"CurrentPage\":1,\"CurrentPageSize\":20,\"TotalItems\":9}"}, 502, false},
    {{.status = 302, .body = ""}, 502, false},
    {{.status = 403, .body = "x"}, 502, false},
    {{.status = 400, .body = "x"}, 400, false},
    {{.outcome = FETCH_UNREACHABLE}, 503, true},
    {{.outcome = FETCH_TIMED_OUT}, 504, false},
    {{.outcome = FETCH_CUT, .status = 200}, 502, false},
};

static void failures_have_their_status(void **state)
{
    struct house *house = *state;
    for (size_t i = 0; i < sizeof(FAILURES) / sizeof(FAILURES[0]); i++) {
        puppet_next_search(&house->puppet, FAILURES[i].answer);
        struct asker *asker = begin(house, "free", "size=5", NULL);
        for (int step = 0; step < 200 && asker->answers == 0; step++) {
            puppet_settle(house->loop);
            clock_move(house->clock, 100 * CLOCK_MILLISECOND);
        }
        int status = read_answer(house, asker);
        if (status != FAILURES[i].status || (strstr(house->text, "Retry-After: ") != NULL) != FAILURES[i].says_retry)
            fail_msg("failure %zu: %d\n%s", i, status, house->text);
        assert_int_equal(memory_stats(house->memory).entries, 0);
        clock_move(house->clock, 60 * CLOCK_SECOND); /* past any pause */
        puppet_settle(house->loop);
    }
}

static void closing_answers_who_waits(void **state)
{
    struct house *house = *state;
    house->puppet.hold_searches = true;
    struct asker *asker = begin(house, "free", "size=5", NULL);
    puppet_settle(house->loop);
    fetcher_free(house->fetcher);
    house->fetcher = NULL;
    puppet_settle(house->loop);
    assert_int_equal(read_answer(house, asker), 503);
    expect(house, "Retry-After: ");
}

static void stale_is_served_at_once_and_refreshed_once(void **state)
{
    struct house *house = *state;
    build_flow(house, 300 * CLOCK_SECOND, 0);
    assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
    clock_move(house->clock, 67 * CLOCK_SECOND);
    house->puppet.hold_searches = true;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
        expect(house, "Cache-Status: nexgate; hit; ttl=-7; detail=revalidating\r\n");
        expect(house, "Age: 67\r\nCache-Control: private, max-age=0\r\n");
        expect(house, "\"misses\";r=1;"); /* the first miss alone was paid for */
    }
    assert_int_equal(house->puppet.searches, 2);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
    expect(house, "Cache-Status: nexgate; hit; ttl=60\r\n");
    assert_int_equal(house->puppet.searches, 2);
    assert_int_equal(outcomes(house, OUTCOME_STALE), 5);
}

static void a_failed_refresh_is_tried_again_later_and_not_at_once(void **state)
{
    struct house *house = *state;
    build_flow(house, 300 * CLOCK_SECOND, 0);
    assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    clock_move(house->clock, 61 * CLOCK_SECOND);
    for (int i = 0; i < 2; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask(house, "free", "size=5", NULL), 200);
        clock_move(house->clock, CLOCK_SECOND);
    }
    assert_int_equal(house->puppet.searches, 3);
    clock_move(house->clock, 300 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "size=5", NULL), 200); /* past the bound: fetched before it is served */
    expect(house, "fwd=stale; fwd-status=200; stored\r\n");
}

static void request_directives_win_over_staleness(void **state)
{
    struct house *house = *state;
    build_flow(house, 300 * CLOCK_SECOND, 300 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    clock_move(house->clock, 70 * CLOCK_SECOND);
    static const char *const STRICT[] = {"Cache-Control: no-cache", "Cache-Control: max-age=60",
                                         "Cache-Control: min-fresh=1", "Cache-Control: max-stale=5"};
    for (size_t i = 0; i < sizeof(STRICT) / sizeof(STRICT[0]); i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
        assert_int_equal(ask(house, "free", "size=5", STRICT[i]), 503); /* never falls back to stale */
    }
    assert_int_equal(house->puppet.searches, 5);
    assert_int_equal(ask(house, "free", "size=5", "Cache-Control: only-if-cached"), 200);
    assert_int_equal(ask(house, "free", "size=5", "Cache-Control: max-age=100"), 200);
    expect(house, "detail=revalidating");
    assert_int_equal(house->puppet.searches, 6); /* only the last was allowed to refresh */
}

struct excuse {
    struct puppet_answer answer;
    const char *detail;
};

static const struct excuse EXCUSES[] = {
    {{.status = 500}, "\"stale-if-error: 500\""},
    {{.status = 503, .says_retry = true, .retry_after_us = 20 * CLOCK_SECOND}, "\"stale-if-error: 503\""},
    {{.status = 409, .says_retry = true, .retry_after_us = 20 * CLOCK_SECOND}, "\"stale-if-error: 409\""},
    {{.status = 403}, "\"stale-if-error: 403\""},
    {{.status = 200, .body = "<html>"}, "\"stale-if-error: broken answer\""},
    {{.outcome = FETCH_UNREACHABLE}, "\"stale-if-error: unreachable\""},
    {{.outcome = FETCH_TIMED_OUT}, "\"stale-if-error: timeout\""},
    {{.outcome = FETCH_CUT}, "\"stale-if-error: broken answer\""},
};

static void stale_covers_every_failure_of_nexudus(void **state)
{
    struct house *house = *state;
    build_flow(house, 0, 3600 * CLOCK_SECOND);
    assert_int_equal(ask(house, "poor", "size=5", NULL), 200);
    clock_move(house->clock, 150 * CLOCK_SECOND);
    for (size_t i = 0; i < sizeof(EXCUSES) / sizeof(EXCUSES[0]); i++) {
        puppet_next_search(&house->puppet, EXCUSES[i].answer);
        struct asker *asker = begin(house, "poor", "size=5", NULL);
        for (int step = 0; step < 300 && asker->answers == 0; step++) {
            puppet_settle(house->loop);
            clock_move(house->clock, 100 * CLOCK_MILLISECOND);
        }
        assert_int_equal(read_answer(house, asker), 200);
        expect(house, EXCUSES[i].detail);
        expect(house, "Cache-Status: nexgate; hit; ttl=-");
        expect(house, "max-age=0\r\n");
        expect(house, "\"misses\";r=1;");
        clock_move(house->clock, 60 * CLOCK_SECOND);
        puppet_settle(house->loop);
    }
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 400});
    assert_int_equal(ask(house, "poor", "size=5", NULL), 400); /* about the query: not covered */
    clock_move(house->clock, 3600 * CLOCK_SECOND);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    assert_int_equal(ask(house, "poor", "size=5", NULL), 503); /* past the bound */
}

/* What was young enough for the request when it came may have grown too old while Nexudus was waited for. */
static void a_failure_is_not_covered_by_what_grew_too_old(void **state)
{
    static const int64_t WAITS[] = {1 * CLOCK_SECOND, 4 * CLOCK_SECOND};
    static const int STATUSES[] = {200, 503};
    struct house *house = *state;
    build_flow(house, 0, 3600 * CLOCK_SECOND);
    for (size_t i = 0; i < sizeof(WAITS) / sizeof(WAITS[0]); i++) {
        assert_int_equal(ask(house, "free", "size=5", "Cache-Control: no-cache"), 200);
        clock_move(house->clock, 2 * TTL);
        house->puppet.hold_searches = true;
        struct asker *asker = begin(house, "free", "size=5", "Cache-Control: max-age=123");
        puppet_settle(house->loop);
        clock_move(house->clock, WAITS[i]);
        house->puppet.hold_searches = false;
        for (int again = 0; again < 2; again++)
            puppet_next_search(&house->puppet, (struct puppet_answer){.status = 503});
        puppet_release(&house->puppet);
        puppet_settle(house->loop);
        assert_int_equal(read_answer(house, asker), STATUSES[i]);
        house->puppet.search_script.count = 0;
        clock_move(house->clock, 60 * CLOCK_SECOND);
    }
}

static void a_refusal_of_a_query_is_remembered(void **state)
{
    struct house *house = *state;
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 422, .body = "x"});
    assert_int_equal(ask(house, "poor", "size=5", NULL), 400);
    expect(house, "Cache-Status: nexgate; fwd=uri-miss; fwd-status=422\r\n");
    clock_move(house->clock, 1500 * CLOCK_MILLISECOND);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(house, "poor", i % 2 == 0 ? "SIZE=5&dir=0" : "size=7", NULL), 400);
        expect(house, "Cache-Status: nexgate; hit; ttl=4; detail=negative\r\n");
        expect(house, "\"misses\";r=2;");
        expect(house, "Nexudus answered 422");
    }
    assert_int_equal(house->puppet.searches, 1);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_REMEMBERED), 5);
    clock_move(house->clock, 3500 * CLOCK_MILLISECOND);
    assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    assert_int_equal(house->puppet.searches, 2);
}

static void request_directives_win_over_a_remembered_refusal(void **state)
{
    static const char *const STRICT[] = {"Cache-Control: no-cache", "Cache-Control: max-age=60",
                                         "Cache-Control: min-fresh=1"};
    struct house *house = *state;
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 400});
    assert_int_equal(ask(house, "free", "", "Cache-Control: no-store"), 400);
    for (size_t i = 0; i < sizeof(STRICT) / sizeof(STRICT[0]); i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 400});
        assert_int_equal(ask(house, "free", "", i == 0 ? NULL : STRICT[i]), 400); /* no-store kept nothing */
        expect(house, "fwd-status=400");
    }
    assert_int_equal(ask(house, "free", "", NULL), 400);
    expect(house, "detail=negative");
    assert_int_equal(ask(house, "free", "", "Cache-Control: no-cache, no-store"), 200);
    clock_move(house->clock, 2 * CLOCK_SECOND);
    assert_int_equal(ask(house, "free", "", NULL), 200); /* it was answered since: nothing of the refusal is left */
    assert_int_equal(house->puppet.searches, 6);
}

/* A throttle makes everybody wait for two seconds and some; each row says for how long one is willing to. */
static void a_client_waits_no_longer_than_it_prefers(void **state)
{
    static const struct {
        const char *fields;
        int status;
        const char *applied; /* NULL: not said */
    } rows[] = {
        {"Prefer: wait=0", 503, "Preference-Applied: wait=0\r\n"},
        {"Prefer: respond-async, wait=1", 503, "Preference-Applied: wait=1\r\n"},
        {"Prefer: wait=4", 200, "Preference-Applied: wait=4\r\n"},
        {"Prefer: wait=9", 200, "Preference-Applied: wait=5\r\n"}, /* max_wait */
        {"Prefer: wait=soon", 200, NULL},
        {NULL, 200, NULL},
    };
    struct house *house = *state;
    const struct puppet_answer throttle = {.status = 409, .says_retry = true, .retry_after_us = 2 * CLOCK_SECOND};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        puppet_next_search(&house->puppet, throttle);
        struct asker *first = begin(house, "free", "WebHook_Name=a", "Cache-Control: no-cache");
        puppet_settle(house->loop);
        struct asker *asker = begin(house, "free", "size=5", rows[i].fields);
        for (int step = 0; step < 30 && asker->answers == 0; step++) {
            puppet_settle(house->loop);
            if (asker->answers == 0)
                clock_move(house->clock, 100 * CLOCK_MILLISECOND);
        }
        assert_int_equal(read_answer(house, asker), rows[i].status);
        if (rows[i].applied != NULL)
            expect(house, rows[i].applied);
        else
            assert_null(strstr(house->text, "Preference-Applied"));
        if (rows[i].status == 503)
            expect(house, "Retry-After: 3\r\n");
        clock_move(house->clock, 100 * CLOCK_SECOND);
        puppet_settle(house->loop);
        clock_move(house->clock, 100 * CLOCK_SECOND);
        puppet_settle(house->loop);
        assert_int_equal(first->answers, 1);
    }
    assert_int_equal(ask(house, "free", "WebHook_Name=b", NULL), 200);
    assert_int_equal(ask(house, "free", "WebHook_Name=b", "Prefer: wait=3"), 200);
    assert_null(strstr(house->text, "Preference-Applied")); /* a hit waits for nothing */
}

static void a_hot_window_is_refreshed_before_it_expires(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    clock_move(house->clock, 53 * CLOCK_SECOND);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    assert_int_equal(house->puppet.searches, 1); /* too early, however hot */
    clock_move(house->clock, 2 * CLOCK_SECOND);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(house, "free", "size=5", NULL), 200);
    assert_int_equal(house->puppet.searches, 2);
    expect(house, "Age: 0\r\n");
}

/* Long troubles. */

static void forget(struct asker *asker)
{
    exchange_reset(asker->exchange);
    exchange_free(asker->exchange);
    *asker = (struct asker){0};
}

/* No call within the Retry-After of a throttle, and never more than ten in an interval. */
static void check_calls(const struct puppet *puppet)
{
    int64_t open_us = 0, throttled_us = 0;
    for (size_t i = 0; i < puppet->searches; i++) {
        const struct puppet_call *call = puppet_search(puppet, i);
        if (call->started_us > throttled_us && call->started_us < open_us)
            fail_msg("search %zu came %d ms early", i, (int)((open_us - call->started_us) / 1000));
        if (call->status == 409) {
            throttled_us = call->started_us;
            open_us = throttled_us + CLOCK_SECOND;
        }
        if (i >= 10)
            assert_true(call->started_us - puppet_search(puppet, i - 10)->started_us >= 105 * CLOCK_MILLISECOND);
    }
}

/* Takes the answers that are there; adds those of 200 to `good`, those of 503 to `late`. */
static void take_answers(struct house *house, size_t *good, size_t *late)
{
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        struct asker *asker = &house->askers[i];
        if (asker->exchange == NULL || asker->answers == 0)
            continue;
        int status = read_answer(house, asker);
        if (status != 200 && status != 503)
            fail_msg("%d\n%s", status, house->text);
        if (status == 503)
            expect(house, "Retry-After: ");
        *good += status == 200;
        *late += status == 503;
        forget(asker);
    }
}

/* Each 409 costs a pause of 1.1 s on average, so no more than 545 searches can be answered in ten minutes. In the
 * second row more than that are asked. */
static void no_throttle_reaches_a_client(void **state)
{
    static const struct {
        int64_t every_us;
        size_t good_min;
    } rows[] = {{2 * CLOCK_SECOND, 270}, {CLOCK_SECOND / 2, 480}};
    struct house *house = *state;
    struct fetcher_options options = plain_fetcher();
    char query[64];
    options.budget_count = 10;
    options.budget_interval_us = 100 * CLOCK_MILLISECOND;
    options.breaker_percent = 50;
    options.breaker_probe_us = 5 * CLOCK_SECOND;
    options.retry_percent = 20;
    build_fetcher(house, &options);
    build_flow(house, 0, 0);
    house->puppet.throttled_percent = 50;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        size_t asked = 0, good = 0, late = 0, before = house->puppet.searches;
        for (int64_t us = 0; us < 610 * CLOCK_SECOND; us += 50 * CLOCK_MILLISECOND) {
            if (us % rows[row].every_us == 0 && us < 600 * CLOCK_SECOND) {
                snprintf(query, sizeof(query), "WebHook_ErrorCount=%zu", 10000 * row + asked++);
                house->asked %= ASKERS_MAX; /* the first were answered long ago */
                begin(house, "free", query, NULL);
            }
            puppet_settle(house->loop);
            take_answers(house, &good, &late);
            clock_move(house->clock, 50 * CLOCK_MILLISECOND);
        }
        print_message("note: every other call throttled for ten minutes: of %zu searches %zu were answered 200 with "
                      "%zu calls\n",
                      asked, good, house->puppet.searches - before);
        assert_int_equal(good + late, asked);
        assert_true(good >= rows[row].good_min);
    }
    check_calls(&house->puppet);
}

static void a_dead_nexudus_is_survived_from_the_store(void **state)
{
    enum { STORED = 20, BOUND_S = 3000, DEAD_S = 3600 };
    struct house *house = *state;
    struct fetcher_options options = plain_fetcher();
    char query[64];
    options.breaker_percent = 50;
    options.breaker_probe_us = 5 * CLOCK_SECOND;
    options.retry_percent = 20;
    build_fetcher(house, &options);
    build_flow(house, 0, BOUND_S * CLOCK_SECOND);
    house->puppet.token_lifetime_seconds = 24 * 3600;
    for (int i = 0; i < STORED; i++) {
        snprintf(query, sizeof(query), "WebHook_ErrorCount=%d", i);
        assert_int_equal(ask(house, "free", query, NULL), 200);
    }
    size_t before = house->puppet.searches;
    house->puppet.is_dead = true;
    int64_t fresh_s = TTL / CLOCK_SECOND;
    for (int second = 1; second <= DEAD_S; second++) {
        clock_move(house->clock, CLOCK_SECOND);
        snprintf(query, sizeof(query), "WebHook_ErrorCount=%d", second % STORED);
        house->asked = 0;
        int status = ask(house, "free", query, NULL);
        if (status != (second < fresh_s + BOUND_S ? 200 : 503))
            fail_msg("after %d s: %d", second, status);
        expect(house, second < fresh_s             ? "; hit; ttl="
                      : second < fresh_s + BOUND_S ? "; detail=\"stale-if-error: unreachable\""
                                                   : "Retry-After: ");
    }
    size_t calls = house->puppet.searches - before;
    assert_in_range(calls, (DEAD_S - fresh_s) / 5 - 10, (DEAD_S - fresh_s) / 5 + 20); /* the probes, and a few */

    house->puppet.is_dead = false;
    int seconds = 0;
    do {
        clock_move(house->clock, CLOCK_SECOND);
        house->asked = 0;
        seconds++;
    } while (ask(house, "free", "WebHook_ErrorCount=1", NULL) != 200);
    expect(house, "fwd=stale; fwd-status=200; stored");
    print_message("note: %zu calls to a Nexudus that was dead for an hour; back after %d s\n", calls, seconds);
    assert_in_range(seconds, 1, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_miss_then_hits_then_a_stale_fetch),
        TEST(equal_misses_are_one_call),
        TEST(a_walk_costs_one_call_a_window),
        TEST(a_page_of_two_windows_is_a_hit_only_if_both_were),
        TEST(a_window_that_grew_too_old_for_the_request_is_fetched_too),
        TEST(a_set_that_ends_in_the_first_window_costs_one_call),
        TEST(the_older_of_two_disagreeing_windows_is_fetched_again),
        TEST(a_set_that_will_not_hold_still_is_asked_as_one_page),
        TEST(a_page_that_cannot_be_renewed_as_a_whole_stays_as_it_was),
        TEST(a_failure_is_told_before_a_refresh),
        TEST(a_cap_is_learnt_and_answered),
        TEST(a_small_page_that_holds_all_teaches_no_cap),
        TEST(only_if_cached_never_asks_not_even_to_settle),
        TEST(a_dry_run_counts_misses_too),
        TEST(a_refused_page_of_two_windows_costs_no_miss),
        TEST(request_directives_are_obeyed),
        TEST(no_cache_does_not_join_an_older_call),
        TEST(validators_are_compared),
        TEST(validators_outlast_two_waits),
        TEST(few_searches_are_kept),
        TEST(over_its_rate_a_client_pays_nothing),
        TEST(spent_misses_still_leave_hits),
        TEST(waiting_for_anothers_fetch_is_free),
        TEST(a_useless_answer_refunds_the_miss),
        TEST(requests_in_progress_are_counted_to_the_end),
        TEST(a_scope_is_part_of_the_question),
        TEST(failures_have_their_status),
        TEST(closing_answers_who_waits),
        TEST(stale_is_served_at_once_and_refreshed_once),
        TEST(a_failed_refresh_is_tried_again_later_and_not_at_once),
        TEST(request_directives_win_over_staleness),
        TEST(stale_covers_every_failure_of_nexudus),
        TEST(a_failure_is_not_covered_by_what_grew_too_old),
        TEST(a_refusal_of_a_query_is_remembered),
        TEST(request_directives_win_over_a_remembered_refusal),
        TEST(a_client_waits_no_longer_than_it_prefers),
        TEST(a_hot_window_is_refreshed_before_it_expires),
        TEST(no_throttle_reaches_a_client),
        TEST(a_dead_nexudus_is_survived_from_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
