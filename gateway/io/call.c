/* SPDX-License-Identifier: MIT */
/* Setting up one libcurl transfer and reading its result. What the peer sends is bounded here: bytes of the body after
 * decompression, bytes of headers, length of what is kept of a header. */
#include "io/call.h"

#include "base/ascii.h"
#include "base/units.h"

#include <stdio.h>

enum { DATE_MAX = 64, DNS_CACHE_SECONDS = 60, CONNECTION_LIFE_SECONDS = 300 };

static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_SECONDS},
    {CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_SECONDS},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_QUICK_EXIT, 1}, /* a cancelled call must not wait for the thread that still looks up its host */
};

static const struct {
    CURLoption option;
    const char *value;
} texts[] = {
    {CURLOPT_PROTOCOLS_STR, "http,https"},
    {CURLOPT_PROXY, ""}, /* none, whatever the environment says */
    {CURLOPT_ACCEPT_ENCODING, "gzip"},
};

/* Of the header's value only what can stand in a log line. */
static void keep_content_type(struct fetch *fetch, struct slice value)
{
    size_t length = value.length < FETCH_CONTENT_TYPE_MAX - 1 ? value.length : FETCH_CONTENT_TYPE_MAX - 1;

    for (size_t i = 0; i < length; i++)
        fetch->content_type[i] = ascii_is_printable(value.at[i]) ? value.at[i] : '?';
    fetch->content_type[length] = '\0';
}

static size_t count_digits(struct slice text)
{
    size_t count = 0;

    while (count < text.length && text.at[count] >= '0' && text.at[count] <= '9')
        count++;
    return count;
}

/* RFC 9110 section 10.2.3: seconds or an HTTP-date. -1 when it is neither. */
static int64_t read_retry_after(struct slice value, int64_t wall_us)
{
    char date[DATE_MAX];
    int64_t seconds;
    size_t digits = count_digits(value);

    if (digits > 0 && digits == value.length) {
        if (!units_integer(value, &seconds))
            seconds = CALL_RETRY_AFTER_MAX_SECONDS; /* more than can be counted */
    } else if (digits > 0 || value.length == 0 || value.length >= sizeof date) {
        return -1;
    } else {
        memcpy(date, value.at, value.length);
        date[value.length] = '\0';
        time_t then = curl_getdate(date, NULL);
        if (then < 0)
            return -1;
        seconds = (int64_t)then - wall_us / CLOCK_SECOND;
    }
    if (seconds > CALL_RETRY_AFTER_MAX_SECONDS)
        seconds = CALL_RETRY_AFTER_MAX_SECONDS;
    return seconds > 0 ? seconds * CLOCK_SECOND : 0;
}

static bool take_field(struct slice line, const char *name, struct slice *value)
{
    if (!slice_starts_with_nocase(line, slice_of(name)))
        return false;
    size_t length = strlen(name);
    *value = slice_trim(slice_make(line.at + length, line.length - length));
    return true;
}

static size_t on_header(char *bytes, size_t one, size_t count, void *context)
{
    struct call *call = context;
    struct slice line = slice_make(bytes, one * count), value;

    call->header_bytes += line.length;
    if (call->header_bytes > CALL_HEADER_BYTES_MAX) {
        call->too_big = true;
        return 0;
    }
    while (line.length > 0 && (line.at[line.length - 1] == '\n' || line.at[line.length - 1] == '\r'))
        line.length--;
    if (slice_starts_with(line, slice_of("HTTP/"))) { /* what came before was an interim answer */
        call->fetch->content_type[0] = '\0';
        call->fetch->retry_after_us = -1;
        call->head_is_whole = false;
    } else if (call->head_is_whole) {
        return one * count; /* a trailer: no field of the head (RFC 9110 section 6.5.1) */
    } else if (line.length == 0) {
        call->head_is_whole = true;
    } else if (take_field(line, "Content-Type:", &value)) {
        keep_content_type(call->fetch, value);
    } else if (take_field(line, "Retry-After:", &value)) {
        call->fetch->retry_after_us = read_retry_after(value, clock_wall(call->clock));
    }
    return one * count;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct call *call = context;
    struct buf *body = &call->fetch->body;
    size_t before = body->capacity, length = one * count;

    call->too_big = length > body->max - body->length;
    if (call->too_big)
        return 0;
    buf_add(body, slice_make(bytes, length));
    call->room->used += body->capacity - before;
    call->no_room = !buf_ok(body) || call->room->used > call->room->max;
    return call->no_room ? 0 : length;
}

static bool copy_headers(struct call *call)
{
    for (size_t i = 0; i < FETCH_HEADERS_MAX; i++) {
        if (call->fetch->headers[i] == NULL)
            continue;
        struct curl_slist *longer = curl_slist_append(call->headers, call->fetch->headers[i]);
        if (longer == NULL)
            return false;
        call->headers = longer;
    }
    return true;
}

