/* SPDX-License-Identifier: MIT */
/* Any bytes as Redis's reply to the quota script: what is believed are numbers that can be added and multiplied with
 * what the desk knows. */
#include "client/quota_script.h"
#include "io/redis_reader.h"

#include <assert.h>
#include <hiredis/hiredis.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 64 * 1024 };

static void check(const struct redisReply *reply)
{
    const int64_t most = INT64_C(1) << 53;
    struct lease_grant lease;
    struct prepaid_grant prepaid;
    struct slice error = quota_script_error(reply);
    if (!quota_script_read(reply, &lease, &prepaid))
        return;
    assert(error.length == 0);
    const int64_t numbers[] = {lease.share,       lease.room,    lease.level, lease.rush,
                               lease.duration_us, lease.wait_us, lease.left,  lease.ceiling,
                               lease.refill,      lease.holders, lease.paid};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert(numbers[i] >= 0 && numbers[i] <= most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_reader *reader = redis_reader_new(BYTES_MAX);
    struct redisReply *reply;
    bool broken = false;
    if (redis_reader_feed(reader, (const char *)data, size)) {
        while ((reply = redis_reader_next(reader, &broken)) != NULL) {
            check(reply);
            freeReplyObject(reply);
        }
    }
    redis_reader_free(reader);
    return 0;
}
