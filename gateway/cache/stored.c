/* SPDX-License-Identifier: MIT */
/* Windows to bytes and back. The checksum finds what was damaged; the checks after it find what was written by somebody
 * else. Must not know Redis. */
#include "cache/stored.h"

#include "base/hash.h"
#include "cache/purges.h"
#include "search/json_scan.h"

#include <endian.h>
#include <lz4.h>

enum {
    HEAD_BYTES = 120,
    MEMBER_BYTES = 20,
    RECORD_BYTES = 16,
    KEY_BYTES_MAX = 4096,
    FLAG_PACKED = 1 /* the body is one LZ4 block */
};

const char stored_magic[STORED_MAGIC_BYTES] = {'N', 'X', 'G', 'W', STORED_VERSION, 0};

static const int64_t INTEGER_MAX = INT64_C(1) << 53;

/* Writing. */

static void put(struct buf *out, uint64_t number, size_t bytes)
{
    uint64_t little = htole64(number);
    buf_add(out, slice_make((const char *)&little, bytes));
}

static void put64(struct buf *out, int64_t number)
{
    put(out, (uint64_t)number, 8);
}

/* Compresses the body to the end of `out`; 0 when that gains nothing. */
static size_t pack(struct buf *out, struct slice body)
{
    if (body.length < STORED_PACK_MIN || body.length > LZ4_MAX_INPUT_SIZE)
        return 0;
    int worth = (int)(body.length - body.length / 8);
    char *room = buf_room(out, (size_t)worth);
    if (room == NULL)
        return 0;
    return (size_t)LZ4_compress_default(body.at, room, (int)body.length, worth);
}

static void put_head(struct buf *out, const struct stored_facts *facts, const struct envelope *envelope,
                     const uint32_t lengths[6], bool packed)
{
    buf_add(out, slice_make(stored_magic, STORED_MAGIC_BYTES));
    put(out, packed ? FLAG_PACKED : 0, 2);
    put64(out, facts->age_us);
    put64(out, facts->kept_ms);
    put64(out, facts->fetched_wall_us);
    put64(out, facts->ttl_us);
    put64(out, facts->stale_us);
    put64(out, facts->purge_number);
    put(out, facts->mark, 8);
    put64(out, facts->window.size);
    put64(out, facts->window.index);
    put64(out, envelope->total_items);
    put64(out, envelope->page_size);
    for (size_t i = 0; i < 6; i++)
        put(out, lengths[i], 4);
}

static void put_index(struct buf *out, const struct envelope *envelope)
{
    for (size_t i = 0; i < envelope->member_count; i++) {
        const struct envelope_member *member = &envelope->members[i];
        put(out, (uint64_t)member->field, 4);
        put(out, member->name_at, 4);
        put(out, member->name_length, 4);
        put(out, member->value_at, 4);
        put(out, member->value_length, 4);
    }
    for (size_t i = 0; i < envelope->record_count; i++) {
        const struct envelope_record *record = &envelope->records[i];
        put(out, record->at, 4);
        put(out, record->length, 4);
        put(out, record->identity, 8);
    }
}

bool stored_write(struct buf *out, struct slice key, const struct stored_facts *facts, const struct envelope *envelope,
                  struct slice body)
{
    struct buf packed;
    buf_init(&packed, ENVELOPE_BODY_MAX);
    size_t packed_length = pack(&packed, body);
    struct slice shown = packed_length > 0 ? slice_make(packed.bytes, packed_length) : body;
    size_t before = out->length;
    size_t index = envelope->member_count * MEMBER_BYTES + envelope->record_count * RECORD_BYTES;
    size_t total = HEAD_BYTES + key.length + index + shown.length + STORED_CHECKSUM_BYTES;
    const uint32_t lengths[6] = {
        (uint32_t)key.length,  (uint32_t)envelope->member_count, (uint32_t)envelope->record_count,
        (uint32_t)body.length, (uint32_t)shown.length,           (uint32_t)total};
    put_head(out, facts, envelope, lengths, packed_length > 0);
    buf_add(out, key);
    put_index(out, envelope);
    buf_add(out, shown);
    buf_free(&packed);
    if (!buf_ok(out))
        return false;
    struct hash128 sum = hash_open(slice_make(out->bytes + before, out->length - before));
    put(out, sum.low, 8);
    put(out, sum.high, 8);
    return buf_ok(out);
}

/* Reading. */

/* A value while it is read. */
struct reading {
    const char *at;
    uint16_t flags;
    uint32_t key_length, member_count, record_count, body_length, shown_length;
};

/* A number of `bytes` bytes, known when this is compiled: it becomes one load. */
static inline uint64_t take(struct reading *reading, size_t bytes)
{
    uint64_t little = 0;
    memcpy(&little, reading->at, bytes);
    reading->at += bytes;
    return le64toh(little);
}

