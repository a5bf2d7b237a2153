/* SPDX-License-Identifier: MIT */
/* Reads an envelope member by member, in one walk over its bytes, then asks whether its counts fit the question and
 * each other. Must not know what is done with an answer that does not. */
#include "search/envelope.h"

#include "base/hash.h"
#include "search/json_scan.h"

#include <assert.h>
#include <stdio.h>

_Static_assert((int)ENVELOPE_DEPTH_MAX <= (int)JSON_SCAN_DEPTH_MAX, "the scanner must be able to go as deep");

enum {
    RECORD_DEPTH = 3, /* of a record's own braces: the envelope, the array, the record */
    INTEGER_DIGITS = 16
};

static const int64_t INTEGER_MAX = INT64_C(1) << 53;

enum kind {
    KIND_RECORDS,
    KIND_INTEGER,
    KIND_POSITION, /* any number or null; means something only where there are records */
    KIND_BOOLEAN,
    KIND_DIRECTION, /* passes through; older generations say -1 */
    KIND_STRING     /* passes through */
};

static const struct {
    struct slice name;
    enum kind kind;
} FIELDS[ENVELOPE_FIELD_COUNT] = {
    [ENVELOPE_RECORDS] = {SLICE("Records"), KIND_RECORDS},
    [ENVELOPE_CURRENT_PAGE] = {SLICE("CurrentPage"), KIND_INTEGER},
    [ENVELOPE_CURRENT_PAGE_SIZE] = {SLICE("CurrentPageSize"), KIND_INTEGER},
    [ENVELOPE_CURRENT_ORDER_FIELD] = {SLICE("CurrentOrderField"), KIND_STRING},
    [ENVELOPE_CURRENT_SORT_DIRECTION] = {SLICE("CurrentSortDirection"), KIND_DIRECTION},
    [ENVELOPE_FIRST_ITEM] = {SLICE("FirstItem"), KIND_POSITION},
    [ENVELOPE_LAST_ITEM] = {SLICE("LastItem"), KIND_POSITION},
    [ENVELOPE_TOTAL_ITEMS] = {SLICE("TotalItems"), KIND_INTEGER},
    [ENVELOPE_TOTAL_PAGES] = {SLICE("TotalPages"), KIND_INTEGER},
    [ENVELOPE_HAS_NEXT_PAGE] = {SLICE("HasNextPage"), KIND_BOOLEAN},
    [ENVELOPE_HAS_PREVIOUS_PAGE] = {SLICE("HasPreviousPage"), KIND_BOOLEAN},
    [ENVELOPE_PAGE_NUMBER] = {SLICE("PageNumber"), KIND_INTEGER},
    [ENVELOPE_PAGE_SIZE] = {SLICE("PageSize"), KIND_INTEGER},
};

/* What the known members say. */
struct claims {
    bool made[ENVELOPE_FIELD_COUNT];
    int64_t number[ENVELOPE_FIELD_COUNT]; /* true is 1 */
};

/* An envelope while it is read. */
struct reading {
    struct json_scan scan;
    struct window window;
    struct slice identity;
    struct envelope *out;
    struct claims claims;
    size_t named; /* records that have the identity member */
    char *why;
};

/* A set of records by identity: open addressing, half empty at the most. */
enum { TWIN_SLOTS = 2048 };
_Static_assert(TWIN_SLOTS >= 2 * ENVELOPE_RECORDS_MAX, "the set must never fill");

struct slice envelope_field_name(enum envelope_field field)
{
    return FIELDS[field].name;
}

static enum envelope_field field_of(struct slice raw_name)
{
    for (int field = ENVELOPE_RECORDS; field < ENVELOPE_FIELD_COUNT; field++) {
        if (json_scan_is(raw_name, FIELDS[field].name))
            return (enum envelope_field)field;
    }
    return ENVELOPE_UNKNOWN;
}

static bool complain(const struct reading *reading, const char *why)
{
    (void)snprintf(reading->why, ENVELOPE_WHY_MAX, "%s", why);
    return false;
}

static bool complain_of_field(const struct reading *reading, enum envelope_field field, const char *what)
{
    (void)snprintf(reading->why, ENVELOPE_WHY_MAX, "The member %s %s.", FIELDS[field].name.at, what);
    return false;
}

