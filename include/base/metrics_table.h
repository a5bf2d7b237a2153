/* SPDX-License-Identifier: MIT */
/* Every metric of the program, one row each. */
#ifndef NEXGATE_BASE_METRICS_TABLE_H
#define NEXGATE_BASE_METRICS_TABLE_H

/* clang-format off */
#define LIMIT(ROW, id, limit) \
    ROW(id, "nexgate_limits_reached_total", "limit=\"" limit "\"", COUNTER, "Connections ended or refused, and requests refused, because of a limit of [limits].")
#define REQUESTS(ROW, id, outcome, status) \
    ROW(id, "nexgate_requests_total", "outcome=\"" outcome "\",status=\"" status "\"", CLIENT_COUNTER, "Requests answered on the public listener, by client, by what became of them and by status: each counts once.")
#define DURATION(ROW, id, outcome) \
    ROW(id, "nexgate_request_duration_seconds", "outcome=\"" outcome "\"", HISTOGRAM, "From the whole head of a search to its answer, before that is sent.")
#define STEP(ROW, id, step) \
    ROW(id, "nexgate_step_duration_seconds", "step=\"" step "\"", HISTOGRAM, "The steps of a search: of one in 64 (of all that the access log tells), but the wait for the fetcher of all.")

#define METRICS_TABLE(ROW) \
    ROW(CONNECTIONS_OPEN, "nexgate_connections", "", GAUGE, "Client connections open now.") \
    ROW(CONNECTIONS, "nexgate_connections_total", "", COUNTER, "Client connections accepted.") \
    LIMIT(ROW, LIMIT_CONNECTIONS, "connections") \
    LIMIT(ROW, LIMIT_PER_ADDRESS, "connections_per_address") \
    LIMIT(ROW, LIMIT_HEADER_BYTES, "header_bytes") \
    LIMIT(ROW, LIMIT_QUERY_BYTES, "query_bytes") \
    LIMIT(ROW, LIMIT_BODY_BYTES, "body_bytes") \
    LIMIT(ROW, LIMIT_HEADER_TIMEOUT, "header_timeout") \
    LIMIT(ROW, LIMIT_IDLE_TIMEOUT, "idle_timeout") \
    LIMIT(ROW, LIMIT_WRITE_TIMEOUT, "write_timeout") \
    ROW(TLS_HANDSHAKES, "nexgate_tls_handshakes_total", "result=\"ok\"", COUNTER, "TLS handshakes with clients that came to an end.") \
    ROW(TLS_FAILURES, "nexgate_tls_handshakes_total", "result=\"failed\"", COUNTER, "TLS handshakes with clients that came to an end.") \
    ROW(ABANDONED, "nexgate_requests_abandoned_total", "", COUNTER, "Requests whose client went away before the answer; they keep their place among the connections until they end.") \
    REQUESTS(ROW, HIT_200, "hit", "200") \
    REQUESTS(ROW, HIT_304, "hit", "304") \
    REQUESTS(ROW, STALE_200, "stale", "200") \
    REQUESTS(ROW, STALE_304, "stale", "304") \
    REQUESTS(ROW, COLLAPSED_200, "collapsed", "200") \
    REQUESTS(ROW, COLLAPSED_304, "collapsed", "304") \
    REQUESTS(ROW, MISS_200, "miss", "200") \
    REQUESTS(ROW, MISS_304, "miss", "304") \
    REQUESTS(ROW, INVALID_400, "invalid", "400") \
    REQUESTS(ROW, INVALID_405, "invalid", "405") \
    REQUESTS(ROW, UNAUTHORIZED_401, "unauthorized", "401") \
    REQUESTS(ROW, FORBIDDEN_403, "forbidden", "403") \
    REQUESTS(ROW, NOT_FOUND_404, "not_found", "404") \
    REQUESTS(ROW, OVER_RATE_429, "over_rate", "429") \
    REQUESTS(ROW, OVER_MISSES_429, "over_misses", "429") \
    REQUESTS(ROW, OVER_CONCURRENCY_429, "over_concurrency", "429") \
    REQUESTS(ROW, FAILED_400, "failed", "400") \
    REQUESTS(ROW, FAILED_500, "failed", "500") \
    REQUESTS(ROW, FAILED_502, "failed", "502") \
    REQUESTS(ROW, FAILED_503, "failed", "503") \
    REQUESTS(ROW, FAILED_504, "failed", "504") \
    REQUESTS(ROW, HEALTH_200, "health", "200") \
    REQUESTS(ROW, MALFORMED_400, "malformed", "400") \
    REQUESTS(ROW, MALFORMED_408, "malformed", "408") \
    REQUESTS(ROW, MALFORMED_413, "malformed", "413") \
    REQUESTS(ROW, MALFORMED_414, "malformed", "414") \
    REQUESTS(ROW, MALFORMED_417, "malformed", "417") \
    REQUESTS(ROW, MALFORMED_431, "malformed", "431") \
    REQUESTS(ROW, MALFORMED_501, "malformed", "501") \
    REQUESTS(ROW, MALFORMED_503, "malformed", "503") \
    REQUESTS(ROW, MALFORMED_505, "malformed", "505") \
    REQUESTS(ROW, OTHER, "other", "other") \
    DURATION(ROW, REQUEST_HIT, "hit") \
    DURATION(ROW, REQUEST_STALE, "stale") \
    DURATION(ROW, REQUEST_COLLAPSED, "collapsed") \
    DURATION(ROW, REQUEST_MISS, "miss") \
    DURATION(ROW, REQUEST_REFUSED, "refused") \
    DURATION(ROW, REQUEST_FAILED, "failed") \
    STEP(ROW, STEP_AUTHENTICATE, "authenticate") \
    STEP(ROW, STEP_NORMALISE, "normalise") \
    STEP(ROW, STEP_QUOTA, "quota") \
    STEP(ROW, STEP_LOOKUP, "lookup") \
    STEP(ROW, STEP_FETCHER, "fetcher") \
    STEP(ROW, STEP_PAGE, "page") \
    STEP(ROW, STEP_WRITE, "write") \
    ROW(QUOTA_DRY_RUN, "nexgate_quota_dry_run_total", "", COUNTER, "Requests a dry-run client would have been refused.") \
    ROW(QUOTA_CALLS, "nexgate_quota_calls_total", "", COUNTER, "Calls to Redis that asked for quota or gave some back.") \
    ROW(QUOTA_CALLS_FAILED, "nexgate_quota_calls_failed_total", "", COUNTER, "Of these, those that were not answered in time, or by an error.") \
    ROW(QUOTA_LEASES, "nexgate_quota_leases_total", "", COUNTER, "Of these, those that gave a lease or tokens.") \
    ROW(QUOTA_WAITED, "nexgate_quota_waited_total", "", COUNTER, "Requests that waited for such a call.") \
    ROW(QUOTA_REMEMBERED, "nexgate_quota_refusals_remembered_total", "", COUNTER, "Requests refused without a call, because the lease or Redis had said so.") \
    ROW(QUOTA_ALONE, "nexgate_quota_alone_total", "", COUNTER, "Requests let through by on_failure while Redis did not count.") \
    ROW(RATE_LEFT, "nexgate_quota_rate_left", "", CLIENT_GAUGE, "Requests that a client's rate allows now; clients without a rate have none.") \
    ROW(MISSES_LEFT, "nexgate_quota_misses_left", "", CLIENT_GAUGE, "Upstream searches that a client has left in this window; clients without such a limit have none.") \
    ROW(UPSTREAM_SEARCHES, "nexgate_upstream_searches_total", "", COUNTER, "Search calls sent to Nexudus.") \
    ROW(UPSTREAM_OK, "nexgate_upstream_answers_total", "result=\"ok\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_THROTTLED, "nexgate_upstream_answers_total", "result=\"throttled\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_REFUSED, "nexgate_upstream_answers_total", "result=\"refused\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_BROKEN, "nexgate_upstream_answers_total", "result=\"broken\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_OUTAGE, "nexgate_upstream_answers_total", "result=\"outage\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_TIMEOUT, "nexgate_upstream_answers_total", "result=\"timeout\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_BAD_QUERY, "nexgate_upstream_answers_total", "result=\"bad_query\"", COUNTER, "What became of the search calls to Nexudus.") \
    ROW(UPSTREAM_RETRIES, "nexgate_upstream_retries_total", "", COUNTER, "Calls that failed and were sent once more.") \
    ROW(UPSTREAM_DURATION, "nexgate_upstream_duration_seconds", "", HISTOGRAM, "Search calls to Nexudus, from start to end.") \
    ROW(UPSTREAM_WAIT, "nexgate_upstream_wait_seconds", "", HISTOGRAM, "From a flight's start to its first call: the queue, the budget, the token.") \
    ROW(BUDGET_LEFT, "nexgate_upstream_budget_left", "", GAUGE, "Search calls that the budget allows now.") \
    ROW(PAUSE, "nexgate_upstream_pause_seconds", "", SECONDS, "What is left of the pause that Nexudus asked for.") \
    ROW(BREAKER_STATE, "nexgate_breaker_state", "", GAUGE, "The breaker before Nexudus: 0 closed, 1 half-open, 2 open.") \
    ROW(BREAKER_REFUSED, "nexgate_breaker_refused_total", "", COUNTER, "Flights refused because the breaker was open.") \
    ROW(UPSTREAM_REMEMBERED, "nexgate_upstream_refusals_remembered_total", "", COUNTER, "Asks answered by a refusal of the same query that was remembered.") \
    ROW(UPSTREAM_QUEUED, "nexgate_upstream_queue", "", GAUGE, "Flights waiting for the upstream budget now.") \
    ROW(UPSTREAM_QUEUE_FULL, "nexgate_upstream_queue_refused_total", "", COUNTER, "Flights refused because the queue was full or the wait too long.") \
    ROW(FLIGHTS_OPEN, "nexgate_flights", "", GAUGE, "Flights open now.") \
    ROW(FLEET_LED, "nexgate_fleet_flights_total", "part=\"led\"", COUNTER, "Flights that were shared with other gateways, by the part this one had.") \
    ROW(FLEET_FOLLOWED, "nexgate_fleet_flights_total", "part=\"followed\"", COUNTER, "Flights that were shared with other gateways, by the part this one had.") \
    ROW(FLEET_TAKEN_OVER, "nexgate_fleet_flights_total", "part=\"taken_over\"", COUNTER, "Flights that were shared with other gateways, by the part this one had.") \
    ROW(FLEET_ALONE, "nexgate_fleet_flights_total", "part=\"alone\"", COUNTER, "Flights that were shared with other gateways, by the part this one had.") \
    ROW(FLEET_ERRORS, "nexgate_fleet_errors_total", "", COUNTER, "Operations between gateways (flight, budget, login) that Redis did not answer as it should.") \
    ROW(FLEET_BUDGET_COMMANDS, "nexgate_fleet_budget_commands_total", "", COUNTER, "Commands sent to Redis for the shared upstream budget.") \
    ROW(FLEET_TOKENS_TAKEN, "nexgate_fleet_tokens_taken_total", "", COUNTER, "Tokens taken from another gateway's login.") \
    ROW(LOGINS, "nexgate_token_grants_total", "grant=\"password\"", COUNTER, "Calls to the token endpoint.") \
    ROW(REFRESHES, "nexgate_token_grants_total", "grant=\"refresh_token\"", COUNTER, "Calls to the token endpoint.") \
    ROW(LOGIN_FAILURES, "nexgate_token_failures_total", "", COUNTER, "Calls to the token endpoint that gave no token.") \
    ROW(TOKEN_GOOD, "nexgate_token_good", "", GAUGE, "1 while there is a token that has not expired.") \
    ROW(TOKEN_AGE, "nexgate_token_age_seconds", "", SECONDS, "Age of the token; 0 while there is none.") \
    ROW(TOKEN_EXPIRY, "nexgate_token_expiry_seconds", "", SECONDS, "Until the token expires; 0 while there is none.") \
    ROW(TOKEN_RENEWAL, "nexgate_token_renewal_seconds", "", SECONDS, "Until the token is renewed; 0 while there is none.") \
    ROW(REDIS_COMMANDS, "nexgate_redis_commands_total", "", COUNTER, "Commands and scripts asked of Redis.") \
    ROW(REDIS_ERRORS, "nexgate_redis_failures_total", "reason=\"error\"", COUNTER, "Commands that Redis did not do: it answered an error, not in time, or was away.") \
    ROW(REDIS_TIMEOUTS, "nexgate_redis_failures_total", "reason=\"timeout\"", COUNTER, "Commands that Redis did not do: it answered an error, not in time, or was away.") \
    ROW(REDIS_REFUSED, "nexgate_redis_failures_total", "reason=\"away\"", COUNTER, "Commands that Redis did not do: it answered an error, not in time, or was away.") \
    ROW(REDIS_DURATION, "nexgate_redis_duration_seconds", "", HISTOGRAM, "Commands that Redis answered, from start to reply.") \
    ROW(REDIS_RECONNECTS, "nexgate_redis_reconnects_total", "", COUNTER, "Connections to Redis that were lost and made again.") \
    ROW(REDIS_UP, "nexgate_redis_connections", "state=\"up\"", GAUGE, "Connections to Redis, one or more for each thread: up, or with an open breaker.") \
    ROW(REDIS_AWAY, "nexgate_redis_connections", "state=\"breaker_open\"", GAUGE, "Connections to Redis, one or more for each thread: up, or with an open breaker.") \
    ROW(STORE_BYTES, "nexgate_store_bytes", "", GAUGE, "Bytes held by the memory store, overhead included.") \
    ROW(STORE_ENTRIES, "nexgate_store_entries", "", GAUGE, "Windows held by the memory store.") \
    ROW(STORE_EVICTIONS, "nexgate_store_evictions_total", "", COUNTER, "Windows evicted to make room.") \
    ROW(PURGES, "nexgate_purges_total", "", COUNTER, "Purges applied here, whoever ordered them.") \
    ROW(SHARED_HITS, "nexgate_shared_lookups_total", "result=\"hit\"", COUNTER, "Lookups in Redis for windows that memory did not have, by what was found.") \
    ROW(SHARED_MISSES, "nexgate_shared_lookups_total", "result=\"miss\"", COUNTER, "Lookups in Redis for windows that memory did not have, by what was found.") \
    ROW(SHARED_FAILED, "nexgate_shared_failures_total", "", COUNTER, "Lookups and stores that Redis did not do: it answered an error, not in time, or was away.") \
    ROW(SHARED_MALFORMED, "nexgate_shared_malformed_total", "", COUNTER, "Values found in Redis that are no windows of this version, and were deleted.") \
    ROW(SHARED_PURGED, "nexgate_shared_purged_total", "", COUNTER, "Windows found in Redis that were purged, and so not used.") \
    ROW(SHARED_STORES, "nexgate_shared_stores_total", "result=\"stored\"", COUNTER, "Windows written to Redis, and those that were older than what is there.") \
    ROW(SHARED_OLDER, "nexgate_shared_stores_total", "result=\"older\"", COUNTER, "Windows written to Redis, and those that were older than what is there.") \
    ROW(SHARED_STORED_BYTES, "nexgate_shared_stored_bytes_total", "", COUNTER, "Bytes of the windows written to Redis.") \
    ROW(SHARED_INVALIDATIONS, "nexgate_shared_invalidations_total", "", COUNTER, "Windows that another gateway said it has stored.") \
    ROW(SHARED_LINK, "nexgate_shared_link", "", GAUGE, "1 while refreshes and purges of the other gateways are heard.") \
    ROW(SHARED_GATEWAYS, "nexgate_shared_gateways", "", GAUGE, "Gateways that share this Redis and prefix, this one included.") \
    ROW(LOOP_LAG, "nexgate_loop_lag_seconds", "", HISTOGRAM, "How late the event loops of the workers and the fetcher call a timer, twice a second.") \
    ROW(TIMERS, "nexgate_timers", "", GAUGE, "Timers started on the event loops of the workers and the fetcher, as of half a second ago at most.") \
    ROW(UPTIME, "nexgate_uptime_seconds", "", SECONDS, "Since the process began to serve.")
/* clang-format on */

#endif
