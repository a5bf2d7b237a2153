/* SPDX-License-Identifier: MIT */
/* Forms and answers of the token endpoint. Our own copies of secrets are made once, at their full size, and wiped;
 * jansson's are freed. */
#include "upstream/grant.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/units.h"
#include "upstream/token.h"

#include <jansson.h>

enum { FORM_WORDS_MAX = 128 }; /* bytes of a form's names */

/* Room first: a buffer that grows leaves a copy of the secret behind. */
static void begin_form(struct buf *form, const char *grant_type, size_t secret_bytes)
{
    size_t most = 3 * secret_bytes + FORM_WORDS_MAX;

    buf_init(form, most);
    buf_reserve(form);
    buf_add_text(form, "grant_type=");
    buf_add_text(form, grant_type);
}

static void add_pair(struct buf *form, const char *name, struct slice value)
{
    buf_add_char(form, '&');
    buf_add_text(form, name);
    buf_add_char(form, '=');
    codec_percent(form, value, "");
}

void grant_password_form(struct buf *form, const char *username, const char *password, const char *code)
{
    begin_form(form, "password", strlen(username) + strlen(password));
    add_pair(form, "username", slice_of(username));
    add_pair(form, "password", slice_of(password));
    if (code != NULL)
        add_pair(form, "totp", slice_of(code));
}

void grant_refresh_form(struct buf *form, struct slice refresh_token)
{
    begin_form(form, "refresh_token", refresh_token.length);
    add_pair(form, "refresh_token", refresh_token);
}

/* It will stand in a header line. */
static bool is_token(struct slice text)
{
    return text.length > 0 && text.length <= TOKEN_MAX && ascii_all_visible(text);
}

static struct slice text_of(const json_t *value)
{
    return json_is_string(value) ? slice_make(json_string_value(value), json_string_length(value)) : slice_of("");
}

static bool read_lifetime(const json_t *value, int64_t *lifetime_us)
{
    double seconds = GRANT_LIFETIME_DEFAULT_SECONDS;
    int64_t whole;

    if (json_is_number(value)) {
        seconds = json_number_value(value);
    } else if (json_is_string(value)) {
        if (!units_integer(text_of(value), &whole))
            return false;
        seconds = (double)whole;
    } else if (value != NULL && !json_is_null(value)) {
        return false;
    }
    if (seconds > GRANT_LIFETIME_MAX_SECONDS)
        seconds = GRANT_LIFETIME_MAX_SECONDS;
    *lifetime_us = seconds > 0 ? (int64_t)(seconds * (double)CLOCK_SECOND) : 0;
    return *lifetime_us > 0; /* what ends within a microsecond is none */
}

static bool copy_token(struct buf *out, struct slice token)
{
    buf_init(out, TOKEN_MAX);
    buf_add(out, token);
    return buf_ok(out);
}

static bool read_object(const json_t *object, struct grant *grant, const char **why)
{
    struct slice access = text_of(json_object_get(object, "access_token"));
    struct slice refresh = text_of(json_object_get(object, "refresh_token"));

    *why = "the answer holds no access token that could be sent";
    if (!is_token(access))
        return false;
    *why = "the token is not a bearer token";
    if (!slice_equal_nocase(text_of(json_object_get(object, "token_type")), slice_of("bearer")))
        return false;
    *why = "the token's lifetime makes no sense";
    if (!read_lifetime(json_object_get(object, "expires_in"), &grant->lifetime_us))
        return false;
    *why = "out of memory";
    if (!copy_token(&grant->access_token, access))
        return false;
    if (!is_token(refresh))
        refresh = slice_of(""); /* we then log in again when the token ends */
    return copy_token(&grant->refresh_token, refresh);
}

bool grant_read(struct slice body, struct grant *grant, const char **why)
{
    *grant = (struct grant){0};
    *why = "the answer is not a JSON object";
    json_t *object = json_loadb(body.length > 0 ? body.at : "", body.length,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    bool good = json_is_object(object) && read_object(object, grant, why);
    json_decref(object);
    if (!good)
        grant_free(grant);
    return good;
}

void grant_free(struct grant *grant)
{
    grant_wipe(&grant->access_token);
    grant_wipe(&grant->refresh_token);
}

void grant_wipe(struct buf *secret)
{
    if (secret->bytes != NULL)
        mem_wipe(secret->bytes, secret->capacity);
    buf_free(secret);
}