static bool complain_of_syntax(const struct reading *reading)
{
    (void)snprintf(reading->why, ENVELOPE_WHY_MAX, "Not a search envelope: at byte %zu %s was expected.",
                   (size_t)(reading->scan.at - reading->scan.start), reading->scan.why);
    return false;
}

static uint32_t offset_of(const struct reading *reading, const char *at)
{
    return (uint32_t)(at - reading->scan.start);
}

/* A plain integer: digits only, at most 2^53. */
static bool plain_integer(struct slice raw, int64_t *number)
{
    *number = 0;
    if (raw.length > INTEGER_DIGITS)
        return false;
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.at[i] < '0' || raw.at[i] > '9')
            return false;
        *number = *number * 10 + (raw.at[i] - '0');
    }
    return *number <= INTEGER_MAX;
}

static bool is_number_or_null(struct slice raw)
{
    return strchr("-0123456789", raw.at[0]) != NULL || slice_is(raw, "null");
}

/* Hears what a known member says, or that its value is of the wrong type. */
static bool hear_claim(struct reading *reading, enum envelope_field field, struct slice raw)
{
    int64_t *number = &reading->claims.number[field];
    switch (FIELDS[field].kind) {
    case KIND_RECORDS:
        return true;
    case KIND_INTEGER:
        return plain_integer(raw, number) || complain_of_field(reading, field, "is not an integer of 0 to 2^53");
    case KIND_POSITION:
        if (!plain_integer(raw, number))
            *number = -1;
        return is_number_or_null(raw) || complain_of_field(reading, field, "is not a number");
    case KIND_BOOLEAN:
        *number = slice_is(raw, "true");
        return *number == 1 || slice_is(raw, "false") || complain_of_field(reading, field, "is neither true nor false");
    case KIND_DIRECTION:
        return is_number_or_null(raw) || complain_of_field(reading, field, "is not a number");
    case KIND_STRING:
        return raw.at[0] == '"' || slice_is(raw, "null") || complain_of_field(reading, field, "is not a string");
    }
    return false;
}

/* The members of a record; `value` is set to the raw value of the identity member when it comes. */
static bool read_record_members(struct reading *reading, struct slice *value)
{
    struct json_scan *scan = &reading->scan;
    do {
        struct slice name;
        struct slice raw;
        if (!json_scan_string(scan, &name) || !json_scan_need(scan, ':', "a colon") ||
            !json_scan_value(scan, ENVELOPE_DEPTH_MAX - RECORD_DEPTH, &raw))
            return false;
        if (value->length == 0 && json_scan_is(name, reading->identity) && !slice_is(raw, "null"))
            *value = raw;
    } while (json_scan_take(scan, ','));
    return json_scan_need(scan, '}', "a comma or the end of a record");
}

static bool read_record(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    if (!json_scan_need(scan, '{', "a record, which is an object,"))
        return false;
    const char *from = scan->at - 1;
    struct slice value = {NULL, 0};
    if (!json_scan_take(scan, '}') && !read_record_members(reading, &value))
        return false;
    size_t length = (size_t)(scan->at - from);
    struct slice named = value.length > 0 ? value : slice_make(from, length);
    reading->named += value.length > 0;
    reading->out->records[reading->out->record_count++] = (struct envelope_record){
        .at = offset_of(reading, from), .length = (uint32_t)length, .identity = hash_open(named).low};
    return true;
}

static bool read_records(struct reading *reading, struct slice *raw)
{
    struct json_scan *scan = &reading->scan;
    if (!json_scan_need(scan, '[', "an array of records"))
        return complain_of_syntax(reading);
    const char *from = scan->at - 1;
    if (!json_scan_take(scan, ']')) {
        do {
            if (reading->out->record_count == (size_t)reading->window.size)
                return complain(reading, "There are more records than were asked for.");
            if (!read_record(reading))
                return complain_of_syntax(reading);
        } while (json_scan_take(scan, ','));
        if (!json_scan_need(scan, ']', "a comma or the end of the records"))
            return complain_of_syntax(reading);
    }
    *raw = slice_make(from, (size_t)(scan->at - from));
    return true;
}

static bool read_value(struct reading *reading, enum envelope_field field, struct slice *raw)
{
    if (field == ENVELOPE_RECORDS)
        return read_records(reading, raw);
    if (!json_scan_value(&reading->scan, ENVELOPE_DEPTH_MAX - 1, raw))
        return complain_of_syntax(reading);
    return field == ENVELOPE_UNKNOWN || hear_claim(reading, field, *raw);
}

