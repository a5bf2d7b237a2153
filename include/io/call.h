/* SPDX-License-Identifier: MIT */
/* One fetch as libcurl sees it: an easy handle with all of its options, where the answer's bytes go, and what libcurl's
 * result means. Knows no loop and no multi handle. */
#ifndef NEXGATE_IO_CALL_H
#define NEXGATE_IO_CALL_H

#include "io/fetch.h"

#include <curl/curl.h>

enum { CALL_HEADER_BYTES_MAX = 64 * 1024, CALL_RETRY_AFTER_MAX_SECONDS = 24 * 3600 };

/* Of the bodies under way, in bytes of memory. */
struct body_room {
    size_t used, max;
};

struct call {
    struct fetch *fetch;
    struct body_room *room;
    const struct clock *clock;
    CURL *easy;
    struct curl_slist *headers;
    size_t header_bytes;
    bool was_started;   /* the request was handed to a connection */
    bool head_is_whole; /* the empty line was seen */
    bool too_big, no_room;
    char curl_says[CURL_ERROR_SIZE];
};

/* Empties the fetch's result and makes the handle; false when libcurl refuses (then only call_free may follow). The
 * texts of the request are copied. What the body takes of `room` is the caller's to give back. */
bool call_init(struct call *call, struct fetch *fetch, const struct fetch_options *options, struct body_room *room,
               const struct clock *clock) MUST_CHECK;

/* Before it is handed to a multi handle: not over a kept connection; and the host's name is looked up anew. */
void call_connect(struct call *call);
void call_look_up(struct call *call);

/* Whether it ended without a byte because of where it was sent to: no connection came about. */
bool call_met_nobody(const struct call *call);

/* It has taken too long: its connection is not to be used again. */
void call_give_up(struct call *call);

/* The handle must not be in a multi handle any more. */
void call_free(struct call *call);

/* Fills in the fetch's result from libcurl's. */
void call_finish(struct call *call, CURLcode result);

/* Fills in the result of a call that ended without libcurl: `error` is a literal. */
void call_fail(struct call *call, enum fetch_outcome outcome, const char *error);

#endif
