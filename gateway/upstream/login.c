/* SPDX-License-Identifier: MIT */
/* The call to the token endpoint: POST /api/token, as a form. A refresh must carry the client_id of the login as a
 * header, and that is the user's name where none was configured. */
#include "upstream/login.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "upstream/totp.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECRET_MAX = 1024 };

struct login {
    struct loop *loop;
    struct transport *transport;
    void (*on_result)(void *context, struct login_result *result);
    void *context;
    char *url;
    char *username, *password;
    char *client_id;         /* a header line; NULL: not configured */
    char *refresh_client_id; /* a header line */
    bool has_totp;
    struct buf totp_secret; /* raw bytes */
    int64_t last_step;      /* whose code was sent */
    const char *fault;      /* a literal */
    bool busy;
    bool by_refresh;
    int64_t asked_us;
    struct fetch fetch;
};

static void judge(struct login *login, struct login_result *result)
{
    const struct fetch *fetch = &login->fetch;
    const char *why;

    result->verdict = LOGIN_UNAVAILABLE;
    if (fetch->outcome != FETCH_ANSWERED) {
        snprintf(result->why, sizeof result->why, "the token endpoint gave no answer: %s", fetch->error);
    } else if (fetch->status == 200) {
        if (grant_read(buf_slice(&fetch->body), &result->grant, &why))
            result->verdict = LOGIN_GRANTED;
        else
            snprintf(result->why, sizeof result->why, "the token endpoint answered 200, but %s", why);
    } else {
        if (fetch->status == 400 || fetch->status == 401 || fetch->status == 403)
            result->verdict = LOGIN_REFUSED;
        snprintf(result->why, sizeof result->why, "the token endpoint answered %d", fetch->status);
    }
}

static void on_done(struct fetch *fetch)
{
    struct login *login = MEM_OUTER(fetch, struct login, fetch);
    struct login_result result = {
        .by_refresh = login->by_refresh,
        .asked_us = login->asked_us,
        .retry_after_us = fetch->retry_after_us,
    };

    login->busy = false;
    judge(login, &result);
    grant_wipe(&fetch->body);
    login->on_result(login->context, &result);
    grant_free(&result.grant);
}

static void send_form(struct login *login, struct buf *form, const char *client_id)
{
    assert(!login->busy && login->fault == NULL);
    if (!buf_ok(form))
        abort(); /* no memory for a text of our own */

    login->busy = true;
    login->asked_us = loop_now(login->loop);
    login->fetch.headers[1] = client_id;
    login->fetch.form = buf_slice(form);
    login->transport->start(login->transport, &login->fetch);
    login->fetch.form = slice_of("");
    grant_wipe(form);
}

void login_by_password(struct login *login)
{
    char code[TOTP_DIGITS + 1];
    struct buf form;

    assert(login_ready_at(login) <= loop_now(login->loop));
    if (login->has_totp) {
        login->last_step = totp_step(clock_wall(loop_clock(login->loop)));
        totp_code(buf_slice(&login->totp_secret), login->last_step, code);
    }
    grant_password_form(&form, login->username, login->password, login->has_totp ? code : NULL);
    login->by_refresh = false;
    send_form(login, &form, login->client_id);
}

void login_by_refresh(struct login *login, struct slice refresh_token)
{
    struct buf form;

    grant_refresh_form(&form, refresh_token);
    login->by_refresh = true;
    send_form(login, &form, login->refresh_client_id);
}

int64_t login_ready_at(const struct login *login)
{
    int64_t now_us = loop_now(login->loop);
    int64_t wall_us = clock_wall(loop_clock(login->loop));

    if (!login->has_totp || totp_step(wall_us) > login->last_step)
        return now_us;
    return now_us + (login->last_step + 1) * TOTP_STEP_SECONDS * CLOCK_SECOND - wall_us;
}

int64_t login_step(const struct login *login)
{
    return login->has_totp ? totp_step(clock_wall(loop_clock(login->loop))) : -1;
}

void login_note_step(struct login *login, int64_t step)
{
    if (step > login->last_step)
        login->last_step = step;
}

const char *login_fault(const struct login *login)
{
    return login->fault;
}

bool login_is_busy(const struct login *login)
{
    return login->busy;
}

static char *make_text(const char *head, struct slice middle, const char *tail)
{
    struct buf text;

    buf_init(&text, SIZE_MAX / 4);
    buf_add_text(&text, head);
    buf_add(&text, middle);
    buf_add_text(&text, tail);
    char *copy = mem_copy_text(text.length > 0 ? text.bytes : "", text.length);
    grant_wipe(&text);
    return copy;
}

bool login_fits_a_header(const char *text)
{
    for (; *text != '\0'; text++) {
        if (ascii_is_control(*text))
            return false;
    }
    return true;
}

static void read_credentials(struct login *login, const struct token_options *options)
{
    const char *username = options->username != NULL ? options->username : "";
    const char *password = options->password != NULL ? options->password : "";
    const char *client_id = options->client_id != NULL ? options->client_id : username;
    struct slice base = slice_of(options->url);

    while (base.length > 0 && base.at[base.length - 1] == '/')
        base.length--;
    login->url = make_text("", base, "/api/token");
    login->username = mem_copy_text(username, strlen(username));
    login->password = mem_copy_text(password, strlen(password));
    login->refresh_client_id = make_text("client_id: ", slice_of(client_id), "");
    if (options->client_id != NULL)
        login->client_id = make_text("client_id: ", slice_of(client_id), "");
    login->has_totp = options->totp_secret != NULL;
    buf_init(&login->totp_secret, SECRET_MAX);

    if (*username == '\0' || *password == '\0')
        login->fault = "no username and password are configured";
    else if (!login_fits_a_header(client_id))
        login->fault = "the client_id (or the username in its place) cannot be sent in a header";
    else if (options->totp_secret != NULL &&
             (!codec_unbase32(slice_of(options->totp_secret), &login->totp_secret) || login->totp_secret.length == 0))
        login->fault = "totp_secret is not base32";
}

struct login *login_new(struct loop *loop, struct transport *transport, const struct token_options *options,
                        void (*on_result)(void *context, struct login_result *result), void *context)
{
    struct login *login = mem_new(sizeof *login);

    login->loop = loop;
    login->transport = transport;
    login->on_result = on_result;
    login->context = context;
    login->last_step = -1;
    read_credentials(login, options);
    login->fetch = (struct fetch){
        .url = login->url,
        .headers = {"Accept: application/json"},
        .connect_timeout_us = options->connect_timeout_us,
        .timeout_us = options->timeout_us,
        .body_max = TOKEN_ANSWER_MAX,
        .on_done = on_done,
    };
    return login;
}

void login_change(struct login *login, int64_t connect_timeout_us, int64_t timeout_us)
{
    login->fetch.connect_timeout_us = connect_timeout_us;
    login->fetch.timeout_us = timeout_us;
}

static void wipe_text(char *text)
{
    if (text != NULL)
        mem_wipe(text, strlen(text));
    mem_free(text);
}

void login_cancel(struct login *login)
{
    if (login->busy)
        login->transport->cancel(login->transport, &login->fetch);
    login->busy = false;
}

void login_free(struct login *login)
{
    if (login == NULL)
        return;
    login_cancel(login);
    wipe_text(login->username);
    wipe_text(login->password);
    wipe_text(login->client_id);
    wipe_text(login->refresh_client_id);
    grant_wipe(&login->totp_secret);
    mem_free(login->url);
    mem_free(login);
}
