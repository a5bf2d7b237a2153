/* SPDX-License-Identifier: MIT */
/* A ring of the latest calls while closed; the moment of the next probe while not. Probes are timed from start to
 * start, so that one that hangs does not put off the next. */
#include "upstream/breaker.h"

#include <assert.h>

void breaker_init(struct breaker *breaker, int64_t percent, int64_t probe_us)
{
    assert(percent >= 0 && percent <= 100);
    *breaker = (struct breaker){.percent = percent, .probe_us = probe_us};
}

void breaker_change(struct breaker *breaker, int64_t percent, int64_t probe_us)
{
    assert(percent >= 0 && percent <= 100);
    breaker->percent = percent;
    breaker->probe_us = probe_us;
    if (percent == 0)
        breaker->state = BREAKER_CLOSED;
}

bool breaker_allows(const struct breaker *breaker, int64_t now_us)
{
    return breaker->state == BREAKER_CLOSED || now_us >= breaker->next_probe_us;
}

bool breaker_start(struct breaker *breaker, int64_t now_us)
{
    assert(breaker_allows(breaker, now_us));
    if (breaker->state == BREAKER_CLOSED)
        return false;
    breaker->state = BREAKER_HALF_OPEN;
    breaker->next_probe_us = now_us + breaker->probe_us;
    return true;
}

static bool is_failing(const struct breaker *breaker, int64_t now_us)
{
    int64_t calls = 0, failures = 0;

    for (size_t i = 0; i < breaker->ended; i++) {
        if (now_us - breaker->calls[i].at_us >= BREAKER_AGE_US)
            continue;
        calls++;
        failures += breaker->calls[i].failed;
    }
    return calls >= BREAKER_CALLS_MIN && failures * 100 >= breaker->percent * calls;
}

static void note(struct breaker *breaker, bool failed, int64_t now_us)
{
    breaker->calls[breaker->next].at_us = now_us;
    breaker->calls[breaker->next].failed = failed;
    breaker->next = (breaker->next + 1) % BREAKER_CALLS;
    if (breaker->ended < BREAKER_CALLS)
        breaker->ended++;
}

bool breaker_end(struct breaker *breaker, bool probe, bool failed, int64_t now_us)
{
    if (breaker->percent == 0)
        return false;
    if (breaker->state != BREAKER_CLOSED) {
        /* Calls from before it opened are no news. */
        if (probe)
            breaker->state = failed ? BREAKER_OPEN : BREAKER_CLOSED;
        return probe && !failed;
    }
    note(breaker, failed, now_us);
    if (!failed || !is_failing(breaker, now_us))
        return false;
    breaker->state = BREAKER_OPEN;
    breaker->next_probe_us = now_us + breaker->probe_us;
    breaker->ended = breaker->next = 0;
    return true;
}

int64_t breaker_wait(const struct breaker *breaker, int64_t now_us)
{
    return breaker_allows(breaker, now_us) ? 0 : breaker->next_probe_us - now_us;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half-open", [BREAKER_OPEN] = "open"};

    return names[state];
}