/* libcurl sends a call again by itself when a kept connection ends without an answer. What is sent twice would be
 * counted once, and a one-time code must not be sent twice: it is for those above to decide. */
static int on_send(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct call *call = context;
    long connects = 0;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (call->was_started)
        return CURL_PREREQFUNC_ABORT;
    call->was_started = true;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    call->fetch->reused_connection = connects == 0;
    return CURL_PREREQFUNC_OK;
}

/* The first option that libcurl refuses ends it all. */
static bool set_options(struct call *call, const struct fetch_options *options)
{
    struct fetch *fetch = call->fetch;
    CURLcode bad = CURLE_OK;

#define SET(option, value) (bad = bad != CURLE_OK ? bad : curl_easy_setopt(call->easy, option, value))
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        SET(numbers[i].option, numbers[i].value);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        SET(texts[i].option, texts[i].value);
    if (options->ca_file != NULL)
        SET(CURLOPT_CAINFO, options->ca_file);
    SET(CURLOPT_USERAGENT, options->user_agent);
    SET(CURLOPT_URL, fetch->url);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)((fetch->connect_timeout_us + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND));
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->body_max);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_PREREQFUNCTION, on_send);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_ERRORBUFFER, call->curl_says);
    SET(CURLOPT_PRIVATE, call);
    if (fetch->form.length > 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->form.length);
        SET(CURLOPT_COPYPOSTFIELDS, fetch->form.at);
    }
#undef SET
    return bad == CURLE_OK;
}

bool call_init(struct call *call, struct fetch *fetch, const struct fetch_options *options, struct body_room *room,
               const struct clock *clock)
{
    *call = (struct call){.fetch = fetch, .room = room, .clock = clock};
    fetch->status = 0;
    fetch->retry_after_us = -1;
    fetch->content_type[0] = '\0';
    fetch->error[0] = '\0';
    fetch->reused_connection = false;
    buf_init(&fetch->body, fetch->body_max);
    call->easy = curl_easy_init();
    return call->easy != NULL && copy_headers(call) && set_options(call, options);
}

void call_free(struct call *call)
{
    curl_easy_cleanup(call->easy);
    for (struct curl_slist *header = call->headers; header != NULL; header = header->next)
        mem_wipe(header->data, strlen(header->data)); /* one of them holds the token */
    curl_slist_free_all(call->headers);
    call->easy = NULL;
    call->headers = NULL;
}

void call_connect(struct call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
}

void call_look_up(struct call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

bool call_met_nobody(const struct call *call)
{
    return !call->was_started && (call->fetch->outcome == FETCH_UNREACHABLE || call->fetch->outcome == FETCH_TIMED_OUT);
}

void call_give_up(struct call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
}

static bool was_sent(const struct call *call)
{
    long bytes = 0;

    return curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

/* Whether a byte of an answer came, be it of a head that was never whole. */
static bool was_answered(const struct call *call)
{
    long bytes = 0;

    return curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

static enum fetch_outcome outcome_of(const struct call *call, CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return call->head_is_whole ? FETCH_ANSWERED : FETCH_CUT; /* libcurl does not mind */
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_TIMED_OUT;
    case CURLE_FILESIZE_EXCEEDED:
        return FETCH_TOO_BIG;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return was_answered(call) ? FETCH_CUT : FETCH_UNREACHABLE;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
        return FETCH_CUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL, or of an answer that is not HTTP/1 or later */
        return was_sent(call) ? FETCH_CUT : FETCH_UNREACHABLE;
    default:
        return FETCH_UNREACHABLE;
    }
}

/* libcurl's detailed message is kept only for failures to connect, where it names host, port and certificate trouble at
 * most; later ones could repeat what the peer sent. */
static const char *words_for(const struct call *call, CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return "the answer broke off in its head";
    case CURLE_ABORTED_BY_CALLBACK: /* by on_send */
        return "the kept connection had died";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        if (call->curl_says[0] != '\0')
            return call->curl_says;
        return curl_easy_strerror(result);
    default:
        return curl_easy_strerror(result);
    }
}

void call_finish(struct call *call, CURLcode result)
{
    struct fetch *fetch = call->fetch;
    long status = 0;

    if (call->too_big) {
        call_fail(call, FETCH_TOO_BIG, "the answer is larger than allowed");
        return;
    }
    if (call->no_room) {
        call_fail(call, FETCH_NO_ROOM, "the answers under way are larger than there is room for");
        return;
    }
    enum fetch_outcome outcome = outcome_of(call, result);
    call_fail(call, outcome, outcome == FETCH_ANSWERED ? "" : words_for(call, result));
    if (outcome != FETCH_ANSWERED)
        return;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    fetch->status = (int)status;
}

void call_fail(struct call *call, enum fetch_outcome outcome, const char *error)
{
    call->fetch->outcome = outcome;
    snprintf(call->fetch->error, sizeof call->fetch->error, "%s", error);
}
