/* SPDX-License-Identifier: MIT */
/* The eviction policy of the server that counts. INFO rather than CONFIG GET: services that rent Redis out let it pass.
 */
#include "client/eviction.h"

#include <hiredis/hiredis.h>

static struct slice value_of(struct slice info, const char *name)
{
    struct slice line;
    while (slice_cut(&info, '\n', &line)) {
        struct slice word;
        line = slice_trim(line);
        if (line.length > 0 && line.at[line.length - 1] == '\r')
            line.length--;
        if (slice_cut(&line, ':', &word) && slice_is(word, name) && line.at != NULL)
            return line;
    }
    return slice_make("", 0);
}

bool eviction_threatens(struct slice info, struct slice *policy)
{
    struct slice limit = value_of(info, "maxmemory");
    *policy = value_of(info, "maxmemory_policy");
    if (limit.length == 0 || slice_is(limit, "0"))
        return false;
    return policy->length > 0 && !slice_is(*policy, "noeviction");
}

static void on_info(struct redis_call *call)
{
    struct eviction_check *check = MEM_OUTER(call, struct eviction_check, call);
    struct slice policy;
    check->is_asking = false;
    if (call->outcome != REDIS_ANSWERED || call->reply->type != REDIS_REPLY_STRING)
        return;
    if (eviction_threatens(slice_make(call->reply->str, call->reply->len), &policy))
        log_write(check->log, LOG_LEVEL_WARN,
                  "Redis may evict the counters of quotas when its memory is full; give them a server with noeviction",
                  LOG_FIELDS(LOG_TEXT("maxmemory_policy", policy)));
}

void eviction_check_start(struct eviction_check *check, struct redis *redis, struct log *log)
{
    if (check->is_asking)
        return;
    *check = (struct eviction_check){
        .call = {.arguments = {SLICE("INFO"), SLICE("memory")}, .argument_count = 2, .on_done = on_info},
        .redis = redis,
        .log = log,
        .is_asking = true,
    };
    redis->start(redis, &check->call);
}

void eviction_check_stop(struct eviction_check *check)
{
    if (check->is_asking)
        check->redis->cancel(check->redis, &check->call);
    check->is_asking = false;
}