static bool read_member(struct reading *reading)
{
    struct envelope *out = reading->out;
    struct slice name;
    struct slice raw;
    if (!json_scan_string(&reading->scan, &name) || !json_scan_need(&reading->scan, ':', "a colon"))
        return complain_of_syntax(reading);
    if (out->member_count == ENVELOPE_MEMBERS_MAX)
        return complain(reading, "The envelope has too many members.");
    enum envelope_field field = field_of(name);
    if (field != ENVELOPE_UNKNOWN && reading->claims.made[field])
        return complain_of_field(reading, field, "is there twice");
    reading->claims.made[field] = true;
    if (!read_value(reading, field, &raw))
        return false;
    out->members[out->member_count++] = (struct envelope_member){.field = field,
                                                                 .name_at = offset_of(reading, name.at),
                                                                 .name_length = (uint32_t)name.length,
                                                                 .value_at = offset_of(reading, raw.at),
                                                                 .value_length = (uint32_t)raw.length};
    return true;
}

static bool read_root(struct reading *reading, struct slice body)
{
    struct json_scan *scan = &reading->scan;
    if (!json_scan_init(scan, body) || !json_scan_need(scan, '{', "an object"))
        return complain_of_syntax(reading);
    if (!json_scan_take(scan, '}')) {
        do {
            if (!read_member(reading))
                return false;
        } while (json_scan_take(scan, ','));
        if (!json_scan_need(scan, '}', "a comma or the end of the envelope"))
            return complain_of_syntax(reading);
    }
    return json_scan_at_end(scan) || complain_of_syntax(reading);
}

/* What must be there for a page to be cut, and no more. */
static bool has_required(const struct reading *reading)
{
    const bool *made = reading->claims.made;
    if (!made[ENVELOPE_RECORDS])
        return complain(reading, "The member Records is missing.");
    if (!made[ENVELOPE_TOTAL_ITEMS])
        return complain(reading, "The member TotalItems is missing.");
    if (!made[ENVELOPE_CURRENT_PAGE] && !made[ENVELOPE_PAGE_NUMBER])
        return complain(reading, "The page's number is missing.");
    if (!made[ENVELOPE_CURRENT_PAGE_SIZE] && !made[ENVELOPE_PAGE_SIZE])
        return complain(reading, "The page's size is missing.");
    if (envelope_text_bytes(reading->out) > ENVELOPE_TEXT_MAX)
        return complain(reading, "The members beside the records are too long.");
    return true;
}

/* True when the member is not there, or says what it must. */
static bool says(const struct reading *reading, enum envelope_field field, int64_t expected)
{
    if (!reading->claims.made[field] || reading->claims.number[field] == expected)
        return true;
    return complain_of_field(reading, field, "contradicts the question or the other members");
}

/* Whether all that is said is true of page `index` + 1 in pages of `size`. */
static bool is_coherent(const struct reading *reading, int64_t index, int64_t size)
{
    int64_t total = reading->claims.number[ENVELOPE_TOTAL_ITEMS];
    int64_t pages = total / size + (total % size != 0);
    int64_t left = index < pages ? total - index * size : 0;
    int64_t count = left < size ? left : size;
    if ((int64_t)reading->out->record_count != count)
        return complain(reading, "The number of records does not fit TotalItems and the page.");
    return says(reading, ENVELOPE_CURRENT_PAGE, index + 1) && says(reading, ENVELOPE_PAGE_NUMBER, index + 1) &&
           says(reading, ENVELOPE_CURRENT_PAGE_SIZE, size) && says(reading, ENVELOPE_PAGE_SIZE, size) &&
           says(reading, ENVELOPE_TOTAL_PAGES, pages) && says(reading, ENVELOPE_HAS_NEXT_PAGE, index + 1 < pages) &&
           says(reading, ENVELOPE_HAS_PREVIOUS_PAGE, index > 0) &&
           (count == 0 || (says(reading, ENVELOPE_FIRST_ITEM, index * size + 1) &&
                           says(reading, ENVELOPE_LAST_ITEM, index * size + count)));
}

