/* SPDX-License-Identifier: MIT */
/* Any bytes as a message of the fleet, and as the news of a flight: what is accepted is within its limits, points into
 * the message, and says the same when it is written again. */
#include "upstream/fleet_message.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice part, struct slice whole)
{
    assert(part.length == 0 || (part.at >= whole.at && part.at + part.length <= whole.at + whole.length));
}

static void check_news(struct slice text)
{
    struct fleet_news news, again;
    char written[FLEET_NEWS_MAX], rewritten[FLEET_NEWS_MAX];

    if (!fleet_news_read(text, &news))
        return;
    assert(news.status >= 0 && news.status <= 999 && news.cap >= 0 && news.cap <= FLEET_CAP_MAX);
    assert(news.retry_after_us >= 0 && news.retry_after_us <= FLEET_PAUSE_MAX_US);
    assert(news.verdict != ASK_CAPPED || news.cap > 0);
    assert(news.verdict != ASK_UNCHARGED && news.verdict != ASK_THROTTLED && news.verdict != ASK_CLOSING);
    for (const char *at = news.why; *at != '\0'; at++)
        assert(*at >= ' ' && *at <= '~');
    fleet_news_write(written, &news);
    bool read_again = fleet_news_read(slice_of(written), &again);
    assert(read_again);
    fleet_news_write(rewritten, &again);
    assert(strcmp(written, rewritten) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    struct fleet_message message;

    check_news(text);
    if (!fleet_message_read(text, &message))
        return 0;
    assert("FLB"[message.topic] == (char)data[0]);
    assert(message.pause_us >= 0 && message.pause_us <= FLEET_PAUSE_MAX_US);
    if (message.topic != FLEET_FLIGHT)
        return 0;
    check_inside(message.name, text);
    check_inside(message.news, text);
    assert(message.name.length <= FLEET_NAME_MAX && message.news.length <= FLEET_NEWS_MAX);
    assert((message.news.length == 0) == (message.mark.length == 0));
    assert(message.mark.length == 0 || fleet_mark_is_good(message.mark));
    check_news(message.news);
    return 0;
}
