/* SPDX-License-Identifier: MIT */
/* Whether the process lives, and whether it can do its work. */
#include "admin/health.h"

#include "upstream/fetcher_view.h"

bool health_answer_live(struct admin *admin, struct exchange *exchange)
{
    (void)admin;
    buf_add_text(&exchange->answer.text, "ok\n");
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "text/plain; charset=utf-8");
    return true;
}

/* At the start, until what the other gateways store and purge is heard; not for long, as Redis may be away. */
static bool is_joining(const struct admin *admin)
{
    enum { WAIT_S = 5 };
    return memory_link(admin->parts.memory) == MEMORY_JOINING &&
           clock_now(admin->parts.clock) - admin->started_us < WAIT_S * CLOCK_SECOND;
}

/* A gateway that has not logged in yet is ready: it logs in with the first miss. So is one whose breaker is open: what
 * is stored it serves, and to take it out of rotation would help nobody. */
bool health_answer_ready(struct admin *admin, struct exchange *exchange)
{
    struct fetcher_view view;
    fetcher_look(admin->parts.fetcher, &view);
    const char *reasons[3];
    size_t count = 0;
    if (admin->draining)
        reasons[count++] = "draining";
    if (is_joining(admin))
        reasons[count++] = "not yet in step with the other gateways";
    if (view.token_failing && !view.token_good)
        reasons[count++] = "the login at Nexudus fails";
    struct buf *out = &exchange->answer.text;
    buf_add_text(out, count == 0 ? "{\"ready\":true" : "{\"ready\":false,\"reasons\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_json(out, slice_of(reasons[i]));
    }
    buf_add_text(out, count == 0 ? "}\n" : "]}\n");
    exchange->answer.status = count == 0 ? 200 : 503;
    answer_body_text(&exchange->answer, "application/json");
    return true;
}
