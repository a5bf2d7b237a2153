/* SPDX-License-Identifier: MIT */
/* Any bytes as the URL of a Redis: what is accepted names somebody to ask, and a refusal gives its reason and no
 * password. */
#include "io/redis_url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[REDIS_URL_WHY_MAX];
    struct redis_url url;
    memset(why, 'x', sizeof(why));
    if (!redis_url_read(slice_make((const char *)data, size), &url, why)) {
        assert(memchr(why, '\0', sizeof(why)) != NULL && why[0] != '\0');
    } else if (url.kind == REDIS_UNIX) {
        assert(url.path != NULL && url.path[0] != '\0');
    } else {
        assert(url.host_count > 0 && url.host_count <= REDIS_HOSTS_MAX);
        for (size_t i = 0; i < url.host_count; i++)
            assert(url.hosts[i].name[0] != '\0' && url.hosts[i].port > 0 && url.hosts[i].port <= 65535);
        assert(url.kind != REDIS_SENTINEL || url.master[0] != '\0');
        assert(url.kind != REDIS_SINGLE || url.host_count == 1);
        assert(url.database >= 0);
    }
    redis_url_free(&url);
    return 0;
}
