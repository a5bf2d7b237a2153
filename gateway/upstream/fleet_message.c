/* SPDX-License-Identifier: MIT */
/* The words of the fleet. News as text: version, verdict, stored, status, retry, cap, why. */
#include "upstream/fleet_message.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "base/units.h"

#include <assert.h>
#include <stdio.h>

static bool take_number(struct slice *rest, int64_t ceiling, int64_t *number)
{
    struct slice word;

    return slice_cut(rest, ' ', &word) && units_integer(word, number) && *number >= 0 && *number <= ceiling;
}

bool fleet_mark_is_good(struct slice mark)
{
    return mark.length == FLEET_MARK_BYTES && codec_is_lower_hex(mark);
}

static bool read_flight(struct slice rest, struct fleet_message *message)
{
    int64_t length;

    if (!take_number(&rest, FLEET_NAME_MAX, &length) || length == 0 || rest.length < (size_t)length)
        return false;
    message->topic = FLEET_FLIGHT;
    message->name = slice_make(rest.at, (size_t)length);
    rest = slice_make(rest.at + length, rest.length - (size_t)length);
    message->mark = message->news = slice_of("");
    if (rest.length == 0)
        return true;
    if (rest.length <= FLEET_MARK_BYTES || rest.length > FLEET_MARK_BYTES + FLEET_NEWS_MAX)
        return false;
    message->mark = slice_make(rest.at, FLEET_MARK_BYTES);
    message->news = slice_make(rest.at + FLEET_MARK_BYTES, rest.length - FLEET_MARK_BYTES);
    return fleet_mark_is_good(message->mark);
}

bool fleet_message_read(struct slice text, struct fleet_message *message)
{
    char topic = text.length > 0 ? text.at[0] : '\0';
    struct slice rest = text.length > 0 ? slice_make(text.at + 1, text.length - 1) : text;

    *message = (struct fleet_message){.topic = FLEET_LOGIN};
    if (topic == 'F')
        return read_flight(rest, message);
    if (topic == 'L')
        return rest.length == 0;
    message->topic = FLEET_BUDGET;
    return topic == 'B' && units_integer(rest, &message->pause_us) && message->pause_us >= 0 &&
           message->pause_us <= FLEET_PAUSE_MAX_US;
}

/* News. */

static const char *const verdict_names[] = {
    [ASK_OK] = "ok",           [ASK_CAPPED] = "capped", [ASK_OUTAGE] = "outage",       [ASK_TIMEOUT] = "timeout",
    [ASK_REFUSED] = "refused", [ASK_BROKEN] = "broken", [ASK_BAD_QUERY] = "bad-query",
};

enum { VERDICTS = sizeof verdict_names / sizeof verdict_names[0] };

void fleet_news_write(char text[FLEET_NEWS_MAX], const struct fleet_news *news)
{
    assert((size_t)news->verdict < VERDICTS && verdict_names[news->verdict] != NULL);
    snprintf(text, FLEET_NEWS_MAX, "1 %s %d %d %lld %lld %s", verdict_names[news->verdict], news->stored, news->status,
             (long long)news->retry_after_us, (long long)news->cap, news->why);
}

static bool read_verdict(struct slice word, enum ask_verdict *verdict)
{
    for (size_t i = 0; i < VERDICTS; i++) {
        *verdict = (enum ask_verdict)i;
        if (verdict_names[i] != NULL && slice_is(word, verdict_names[i]))
            return true;
    }
    return false;
}

/* It may reach a client and the log. */
static bool read_why(struct slice text, char why[ENVELOPE_WHY_MAX])
{
    if (text.length >= ENVELOPE_WHY_MAX || !ascii_all_printable(text))
        return false;
    if (text.length > 0)
        memcpy(why, text.at, text.length);
    why[text.length] = '\0';
    return true;
}

bool fleet_news_read(struct slice text, struct fleet_news *news)
{
    struct slice word;
    int64_t stored, status;

    *news = (struct fleet_news){.verdict = ASK_OK};
    if (!slice_cut(&text, ' ', &word) || !slice_is(word, "1") || !slice_cut(&text, ' ', &word) ||
        !read_verdict(word, &news->verdict))
        return false;
    if (!take_number(&text, 1, &stored) || !take_number(&text, 999, &status) ||
        !take_number(&text, FLEET_PAUSE_MAX_US, &news->retry_after_us) ||
        !take_number(&text, FLEET_CAP_MAX, &news->cap) || (news->verdict == ASK_CAPPED && news->cap == 0))
        return false;
    news->stored = stored != 0;
    news->status = (int)status;
    return read_why(text, news->why);
}
