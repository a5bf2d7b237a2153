/* SPDX-License-Identifier: MIT */
/* Problem details: from a status and a sentence to application/problem+json. Must not know why a request failed. */
#include "flow/problem.h"

/* The two types that IANA has registered for what we do most, with their titles (draft-ietf-httpapi-ratelimit-headers).
 */
static const char QUOTA_TYPE[] = "https://iana.org/assignments/http-problem-types#quota-exceeded";
static const char QUOTA_TITLE[] = "Request cannot be satisfied as assigned quota has been exceeded";
static const char REDUCED_TYPE[] = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
static const char REDUCED_TITLE[] = "Request cannot be satisfied due to temporary server capacity constraints";

const char *problem_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } TITLES[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(TITLES) / sizeof(TITLES[0]); i++)
        if (TITLES[i].status == status)
            return TITLES[i].title;
    return "Unknown";
}

static void add_member(struct buf *out, const char *name, struct slice text)
{
    buf_add_text(out, ",\"");
    buf_add_text(out, name);
    buf_add_text(out, "\":");
    buf_add_json(out, text);
}

static void add_query(struct buf *out, const struct query_error *error)
{
    if (error->parameter[0] != '\0')
        add_member(out, "parameter", slice_of(error->parameter));
    if (error->has_value)
        add_member(out, "value", slice_of(error->value));
    if (error->expected[0] != '\0')
        add_member(out, "expected", slice_of(error->expected));
}

static void add_extra(struct buf *out, const struct problem_extra *extra)
{
    if (extra->query != NULL)
        add_query(out, extra->query);
    if (extra->violated_policy != NULL) {
        buf_add_text(out, ",\"violated-policies\":[");
        buf_add_json(out, slice_of(extra->violated_policy));
        buf_add_char(out, ']');
    }
}

void problem_body(struct buf *out, int status, const char *detail, struct slice instance,
                  const struct problem_extra *extra)
{
    const char *type = "about:blank";
    const char *title = problem_title(status);
    if (status == 429) {
        type = QUOTA_TYPE;
        title = QUOTA_TITLE;
    } else if (status == 503) {
        type = REDUCED_TYPE;
        title = REDUCED_TITLE;
    }
    buf_add_text(out, "{\"type\":");
    buf_add_json(out, slice_of(type));
    add_member(out, "title", slice_of(title));
    buf_add_text(out, ",\"status\":");
    buf_add_integer(out, status);
    add_member(out, "detail", slice_of(detail));
    add_member(out, "instance", instance);
    if (extra != NULL)
        add_extra(out, extra);
    buf_add_text(out, "}\n");
}

void problem_answer(struct exchange *exchange, int status, const char *detail, const struct problem_extra *extra)
{
    struct answer *answer = &exchange->answer;
    buf_reset(&answer->text);
    problem_body(&answer->text, status, detail, slice_make(exchange->id, exchange->id_length), extra);
    answer->status = status;
    answer_body_text(answer, "application/problem+json");
}
