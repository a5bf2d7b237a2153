/* SPDX-License-Identifier: MIT */
/* Every metric of the program, one row each. */
#ifndef NEXGATE_BASE_METRICS_TABLE_H
#define NEXGATE_BASE_METRICS_TABLE_H

/* clang-format off */
#define METRICS_TABLE(ROW) \
    ROW(CONNECTIONS_OPEN, "nexgate_connections", "", GAUGE, "Client connections open now.") \
    ROW(CONNECTIONS, "nexgate_connections_total", "", COUNTER, "Client connections accepted.") \
    ROW(CONNECTIONS_REFUSED, "nexgate_connections_refused_total", "", COUNTER, "Client connections closed at once because a connection limit was reached.") \
    ROW(REQUESTS, "nexgate_requests_total", "", COUNTER, "Requests answered on the public listener.") \
    ROW(HITS, "nexgate_searches_total", "outcome=\"hit\"", COUNTER, "Searches by outcome.") \
    ROW(MISSES, "nexgate_searches_total", "outcome=\"miss\"", COUNTER, "Searches by outcome.") \
    ROW(COLLAPSED, "nexgate_searches_total", "outcome=\"collapsed\"", COUNTER, "Searches by outcome.") \
    ROW(STALE, "nexgate_searches_total", "outcome=\"stale\"", COUNTER, "Searches by outcome.") \
    ROW(REFUSED_INVALID, "nexgate_searches_total", "outcome=\"invalid\"", COUNTER, "Searches by outcome.") \
    ROW(REFUSED_KEY, "nexgate_searches_total", "outcome=\"unauthorized\"", COUNTER, "Searches by outcome.") \
    ROW(REFUSED_SCOPE, "nexgate_searches_total", "outcome=\"forbidden\"", COUNTER, "Searches by outcome.") \
    ROW(REFUSED_QUOTA, "nexgate_searches_total", "outcome=\"over_quota\"", COUNTER, "Searches by outcome.") \
    ROW(FAILED, "nexgate_searches_total", "outcome=\"failed\"", COUNTER, "Searches by outcome.") \
    ROW(NOT_FOUND, "nexgate_searches_total", "outcome=\"not_found\"", COUNTER, "Searches by outcome.") \
    ROW(NOT_MODIFIED, "nexgate_not_modified_total", "", COUNTER, "Searches answered 304, whatever their outcome.") \
    ROW(QUOTA_DRY_RUN, "nexgate_quota_dry_run_total", "", COUNTER, "Requests a dry-run client would have been refused.") \
    ROW(UPSTREAM_SEARCHES, "nexgate_upstream_searches_total", "", COUNTER, "Search calls sent to Nexudus.") \
    ROW(UPSTREAM_OK, "nexgate_upstream_answers_total", "result=\"ok\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_THROTTLED, "nexgate_upstream_answers_total", "result=\"throttled\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_REFUSED, "nexgate_upstream_answers_total", "result=\"refused\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_BROKEN, "nexgate_upstream_answers_total", "result=\"broken\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_OUTAGE, "nexgate_upstream_answers_total", "result=\"outage\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_TIMEOUT, "nexgate_upstream_answers_total", "result=\"timeout\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_BAD_QUERY, "nexgate_upstream_answers_total", "result=\"bad_query\"", COUNTER, "What became of the search calls.") \
    ROW(UPSTREAM_RETRIES, "nexgate_upstream_retries_total", "", COUNTER, "Calls that failed and were sent once more.") \
    ROW(BREAKER_STATE, "nexgate_breaker_state", "", GAUGE, "The breaker before Nexudus: 0 closed, 1 half-open, 2 open.") \
    ROW(BREAKER_REFUSED, "nexgate_breaker_refused_total", "", COUNTER, "Flights refused because the breaker was open.") \
    ROW(UPSTREAM_REMEMBERED, "nexgate_upstream_refusals_remembered_total", "", COUNTER, "Asks answered by a refusal of the same query that was remembered.") \
    ROW(UPSTREAM_QUEUED, "nexgate_upstream_queue", "", GAUGE, "Flights waiting for the upstream budget now.") \
    ROW(UPSTREAM_QUEUE_FULL, "nexgate_upstream_queue_refused_total", "", COUNTER, "Flights refused because the queue was full or the wait too long.") \
    ROW(FLIGHTS_OPEN, "nexgate_flights", "", GAUGE, "Flights open now.") \
    ROW(LOGINS, "nexgate_token_grants_total", "grant=\"password\"", COUNTER, "Calls to the token endpoint.") \
    ROW(REFRESHES, "nexgate_token_grants_total", "grant=\"refresh_token\"", COUNTER, "Calls to the token endpoint.") \
    ROW(LOGIN_FAILURES, "nexgate_token_failures_total", "", COUNTER, "Calls to the token endpoint that gave no token.") \
    ROW(STORE_BYTES, "nexgate_store_bytes", "", GAUGE, "Bytes held by the memory store, overhead included.") \
    ROW(STORE_ENTRIES, "nexgate_store_entries", "", GAUGE, "Windows held by the memory store.") \
    ROW(STORE_EVICTIONS, "nexgate_store_evictions_total", "", COUNTER, "Windows evicted to make room.")
/* clang-format on */

#endif
