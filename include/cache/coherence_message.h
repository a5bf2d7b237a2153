/* SPDX-License-Identifier: MIT */
/* What the gateways say to each other on their channel, words separated by one blank:
 *
 *   S ID MARK KEY           a window was stored in Redis: older copies are to be dropped
 *   P NUMBER SOFT ID HEAD   a purge
 *   C NUMBER KNOWN ID       it was applied by ID, which knew purges up to KNOWN before
 *   L ID                    ID leaves
 *
 * and the names and numbers in it, which come from Redis's replies, too. There is one way to write each: what is read
 * is written as the same bytes. Pure. */
#ifndef NEXGATE_CACHE_COHERENCE_MESSAGE_H
#define NEXGATE_CACHE_COHERENCE_MESSAGE_H

#include "cache/purges.h"
#include "search/key.h"

enum {
    COHERENCE_NAME_MAX = 128,                    /* bytes of a gateway's name, with its end */
    COHERENCE_ID_MAX = COHERENCE_NAME_MAX + 20,  /* the same of NAME '#' 16 hex digits */
    COHERENCE_KEY_MAX = KEY_PREFIX_MAX + KEY_MAX /* bytes of a window's key */
};

/* The bytes of any message that is read: 96 for its letter, numbers and blanks. */
enum { COHERENCE_MESSAGE_MAX = 96 + COHERENCE_ID_MAX + PURGE_HEAD_MAX };

enum coherence_kind { COHERENCE_STORED, COHERENCE_PURGED, COHERENCE_CONFIRMED, COHERENCE_LEFT };

/* The slices lie in what was read. What a kind does not carry is zero. */
struct coherence_message {
    enum coherence_kind kind;
    struct slice id;   /* who says so */
    struct slice text; /* STORED: the key; PURGED: what the purged keys begin with */
    uint64_t mark;     /* STORED: of the fetch */
    bool soft;         /* PURGED */
    int64_t number;    /* PURGED, CONFIRMED: the purge's, 1 to PURGE_NUMBER_MAX */
    int64_t known;     /* CONFIRMED: 0 to PURGE_NUMBER_MAX */
};

/* False for what no gateway of this version says; `message` is undefined then. */
bool coherence_message_read(struct slice bytes, struct coherence_message *message) MUST_CHECK;

void coherence_message_write(struct buf *out, const struct coherence_message *message);

/* Whether a gateway can be called so: printable ASCII without blanks, then '#' and 16 hex digits in lower case. */
bool coherence_is_id(struct slice text) MUST_CHECK;

/* Digits, 0 to PURGE_NUMBER_MAX. */
bool coherence_number(struct slice text, int64_t *number) MUST_CHECK;

/* The same as Redis writes scores, which may be with an exponent. */
bool coherence_score(struct slice text, int64_t *number) MUST_CHECK;

#endif