static inline int64_t take64(struct reading *reading)
{
    return (int64_t)take(reading, 8);
}

static inline uint32_t take32(struct reading *reading)
{
    return (uint32_t)take(reading, 4);
}

static bool is_whole(struct slice bytes)
{
    if (bytes.length < HEAD_BYTES + STORED_CHECKSUM_BYTES || bytes.length > STORED_BYTES_MAX ||
        memcmp(bytes.at, stored_magic, STORED_MAGIC_BYTES) != 0)
        return false;
    size_t summed = bytes.length - STORED_CHECKSUM_BYTES;
    struct hash128 sum = hash_open(slice_make(bytes.at, summed));
    struct reading tail = {.at = bytes.at + summed};
    uint64_t low = take(&tail, 8);
    return low == sum.low && take(&tail, 8) == sum.high;
}

/* The header; false when its lengths do not add up to exactly what is there. */
static bool read_head(struct reading *reading, size_t total, struct stored_facts *facts, struct envelope *envelope)
{
    reading->at += STORED_MAGIC_BYTES;
    reading->flags = (uint16_t)take(reading, 2);
    facts->age_us = take64(reading);
    facts->kept_ms = take64(reading);
    facts->fetched_wall_us = take64(reading);
    facts->ttl_us = take64(reading);
    facts->stale_us = take64(reading);
    facts->purge_number = take64(reading);
    facts->mark = take(reading, 8);
    facts->window.size = take64(reading);
    facts->window.index = take64(reading);
    envelope->total_items = take64(reading);
    envelope->page_size = take64(reading);
    reading->key_length = take32(reading);
    reading->member_count = take32(reading);
    reading->record_count = take32(reading);
    reading->body_length = take32(reading);
    reading->shown_length = take32(reading);
    if (take32(reading) != total || (reading->flags & ~FLAG_PACKED) != 0 || reading->key_length > KEY_BYTES_MAX ||
        reading->member_count > ENVELOPE_MEMBERS_MAX || reading->record_count > ENVELOPE_RECORDS_MAX ||
        reading->body_length > ENVELOPE_BODY_MAX || reading->shown_length > ENVELOPE_BODY_MAX)
        return false;
    return total == HEAD_BYTES + (size_t)reading->key_length + (size_t)reading->member_count * MEMBER_BYTES +
                        (size_t)reading->record_count * RECORD_BYTES + reading->shown_length + STORED_CHECKSUM_BYTES;
}

/* Facts that no writer of ours would write. */
static bool are_possible(const struct stored_facts *facts, struct window window)
{
    return facts->age_us >= 0 && facts->age_us <= INTEGER_MAX && facts->kept_ms > 0 &&
           facts->kept_ms <= INTEGER_MAX / 1000 && facts->fetched_wall_us >= 0 &&
           facts->fetched_wall_us <= INTEGER_MAX && facts->purge_number >= 0 &&
           facts->purge_number <= PURGE_NUMBER_MAX && facts->window.size == window.size &&
           facts->window.index == window.index;
}

/* Whether the counts can be those of this window: what envelope_read accepts. */
static bool is_coherent(const struct envelope *envelope, struct window window)
{
    int64_t total = envelope->total_items;
    int64_t size = envelope->page_size;
    if (total < 0 || total > INTEGER_MAX || size < 1 || size > window.size || (size < window.size && total > size))
        return false;
    int64_t pages = total / size + (total % size != 0);
    int64_t left = window.index < pages ? total - window.index * size : 0;
    return (int64_t)envelope->record_count == (left < size ? left : size);
}

static bool read_body(struct reading *reading, struct buf *body)
{
    buf_init(body, reading->body_length);
    char *room = buf_room(body, reading->body_length);
    if (room == NULL)
        return false;
    if ((reading->flags & FLAG_PACKED) == 0) {
        if (reading->shown_length != reading->body_length)
            return false;
        memcpy(room, reading->at, reading->body_length);
    } else if (LZ4_decompress_safe(reading->at, room, (int)reading->shown_length, (int)reading->body_length) !=
               (int)reading->body_length) {
        return false;
    }
    body->length = reading->body_length;
    return true;
}

static struct slice part_of(struct slice body, uint32_t at, uint32_t length)
{
    return slice_make(body.at + at, length);
}

/* Exactly the quoted name, without an escape: how Nexudus writes it. */
static bool is_spelt(struct slice name, struct slice text)
{
    return name.length == text.length + 2 && name.at[0] == '"' && name.at[name.length - 1] == '"' &&
           slice_equal(slice_make(name.at + 1, text.length), text);
}

