/* SPDX-License-Identifier: MIT */
/* A direct-mapped table of cut pages. What is kept of a page is where its slices lie, not the records themselves. Must
 * not know what an envelope looks like. */
#include "flow/page_memo.h"

enum {
    SLOTS = 512,   /* a power of two */
    TEXT_MAX = 768 /* bytes of head and tail worth keeping */
};

/* One slice of the page: `source` 0 is the text, 1 and 2 are the windows' bodies. */
struct piece {
    uint32_t source, at, length;
};

struct slot {
    uint64_t ids[PAGE_WINDOWS_MAX]; /* of the entries; 0: none */
    int64_t page, size;
    char etag[PAGE_ETAG_LENGTH];
    size_t length, records;
    struct piece pieces[PAGE_SLICES_MAX];
    uint16_t piece_count;
    uint16_t text_length;
    char text[TEXT_MAX];
};

struct page_memo {
    struct slot slots[SLOTS];
};

struct page_memo *page_memo_new(void)
{
    return mem_new(sizeof(struct page_memo));
}

void page_memo_free(struct page_memo *memo)
{
    mem_free(memo);
}

/* Ids are ours and pages are bounded, so a plain mix spreads well enough; nobody gains by making two pages share a
 * place. */
static struct slot *place(struct page_memo *memo, const struct page_plan *plan, uint64_t id)
{
    uint64_t mixed = (id * 0x9E3779B97F4A7C15u) ^ ((uint64_t)plan->page * 0xC2B2AE3D27D4EB4Fu) ^ (uint64_t)plan->size;
    return &memo->slots[(mixed >> 20) & (SLOTS - 1)];
}

static uint64_t second_id(struct entry *const *entries, size_t count)
{
    return count > 1 ? entries[1]->id : 0;
}

static void restore(const struct slot *slot, struct entry *const *entries, struct buf *text, struct page *page)
{
    buf_reset(text);
    buf_add(text, slice_make(slot->text, slot->text_length));
    *page = (struct page){.slice_count = slot->piece_count, .length = slot->length, .records = slot->records};
    memcpy(page->etag, slot->etag, PAGE_ETAG_LENGTH);
    for (size_t i = 0; i < slot->piece_count; i++) {
        const struct piece *piece = &slot->pieces[i];
        const char *base = piece->source == 0 ? text->bytes : entries[piece->source - 1]->body.bytes;
        page->slices[i] = slice_make(base + piece->at, piece->length);
    }
}

/* Where a slice lies; false when it is in none of the page's sources (static text, say). */
static bool locate(struct slice slice, const struct buf *text, struct entry *const *entries, size_t count,
                   struct piece *piece)
{
    for (uint32_t source = 0; source <= count; source++) {
        const struct buf *buf = source == 0 ? text : &entries[source - 1]->body;
        if (buf_holds(buf, slice)) {
            *piece = (struct piece){source, (uint32_t)(slice.at - buf->bytes), (uint32_t)slice.length};
            return true;
        }
    }
    return false;
}

static void keep(struct slot *slot, const struct page_plan *plan, struct entry *const *entries, size_t count,
                 const struct buf *text, const struct page *page)
{
    slot->ids[0] = 0;
    if (text->length > TEXT_MAX)
        return;
    for (size_t i = 0; i < page->slice_count; i++) {
        if (!locate(page->slices[i], text, entries, count, &slot->pieces[i]))
            return;
    }
    slot->ids[1] = second_id(entries, count);
    slot->page = plan->page;
    slot->size = plan->size;
    memcpy(slot->etag, page->etag, PAGE_ETAG_LENGTH);
    slot->length = page->length;
    slot->records = page->records;
    slot->piece_count = (uint16_t)page->slice_count;
    slot->text_length = (uint16_t)text->length;
    memcpy(slot->text, text->bytes, text->length);
    slot->ids[0] = entries[0]->id;
}

bool page_memo_cut(struct page_memo *memo, const struct page_plan *plan, struct entry *const *entries, size_t count,
                   struct buf *text, struct page *page)
{
    struct slot *slot = place(memo, plan, entries[0]->id);
    if (slot->ids[0] == entries[0]->id && slot->ids[1] == second_id(entries, count) && slot->page == plan->page &&
        slot->size == plan->size) {
        restore(slot, entries, text, page);
        return buf_ok(text);
    }
    struct page_part parts[PAGE_WINDOWS_MAX];
    for (size_t i = 0; i < count; i++)
        parts[i] = entry_part(entries[i]);
    if (!page_cut(plan, parts, count, text, page))
        return false;
    keep(slot, plan, entries, count, text, page);
    return true;
}
