/* SPDX-License-Identifier: MIT */
/* A short table of messages. When it is full, the one that began longest ago and left nothing out makes room; where
 * there is none, the newcomer is not limited. */
#include "base/log_limit.h"

static struct log_limit_row *find(struct log_limit *limit, const char *message)
{
    struct log_limit_row *oldest = NULL;
    for (size_t i = 0; i < LOG_LIMIT_MESSAGES; i++) {
        struct log_limit_row *row = &limit->rows[i];
        if (row->message == message)
            return row;
        if (row->message == NULL)
            return row;
        if (row->left_out == 0 && (oldest == NULL || row->since_us < oldest->since_us))
            oldest = row;
    }
    if (oldest != NULL)
        oldest->message = NULL;
    return oldest;
}

bool log_limit_allows(struct log_limit *limit, const char *message, int64_t now_us)
{
    struct log_limit_row *row = find(limit, message);
    if (row == NULL)
        return true;
    bool is_over = now_us - row->since_us >= LOG_LIMIT_US && row->left_out == 0;
    if (row->message == NULL || is_over)
        *row = (struct log_limit_row){.message = message, .since_us = now_us};
    if (row->written < LOG_LIMIT_LINES) {
        row->written++;
        return true;
    }
    row->left_out++;
    return false;
}

const char *log_limit_settle(struct log_limit *limit, int64_t now_us, int64_t *left_out)
{
    for (size_t i = 0; i < LOG_LIMIT_MESSAGES; i++) {
        struct log_limit_row *row = &limit->rows[i];
        bool is_over = now_us == CLOCK_NEVER || now_us - row->since_us >= LOG_LIMIT_US;
        if (row->message == NULL || row->left_out == 0 || !is_over)
            continue;
        *left_out = row->left_out;
        *row = (struct log_limit_row){.message = row->message, .since_us = now_us};
        return row->message;
    }
    return NULL;
}
