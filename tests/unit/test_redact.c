/* SPDX-License-Identifier: MIT */
/* What a log shows of a query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "search/query.h"
#include "search/redact.h"

static void redacted(const struct schema *schema, const char *raw, size_t max, const char *expected)
{
    struct buf canonical, out;
    struct query query;
    struct query_error error;
    const struct scope everywhere = {.all = true};
    buf_init(&canonical, 3 * strlen(raw) + 64);
    buf_init(&out, max);
    assert_int_equal(query_normalise(schema, &everywhere, slice_of(raw), &canonical, &query, &error), QUERY_OK);
    redact_query(schema, query.canonical, &out);
    assert_true(buf_ok(&out));
    assert_int_equal(out.length, strlen(expected));
    assert_true(slice_is(buf_slice(&out), expected));
    buf_free(&canonical);
    buf_free(&out);
}

static void addresses_of_webhooks_are_not_shown(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    redacted(schema, "", 100, "");
    redacted(schema, "webhook_active=TRUE&page=2", 100, "WebHook_Active=true");
    redacted(schema, "webhook_url=https://example.com/?token=abc%26WebHook_Name=x", 100, "WebHook_URL=***");
    redacted(schema, "WebHook_Name=WebHook_URL%3Dx&WEBHOOK_URL=secret&WebHook_Active=true", 200,
             "WebHook_Active=true&WebHook_Name=WebHook_URL%3Dx&WebHook_URL=***");
    schema_free(schema);
}

static void a_long_one_is_cut(void **state)
{
    (void)state;
    struct schema *schema = schema_builtin_webhooks();
    redacted(schema, "WebHook_Name=abcdefgh&WebHook_URL=secret", 20, "WebHook_Name=abcdefg");
    redacted(schema, "WebHook_Name=abcdefgh&WebHook_URL=secret", 36, "WebHook_Name=abcdefgh&WebHook_URL=**");
    schema_free(schema);
}

static void a_schema_may_have_none(void **state)
{
    (void)state;
    static const char json[] = "{\"entity\":\"things\",\"path\":\"/api/things\",\"identity\":\"Id\",\"parameters\":["
                               "{\"name\":\"page\",\"type\":\"page\",\"default\":1},"
                               "{\"name\":\"size\",\"type\":\"size\",\"default\":25},"
                               "{\"name\":\"URL\",\"type\":\"string\"}]}";
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema *schema = schema_read(slice_of(json), "things.json", &complaints);
    assert_non_null(schema);
    assert_false(schema->has_sensitive);
    redacted(schema, "url=x", 100, "URL=x");
    redacted(schema, "url=xyz", 6, "URL=xy");
    schema_free(schema);
    complaints_free(&complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_webhooks_are_not_shown),
        cmocka_unit_test(a_long_one_is_cut),
        cmocka_unit_test(a_schema_may_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
