/* SPDX-License-Identifier: MIT */
/* Any bytes as an answer of Nexudus with any status and type: it has a verdict, a reason that repeats nothing of it,
 * and holds records only where it is good. The first three bytes are outcome, status and type. */
#include "upstream/nexudus.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int STATUSES[] = {200, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503, 599, 999};
static const char *const TYPES[] = {"application/json", "", "text/html", "application/json; charset=utf-8", "json"};

static void judge(const struct fetch *fetch, const struct schema *schema, struct window window)
{
    struct nexudus_answer answer;
    memset(&answer, 'x', sizeof(answer));
    nexudus_judge(fetch, schema, window, &answer);
    assert(memchr(answer.why, '\0', sizeof(answer.why)) != NULL && nexudus_verdict_name(answer.verdict) != NULL);
    assert(answer.retry_after_us >= -1 && answer.cap >= 0 && answer.cap <= 1000);
    assert(answer.status == (fetch->outcome == FETCH_ANSWERED ? fetch->status : 0));
    if (answer.verdict == NEXUDUS_OK) {
        assert(fetch->outcome == FETCH_ANSWERED && fetch->status == 200);
        assert((int64_t)answer.envelope.record_count <= window.size);
        envelope_free(&answer.envelope);
    } else {
        assert(answer.why[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema;
    struct fetch fetch = {.retry_after_us = -1};
    if (size < 3)
        return 0;
    if (schema == NULL)
        schema = schema_builtin_webhooks();
    fetch.outcome = data[0] < 200 ? FETCH_ANSWERED : (enum fetch_outcome)(data[0] % (FETCH_NO_ROOM + 1));
    fetch.status = STATUSES[data[1] % (sizeof(STATUSES) / sizeof(STATUSES[0]))];
    snprintf(fetch.content_type, sizeof(fetch.content_type), "%s", TYPES[data[2] % (sizeof(TYPES) / sizeof(TYPES[0]))]);
    buf_init(&fetch.body, size);
    buf_add(&fetch.body, slice_make((const char *)data + 3, size - 3));
    judge(&fetch, schema, (struct window){200, 0});
    judge(&fetch, schema, (struct window){20, 1});
    buf_free(&fetch.body);
    return 0;
}