/* Where all records have an identity, no two have the same. */
static bool has_twins(const struct reading *reading)
{
    uint16_t slots[TWIN_SLOTS] = {0}; /* record + 1; 0: free */
    const struct envelope *envelope = reading->out;
    if (reading->named < envelope->record_count)
        return false;
    for (size_t i = 0; i < envelope->record_count; i++) {
        uint64_t identity = envelope->records[i].identity;
        size_t slot = identity % TWIN_SLOTS;
        while (slots[slot] != 0 && envelope->records[slots[slot] - 1].identity != identity)
            slot = (slot + 1) % TWIN_SLOTS;
        if (slots[slot] != 0)
            return true;
        slots[slot] = (uint16_t)(i + 1);
    }
    return false;
}

static enum envelope_verdict judge(struct reading *reading, int64_t *cap)
{
    if (!has_required(reading))
        return ENVELOPE_BAD;
    const struct claims *claims = &reading->claims;
    const struct window *window = &reading->window;
    int64_t size =
        claims->number[claims->made[ENVELOPE_CURRENT_PAGE_SIZE] ? ENVELOPE_CURRENT_PAGE_SIZE : ENVELOPE_PAGE_SIZE];
    if (size < 1 || size > window->size) {
        (void)complain(reading, "The page is larger than what was asked for, or of size 0.");
        return ENVELOPE_BAD;
    }
    if (!is_coherent(reading, window->index, size))
        return ENVELOPE_BAD;
    if (has_twins(reading)) {
        (void)complain(reading, "A record is there twice.");
        return ENVELOPE_BAD;
    }
    reading->out->total_items = claims->number[ENVELOPE_TOTAL_ITEMS];
    reading->out->page_size = size;
    /* A smaller page that holds all there is may be a cap, or Nexudus's way to count: nothing is learnt from it. */
    if (size == window->size || reading->out->total_items <= size)
        return ENVELOPE_OK;
    *cap = size;
    (void)complain(reading, "The page is smaller than what was asked for, and there are more records.");
    return ENVELOPE_CAPPED;
}

static enum envelope_verdict read_and_judge(struct reading *reading, struct slice body, int64_t *cap)
{
    if (body.length > ENVELOPE_BODY_MAX) {
        (void)complain(reading, "The answer is too long.");
        return ENVELOPE_BAD;
    }
    reading->out->members = mem_try_new(ENVELOPE_MEMBERS_MAX * sizeof(struct envelope_member));
    reading->out->records = mem_try_new((size_t)reading->window.size * sizeof(struct envelope_record));
    if (reading->out->members == NULL || reading->out->records == NULL) {
        (void)complain(reading, "There is no memory to read the answer.");
        return ENVELOPE_BAD;
    }
    return read_root(reading, body) ? judge(reading, cap) : ENVELOPE_BAD;
}

/* The arrays at their final sizes: an envelope lives as long as its window is stored. */
static void shrink(struct envelope *envelope)
{
    void *members = mem_try_resize(envelope->members, envelope->member_count * sizeof(struct envelope_member));
    if (members != NULL)
        envelope->members = members;
    if (envelope->record_count == 0) {
        mem_free(envelope->records);
        envelope->records = NULL;
        return;
    }
    void *records = mem_try_resize(envelope->records, envelope->record_count * sizeof(struct envelope_record));
    if (records != NULL)
        envelope->records = records;
}

enum envelope_verdict envelope_read(struct slice body, struct window window, struct slice identity,
                                    struct envelope *out, int64_t *cap, char why[ENVELOPE_WHY_MAX])
{
    assert(window.size >= 1 && window.size <= ENVELOPE_RECORDS_MAX && window.index >= 0);
    *out = (struct envelope){.member_count = 0};
    *cap = 0;
    why[0] = '\0';
    struct reading reading = {.window = window, .identity = identity, .out = out, .why = why};
    enum envelope_verdict verdict = read_and_judge(&reading, body, cap);
    if (verdict == ENVELOPE_OK)
        shrink(out);
    else
        envelope_free(out);
    return verdict;
}

size_t envelope_text_bytes(const struct envelope *envelope)
{
    size_t bytes = 0;
    for (size_t i = 0; i < envelope->member_count; i++) {
        const struct envelope_member *member = &envelope->members[i];
        if (member->field != ENVELOPE_RECORDS)
            bytes += (size_t)member->name_length + member->value_length;
    }
    return bytes;
}

void envelope_free(struct envelope *envelope)
{
    mem_free(envelope->members);
    mem_free(envelope->records);
    *envelope = (struct envelope){.member_count = 0};
}
