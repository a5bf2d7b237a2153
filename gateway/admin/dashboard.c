/* SPDX-License-Identifier: MIT */
/* Serves the dashboard under a policy that lets its own script and style run and nothing else (CSP level 3): they are
 * named by their hashes, so that nothing that finds its way into the page can run. */
#include "admin/dashboard.h"

#include "base/codec.h"

#include <assert.h>

/* What stands between the page's only "<NAME>" and "</NAME>". */
static struct slice find_element(const char *opening, const char *closing)
{
    const char *start = memmem(dashboard_html, dashboard_html_length, opening, strlen(opening));
    assert(start != NULL);
    start += strlen(opening);
    const char *end = memmem(start, dashboard_html_length - (size_t)(start - dashboard_html), closing, strlen(closing));
    assert(end != NULL);
    return slice_make(start, (size_t)(end - start));
}

/* 'sha256-BASE64' (section 2.3.1). */
static void add_hash(struct buf *out, struct slice text)
{
    uint8_t digest[HASH_SHA256_BYTES];
    hash_sha256(text, digest);
    buf_add_text(out, "'sha256-");
    size_t start = out->length;
    codec_base64url(out, digest, sizeof(digest));
    for (size_t i = start; buf_ok(out) && i < out->length; i++) {
        if (out->bytes[i] == '-')
            out->bytes[i] = '+';
        else if (out->bytes[i] == '_')
            out->bytes[i] = '/';
    }
    buf_add_text(out, "='");
}

static void say_policy(struct answer *answer)
{
    struct buf policy;
    buf_init(&policy, 1024);
    buf_reserve(&policy);
    buf_add_text(&policy, "default-src 'none'; script-src ");
    add_hash(&policy, find_element("<script>", "</script>"));
    buf_add_text(&policy, "; style-src ");
    add_hash(&policy, find_element("<style>", "</style>"));
    buf_add_text(&policy, "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                          "frame-ancestors 'none'");
    answer_field(answer, "Content-Security-Policy", buf_slice(&policy));
    buf_free(&policy);
}

bool dashboard_answer(struct admin *admin, struct exchange *exchange)
{
    struct answer *answer = &exchange->answer;
    (void)admin;
    say_policy(answer);
    answer_field(answer, "X-Content-Type-Options", slice_of("nosniff"));
    answer_field(answer, "Referrer-Policy", slice_of("no-referrer"));
    answer->status = 200;
    answer->content_type = "text/html; charset=utf-8";
    answer->body[0] = slice_make(dashboard_html, dashboard_html_length);
    answer->body_count = 1;
    answer->body_length = dashboard_html_length;
    return true;
}
