/* SPDX-License-Identifier: MIT */
/* Each reader of outside bytes, with each of its tries for memory failing once: it says so, or does without; it never
 * says what is not, and nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/stored.h"
#include "front/parser.h"
#include "search/page.h"
#include "search/query.h"
#include "unit/conn_bench.h"
#include "upstream/grant.h"
#include "upstream/sealed.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum { TRIES_MAX = 200 };

static atomic_int_least64_t *left; /* until the one that fails; 0: none does */

static const struct slice KEY = SLICE("t:v1:webhooks:#20.0");
static const struct window WINDOW = {20, 0};
static const struct slice BODY =
    SLICE("{\"Records\":[{\"Id\":1,\"Name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},{"
          "\"Id\":2}],"
          "\"CurrentPage\":1,\"CurrentPageSize\":20,\"CurrentOrderField\":\"Id\",\"CurrentSortDirection\":0,"
          "\"FirstItem\":1,\"LastItem\":2,\"TotalItems\":2,\"TotalPages\":1,\"HasNextPage\":false,"
          "\"HasPreviousPage\":false}");

static bool parses(void)
{
    static const struct slice HEAD =
        SLICE("GET /a?b HTTP/1.1\r\nHost: h\r\nCache-Control: a\r\nCache-Control: b\r\n\r\n");
    const struct parser_limits limits = {.header_bytes = 2048, .query_bytes = 512, .body_bytes = 1024};
    struct parser parser;
    struct request request;
    struct buf joined;
    size_t head;
    parser_init(&parser);
    buf_init(&joined, limits.header_bytes + PARSER_JOINED_EXTRA);
    enum parser_verdict verdict = parser_head(&parser, HEAD, &limits, &request, &joined, &head);
    if (verdict == PARSER_HEAD)
        assert_true(slice_is(request.cache_control, "a, b"));
    else
        assert_int_equal(parser.status, 503);
    buf_free(&joined);
    return verdict == PARSER_HEAD;
}

static bool normalises(void)
{
    static struct schema *schema;
    const struct scope all = {.all = true};
    struct query query;
    struct query_error error;
    struct buf canonical;
    if (schema == NULL) {
        int64_t before = atomic_exchange(left, 0);
        schema = schema_builtin_webhooks();
        atomic_store(left, before);
    }
    buf_init(&canonical, 4096);
    enum query_verdict verdict = query_normalise(
        schema, &all, slice_of("WebHook_Active=TRUE&page=2&WebHook_Name=x%20y"), &canonical, &query, &error);
    if (verdict == QUERY_OK)
        assert_true(slice_is(query.canonical, "WebHook_Active=true&WebHook_Name=x%20y"));
    else
        assert_int_equal(verdict, QUERY_NO_MEMORY);
    buf_free(&canonical);
    return verdict == QUERY_OK;
}

static bool reads_envelope(struct envelope *envelope)
{
    int64_t cap;
    char why[ENVELOPE_WHY_MAX];
    return envelope_read(BODY, WINDOW, slice_of("Id"), envelope, &cap, why) == ENVELOPE_OK;
}

static bool pages(void)
{
    struct envelope envelope;
    struct page_plan plan;
    struct page_part part = {&envelope, BODY};
    struct page page;
    struct buf text;
    if (!reads_envelope(&envelope))
        return false;
    buf_init(&text, 1 << 20);
    page_plan(&plan, 2, 1, 20, 0);
    bool good = page_cut(&plan, &part, 1, &text, &page);
    if (good)
        assert_int_equal(page.records, 1);
    buf_free(&text);
    envelope_free(&envelope);
    return good;
}

