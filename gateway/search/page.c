/* SPDX-License-Identifier: MIT */
/* Pages from windows. page_cut runs for every answer: it copies a few members and refers to all records where they are.
 * Must not know where windows come from. */
#include "search/page.h"

#include "base/hash.h"
#include "base/least.h"

#include <assert.h>

void page_plan(struct page_plan *plan, int64_t page, int64_t size, int64_t window_size, int64_t cap)
{
    int64_t window = size > window_size ? PAGE_WIDE_WINDOW : window_size;
    if (cap > 0) {
        size = least(size, cap);
        window = least(window, cap);
    }
    assert(page >= 1 && size >= 1 && size <= window && window <= ENVELOPE_RECORDS_MAX);
    int64_t first = (page - 1) * size / window;
    int64_t last = (page * size - 1) / window;
    *plan = (struct page_plan){.page = page, .size = size, .window_count = first == last ? 1 : 2};
    plan->windows[0] = (struct window){window, first};
    plan->windows[1] = (struct window){window, last};
}

void page_plan_alone(struct page_plan *plan, int64_t page, int64_t size, int64_t cap)
{
    if (cap > 0)
        size = least(size, cap);
    page_plan(plan, page, size, size, 0);
}

bool page_needs_second(const struct page_plan *plan, const struct envelope *first)
{
    return plan->window_count == 2 && first->total_items > plan->windows[1].index * plan->windows[1].size;
}

/* Records `from` to `to` - 1 of a window. */
struct run {
    size_t from, to;
};

/* The page's share of one window. */
static struct run run_of(const struct page_plan *plan, size_t part, const struct envelope *envelope)
{
    int64_t window_at = plan->windows[part].index * plan->windows[part].size;
    int64_t from = (plan->page - 1) * plan->size - window_at;
    int64_t to = least(plan->page * plan->size - window_at, (int64_t)envelope->record_count);
    if (from < 0)
        from = 0;
    return from < to ? (struct run){(size_t)from, (size_t)to} : (struct run){0, 0};
}

/* A set of records by identity: open addressing, half empty at the most. */
enum { SEEN_SLOTS = 2048 };
_Static_assert(SEEN_SLOTS >= 2 * ENVELOPE_RECORDS_MAX, "the set must never fill");

struct seen {
    const struct envelope *envelope;
    uint16_t slots[SEEN_SLOTS]; /* record + 1; 0: free */
};

/* The slot that holds the identity, or the free one where it belongs. */
static size_t seen_slot(const struct seen *seen, uint64_t identity)
{
    size_t slot = identity % SEEN_SLOTS;
    while (seen->slots[slot] != 0 && seen->envelope->records[seen->slots[slot] - 1].identity != identity)
        slot = (slot + 1) % SEEN_SLOTS;
    return slot;
}

bool page_agree(const struct page_plan *plan, const struct page_part parts[2])
{
    if (parts[0].envelope->total_items != parts[1].envelope->total_items)
        return false;
    struct seen seen = {.envelope = parts[0].envelope};
    struct run run = run_of(plan, 0, parts[0].envelope);
    for (size_t i = run.from; i < run.to; i++)
        seen.slots[seen_slot(&seen, parts[0].envelope->records[i].identity)] = (uint16_t)(i + 1);
    run = run_of(plan, 1, parts[1].envelope);
    for (size_t i = run.from; i < run.to; i++) {
        if (seen.slots[seen_slot(&seen, parts[1].envelope->records[i].identity)] != 0)
            return false;
    }
    return true;
}

/* What the page says of itself: what Nexudus would have said, also where it gives smaller pages than it is asked for.
 */
static int64_t field_value(const struct page_plan *plan, const struct envelope *envelope, size_t records,
                           enum envelope_field field)
{
    int64_t size = least(plan->size, envelope->page_size);
    int64_t total = envelope->total_items;
    int64_t before = (plan->page - 1) * size;
    int64_t pages = total / size + (total % size != 0);
    switch (field) {
    case ENVELOPE_CURRENT_PAGE:
    case ENVELOPE_PAGE_NUMBER:
        return plan->page;
    case ENVELOPE_CURRENT_PAGE_SIZE:
    case ENVELOPE_PAGE_SIZE:
        return size;
    case ENVELOPE_FIRST_ITEM:
        return total == 0 ? 0 : before + 1;
    case ENVELOPE_LAST_ITEM:
        return records > 0 ? before + (int64_t)records : total;
    case ENVELOPE_TOTAL_ITEMS:
        return total;
    case ENVELOPE_TOTAL_PAGES:
        return pages;
    case ENVELOPE_HAS_NEXT_PAGE:
        return plan->page < pages;
    case ENVELOPE_HAS_PREVIOUS_PAGE:
        return plan->page > 1;
    default:
        return 0;
    }
}

