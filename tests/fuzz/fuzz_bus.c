/* SPDX-License-Identifier: MIT */
/* Any bytes as a message of the gateways' channel: what is accepted lies in what was read and within its limits, and is
 * written as the same bytes again. The same bytes as a number and a score: what is one is bounded. */
#include "cache/coherence_message.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts unless the part is empty or lies in the whole; both are compared as numbers. */
static void must_lie_in(struct slice whole, struct slice part, size_t max)
{
    uintptr_t at = (uintptr_t)part.at - (uintptr_t)whole.at;
    assert(part.length <= max);
    assert(part.length == 0 || (at < whole.length && part.length <= whole.length - at));
}

static void try_message(struct slice bytes)
{
    struct coherence_message message;
    struct buf again;
    if (!coherence_message_read(bytes, &message))
        return;
    bool is_purge = message.kind == COHERENCE_PURGED;
    bool has_number = is_purge || message.kind == COHERENCE_CONFIRMED;
    bool has_text = is_purge || message.kind == COHERENCE_STORED;
    assert(bytes.length <= COHERENCE_MESSAGE_MAX);
    assert(coherence_is_id(message.id));
    must_lie_in(bytes, message.id, COHERENCE_ID_MAX - 1);
    must_lie_in(bytes, message.text, is_purge ? PURGE_HEAD_MAX : COHERENCE_KEY_MAX);
    assert(has_text == (message.text.length > 0));
    assert(message.number >= has_number && message.number <= (has_number ? PURGE_NUMBER_MAX : 0));
    assert(message.known >= 0 && message.known <= PURGE_NUMBER_MAX);
    buf_init(&again, COHERENCE_MESSAGE_MAX);
    coherence_message_write(&again, &message);
    assert(buf_ok(&again) && slice_equal(buf_slice(&again), bytes));
    buf_free(&again);
}

static void try_number(struct slice bytes)
{
    int64_t number, score;
    bool is_number = coherence_number(bytes, &number);
    bool is_score = coherence_score(bytes, &score);
    assert(!is_number || (number >= 0 && number <= PURGE_NUMBER_MAX));
    assert(!is_score || (score >= 0 && score <= PURGE_NUMBER_MAX));
    assert(!is_number || (is_score && score == number));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make((const char *)data, size);
    try_message(bytes);
    try_number(bytes);
    return 0;
}