static bool stores(void)
{
    const struct stored_facts facts = {
        .kept_ms = 1000, .fetched_wall_us = 1, .ttl_us = 1, .stale_us = 1, .window = WINDOW};
    struct stored_facts read;
    struct envelope envelope, again;
    struct buf bytes, body;
    if (!reads_envelope(&envelope))
        return false;
    buf_init(&bytes, 1 << 20);
    buf_init(&body, 1 << 20);
    bool good = stored_write(&bytes, KEY, &facts, &envelope, BODY);
    if (good && (good = stored_read(buf_slice(&bytes), KEY, WINDOW, &read, &again, &body))) {
        assert_true(slice_equal(buf_slice(&body), BODY) && again.record_count == 2);
        envelope_free(&again);
    }
    buf_free(&body);
    buf_free(&bytes);
    envelope_free(&envelope);
    return good;
}

static bool logs_in(void)
{
    static const uint8_t secret[SEALED_KEY_BYTES] = {7};
    const struct sealed_place place = {SLICE("t:"), SLICE("a@example.com"), 1};
    struct grant grant;
    struct buf sealed, opened;
    const char *why = NULL;
    if (!grant_read(
            slice_of("{\"access_token\":\"a\",\"refresh_token\":\"r\",\"token_type\":\"bearer\",\"expires_in\":10}"),
            &grant, &why)) {
        assert_non_null(why);
        return false;
    }
    bool good = sealed_close(secret, &place, buf_slice(&grant.access_token), &sealed);
    if (good) {
        good = sealed_open(secret, &place, buf_slice(&sealed), &opened);
        if (good)
            assert_true(slice_is(buf_slice(&opened), "a"));
        grant_wipe(&opened);
    }
    buf_free(&sealed);
    grant_free(&grant);
    return good;
}

/* A request in pieces, with a body, and one behind it. Whoever cannot be answered is told 503, or is closed. */
static bool serves(void)
{
    static const char *const PIECES[] = {"POST /a HTTP/1.1\r\nHost: h\r\nCache-Control: a\r\nCache", "-Control: b\r\n",
                                         "Content-Length: 3\r\n\r\na", "bcGET /b HTTP/1.1\r\nHost: h\r\n\r\n"};
    static struct bench *bench;
    struct client client;
    struct reply reply;
    int64_t tries = atomic_exchange(left, 0);
    if (bench == NULL)
        bench = bench_new();
    bench->served = 0;
    client_open(&client, bench);
    size_t closed = bench->closed + 1;
    atomic_store(left, tries);
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
        if (!client_push(&client, PIECES[i], strlen(PIECES[i])))
            break;
        bench_settle(bench);
    }
    tries = atomic_exchange(left, 0);
    client_read(&client, SIZE_MAX);
    struct slice rest = buf_slice(&client.in);
    size_t answers = 0, good = 0;
    for (; rest.length > 0 && reply_next(&rest, false, &reply); answers++) {
        assert_true(reply.status == 404 || reply.status == 503 || reply.status == 500);
        good += reply.status == 404;
    }
    assert_int_equal(rest.length, 0);
    assert_true(answers == 2 || client.ended);
    client_close(&client);
    while (bench->closed != closed)
        bench_move(bench, 10 * CLOCK_SECOND);
    atomic_store(left, tries);
    return good == 2;
}

static void each_try_fails_once(void **state)
{
    static bool (*const WORKS[])(void) = {parses, normalises, pages, stores, logs_in, serves};
    (void)state;
    for (size_t i = 0; i < sizeof(WORKS) / sizeof(WORKS[0]); i++) {
        size_t failures = 0;
        assert_true(WORKS[i]());
        for (int64_t nth = 1; nth <= TRIES_MAX; nth++) {
            atomic_store(left, nth);
            bool good = WORKS[i]();
            bool was_met = atomic_exchange(left, 0) == 0;
            if (!was_met) {
                assert_true(good);
                break;
            }
            failures += !good;
            assert_true(nth < TRIES_MAX);
        }
        assert_true(failures > 0);
        assert_true(WORKS[i]());
    }
}

static int set_up(void **state)
{
    char path[64];
    int file = memfd_create("memory", MFD_CLOEXEC);
    (void)state;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    if (file < 0 || ftruncate(file, sizeof(*left)) != 0 || !mem_follow(path))
        return -1;
    left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return left == MAP_FAILED ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_try_fails_once)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