/* A member stands behind the one before it, inside the body, and is named as its field says. */
static bool is_member(const struct envelope_member *member, uint64_t from, struct slice body)
{
    uint64_t name_end = (uint64_t)member->name_at + member->name_length;
    uint64_t end = (uint64_t)member->value_at + member->value_length;
    if (member->name_at < from || member->name_length < 2 || member->value_at < name_end || member->value_length < 1 ||
        end > body.length)
        return false;
    struct slice name = part_of(body, member->name_at, member->name_length);
    struct json_scan scan;
    struct slice raw;
    if (member->field != ENVELOPE_UNKNOWN && is_spelt(name, envelope_field_name(member->field)))
        return true;
    if (name.at[0] != '"' || !json_scan_init(&scan, name) || !json_scan_string(&scan, &raw) ||
        raw.length != name.length)
        return false;
    return member->field == ENVELOPE_UNKNOWN || json_scan_is(name, envelope_field_name(member->field));
}

static bool read_members(struct reading *reading, struct envelope *envelope, struct slice body,
                         const struct envelope_member **records)
{
    bool seen[ENVELOPE_FIELD_COUNT] = {false};
    uint64_t from = 0;
    for (uint32_t i = 0; i < reading->member_count; i++) {
        struct envelope_member *member = &envelope->members[i];
        uint32_t field = take32(reading);
        if (field >= ENVELOPE_FIELD_COUNT || (field != ENVELOPE_UNKNOWN && seen[field]))
            return false;
        seen[field] = true;
        member->field = (enum envelope_field)field;
        member->name_at = take32(reading);
        member->name_length = take32(reading);
        member->value_at = take32(reading);
        member->value_length = take32(reading);
        if (!is_member(member, from, body))
            return false;
        from = (uint64_t)member->value_at + member->value_length;
        if (field == ENVELOPE_RECORDS)
            *records = member;
        envelope->member_count = i + 1;
    }
    return *records != NULL && seen[ENVELOPE_TOTAL_ITEMS] && envelope_text_bytes(envelope) <= ENVELOPE_TEXT_MAX;
}

/* Every record is an object, behind the one before it, inside the array. */
static bool read_records(struct reading *reading, struct envelope *envelope, struct slice body,
                         const struct envelope_member *array)
{
    uint64_t from = (uint64_t)array->value_at + 1;
    uint64_t end = (uint64_t)array->value_at + array->value_length - 1;
    if (array->value_length < 2 || body.at[array->value_at] != '[' || body.at[end] != ']')
        return false;
    for (uint32_t i = 0; i < reading->record_count; i++) {
        struct envelope_record *record = &envelope->records[i];
        record->at = take32(reading);
        record->length = take32(reading);
        record->identity = take(reading, 8);
        uint64_t record_end = (uint64_t)record->at + record->length;
        if (record->at < from || record->length < 2 || record_end > end || body.at[record->at] != '{' ||
            body.at[record_end - 1] != '}')
            return false;
        from = record_end;
        envelope->record_count = i + 1;
    }
    return true;
}

static bool make_index(const struct reading *reading, struct envelope *envelope)
{
    if (reading->member_count > 0)
        envelope->members = mem_try_new(reading->member_count * sizeof(struct envelope_member));
    if (reading->record_count > 0)
        envelope->records = mem_try_new(reading->record_count * sizeof(struct envelope_record));
    return (reading->member_count == 0 || envelope->members != NULL) &&
           (reading->record_count == 0 || envelope->records != NULL);
}

static bool read_all(struct reading *reading, struct slice bytes, struct slice key, struct window window,
                     struct stored_facts *facts, struct envelope *envelope, struct buf *body)
{
    const struct envelope_member *records = NULL;
    if (!is_whole(bytes) || !read_head(reading, bytes.length, facts, envelope) || !are_possible(facts, window) ||
        !slice_equal(slice_make(reading->at, reading->key_length), key))
        return false;
    reading->at += reading->key_length;
    struct reading index = *reading;
    reading->at += (size_t)reading->member_count * MEMBER_BYTES + (size_t)reading->record_count * RECORD_BYTES;
    if (!read_body(reading, body))
        return false;
    return make_index(reading, envelope) && read_members(&index, envelope, buf_slice(body), &records) &&
           read_records(&index, envelope, buf_slice(body), records) && is_coherent(envelope, window);
}

bool stored_read(struct slice bytes, struct slice key, struct window window, struct stored_facts *facts,
                 struct envelope *envelope, struct buf *body)
{
    struct reading reading = {.at = bytes.at};
    *facts = (struct stored_facts){0};
    *envelope = (struct envelope){.records = NULL};
    buf_init(body, 0);
    bool good = read_all(&reading, bytes, key, window, facts, envelope, body);
    if (!good) {
        *facts = (struct stored_facts){0};
        envelope_free(envelope);
        buf_free(body);
    }
    return good;
}
