/* SPDX-License-Identifier: MIT */
/* One fetch as libcurl sees it: an easy handle with all of its options, where the answer's bytes go, and what libcurl's
 * result means. Knows no loop and no multi handle. */
#ifndef NEXGATE_IO_CALL_H
#define NEXGATE_IO_CALL_H

#include "io/fetch.h"

#include <curl/curl.h>

enum { CALL_HEADER_BYTES_MAX = 64 * 1024, CALL_RETRY_AFTER_MAX_SECONDS = 24 * 3600 };

struct call {
    struct fetch *fetch;
    const struct clock *clock;
    CURL *easy;
    struct curl_slist *headers;
    size_t header_bytes;
    bool was_started;   /* the request was handed to a connection */
    bool head_is_whole; /* the empty line was seen */
    bool too_big;
    char curl_says[CURL_ERROR_SIZE];
};

/* Empties the fetch's result and makes the handle; false when libcurl refuses (then only call_free may follow). The
 * texts of the request are copied. */
bool call_init(struct call *call, struct fetch *fetch, const struct fetch_options *options,
               const struct clock *clock) MUST_CHECK;

/* The handle must not be in a multi handle any more. */
void call_free(struct call *call);

/* Fills in the fetch's result from libcurl's. */
void call_finish(struct call *call, CURLcode result);

/* Fills in the result of a call that ended without libcurl: `error` is a literal. */
void call_fail(struct call *call, enum fetch_outcome outcome, const char *error);

#endif
