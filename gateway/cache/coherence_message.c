/* SPDX-License-Identifier: MIT */
/* Messages to bytes and back. Must not know what becomes of them. */
#include "cache/coherence_message.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "base/units.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MARK_DIGITS = 16, SCORE_MAX = 32 };

/* Names and numbers. */

bool coherence_is_id(struct slice text)
{
    if (text.length < 2 + MARK_DIGITS || text.length >= COHERENCE_ID_MAX || !ascii_all_visible(text))
        return false;
    const char *digits = text.at + text.length - MARK_DIGITS;
    return digits[-1] == '#' && codec_is_lower_hex(slice_make(digits, MARK_DIGITS));
}

bool coherence_number(struct slice text, int64_t *number)
{
    if (text.length > 1 && text.at[0] == '0')
        return false;
    return units_integer(text, number) && text.at[0] != '-' && *number <= PURGE_NUMBER_MAX;
}

bool coherence_score(struct slice text, int64_t *number)
{
    char copied[SCORE_MAX];
    char *end;
    if (text.length == 0 || text.length >= sizeof(copied) || text.at[0] < '0' || text.at[0] > '9')
        return false; /* not "inf", "nan", below zero or after blanks, either */
    memcpy(copied, text.at, text.length);
    copied[text.length] = '\0';
    if (strspn(copied, "0123456789.e+-") != text.length)
        return false; /* strtod would read "0x10" */
    double score = strtod(copied, &end);
    if (end != copied + text.length || !(score <= (double)PURGE_NUMBER_MAX))
        return false;
    *number = (int64_t)score;
    return (double)*number == score;
}

static bool read_mark(struct slice text, uint64_t *mark)
{
    uint64_t big_endian;
    if (!codec_is_lower_hex(text) || !codec_unhex(text, (uint8_t *)&big_endian, sizeof(big_endian)))
        return false;
    *mark = be64toh(big_endian);
    return true;
}

/* Reading. */

static bool read_id(struct slice *rest, struct coherence_message *message)
{
    return slice_cut(rest, ' ', &message->id) && coherence_is_id(message->id);
}

static bool read_number(struct slice *rest, int64_t least, int64_t *number)
{
    struct slice word;
    return slice_cut(rest, ' ', &word) && coherence_number(word, number) && *number >= least;
}

/* All that is left. */
static bool read_text(struct slice rest, size_t max, struct coherence_message *message)
{
    message->text = rest;
    return rest.length > 0 && rest.length <= max;
}

static bool read_stored(struct slice rest, struct coherence_message *message)
{
    struct slice mark;
    return read_id(&rest, message) && slice_cut(&rest, ' ', &mark) && read_mark(mark, &message->mark) &&
           read_text(rest, COHERENCE_KEY_MAX, message);
}

static bool read_purged(struct slice rest, struct coherence_message *message)
{
    struct slice soft;
    if (!read_number(&rest, 1, &message->number) || !slice_cut(&rest, ' ', &soft))
        return false;
    message->soft = slice_is(soft, "1");
    return (message->soft || slice_is(soft, "0")) && read_id(&rest, message) &&
           read_text(rest, PURGE_HEAD_MAX, message);
}

static bool read_confirmed(struct slice rest, struct coherence_message *message)
{
    return read_number(&rest, 1, &message->number) && read_number(&rest, 0, &message->known) &&
           read_id(&rest, message) && rest.at == NULL;
}

static bool read_left(struct slice rest, struct coherence_message *message)
{
    return read_id(&rest, message) && rest.at == NULL;
}

bool coherence_message_read(struct slice bytes, struct coherence_message *message)
{
    static const struct {
        char letter;
        bool (*read)(struct slice rest, struct coherence_message *message);
    } kinds[] = {[COHERENCE_STORED] = {'S', read_stored},
                 [COHERENCE_PURGED] = {'P', read_purged},
                 [COHERENCE_CONFIRMED] = {'C', read_confirmed},
                 [COHERENCE_LEFT] = {'L', read_left}};
    if (bytes.length < 3 || bytes.at[1] != ' ')
        return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (bytes.at[0] != kinds[i].letter)
            continue;
        *message = (struct coherence_message){.kind = (enum coherence_kind)i};
        return kinds[i].read(slice_make(bytes.at + 2, bytes.length - 2), message);
    }
    return false; /* of a later version */
}

/* Writing. */

void coherence_message_write(struct buf *out, const struct coherence_message *message)
{
    switch (message->kind) {
    case COHERENCE_STORED:
        buf_add_text(out, "S ");
        buf_add(out, message->id);
        buf_format(out, " %016" PRIx64 " ", message->mark);
        buf_add(out, message->text);
        return;
    case COHERENCE_PURGED:
        buf_format(out, "P %" PRId64 " %d ", message->number, message->soft);
        buf_add(out, message->id);
        buf_add_char(out, ' ');
        buf_add(out, message->text);
        return;
    case COHERENCE_CONFIRMED:
        buf_format(out, "C %" PRId64 " %" PRId64 " ", message->number, message->known);
        buf_add(out, message->id);
        return;
    case COHERENCE_LEFT:
        buf_add_text(out, "L ");
        buf_add(out, message->id);
        return;
    }
}