static void write_value(struct buf *text, const struct page_plan *plan, const struct page_part *part, size_t records,
                        const struct envelope_member *member)
{
    int64_t value = field_value(plan, part->envelope, records, member->field);
    switch (member->field) {
    case ENVELOPE_UNKNOWN:
    case ENVELOPE_CURRENT_ORDER_FIELD:
    case ENVELOPE_CURRENT_SORT_DIRECTION:
        buf_add(text, slice_make(part->body.at + member->value_at, member->value_length));
        return;
    case ENVELOPE_HAS_NEXT_PAGE:
    case ENVELOPE_HAS_PREVIOUS_PAGE:
        buf_add_text(text, value != 0 ? "true" : "false");
        return;
    default:
        buf_add_integer(text, value);
    }
}

/* Writes all members but the records, in the order of the first window. What comes before the records ends at the
 * length that is returned, which is where they belong. */
static size_t write_members(struct buf *text, const struct page_plan *plan, const struct page_part *part,
                            size_t records)
{
    size_t head = 0;
    char separator = '{';
    for (size_t i = 0; i < part->envelope->member_count; i++) {
        const struct envelope_member *member = &part->envelope->members[i];
        buf_add_char(text, separator);
        separator = ',';
        buf_add(text, slice_make(part->body.at + member->name_at, member->name_length));
        buf_add_char(text, ':');
        if (member->field == ENVELOPE_RECORDS) {
            buf_add_char(text, '[');
            head = text->length;
            buf_add_char(text, ']');
        } else {
            write_value(text, plan, part, records, member);
        }
    }
    buf_add_char(text, '}');
    return head;
}

static void add_slice(struct page *page, struct slice slice)
{
    page->slices[page->slice_count++] = slice;
    page->length += slice.length;
}

/* From the first record's brace to the last one's, with what lies between. */
static void add_run(struct page *page, const struct page_part *part, struct run run)
{
    if (run.from == run.to)
        return;
    if (page->slice_count > 1) /* behind the first window's records */
        add_slice(page, slice_make(",", 1));
    const struct envelope_record *first = &part->envelope->records[run.from];
    const struct envelope_record *last = &part->envelope->records[run.to - 1];
    add_slice(page, slice_make(part->body.at + first->at, last->at + last->length - first->at));
}

/* The digest of the page's bytes. */
static void write_etag(struct page *page)
{
    static const char hex[] = "0123456789abcdef";
    struct hash128 digest = hash_open_parts(page->slices, page->slice_count);
    page->etag[0] = page->etag[PAGE_ETAG_LENGTH - 1] = '"';
    for (size_t i = 0; i < 16; i++) {
        unsigned shift = (unsigned)(60 - 4 * i);
        page->etag[1 + i] = hex[(digest.high >> shift) & 15];
        page->etag[17 + i] = hex[(digest.low >> shift) & 15];
    }
}

bool page_cut(const struct page_plan *plan, const struct page_part *parts, size_t part_count, struct buf *text,
              struct page *page)
{
    assert(part_count == 2 || (part_count == 1 && !page_needs_second(plan, parts[0].envelope)));
    struct run runs[PAGE_WINDOWS_MAX];
    *page = (struct page){.slice_count = 0};
    for (size_t i = 0; i < part_count; i++) {
        runs[i] = run_of(plan, i, parts[i].envelope);
        page->records += runs[i].to - runs[i].from;
    }
    buf_reset(text);
    size_t head = write_members(text, plan, &parts[0], page->records);
    if (!buf_ok(text))
        return false;
    add_slice(page, slice_make(text->bytes, head));
    for (size_t i = 0; i < part_count; i++)
        add_run(page, &parts[i], runs[i]);
    add_slice(page, slice_make(text->bytes + head, text->length - head));
    write_etag(page);
    return true;
}
