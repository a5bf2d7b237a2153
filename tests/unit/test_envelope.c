/* SPDX-License-Identifier: MIT */
/* Envelopes: a good one with one thing changed in each row, then good ones at random with one count changed, cut and
 * broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hash.h"
#include "base/random.h"
#include "search/envelope.h"

#include <stdio.h>

enum { TEXT_MAX = 1 << 20 };

static const struct slice IDENTITY = SLICE("Id");

/* The second page of two records, of five. */
static const char PAGE_2[] =
    "{\"Records\":[{\"Id\":3,\"Name\":\"a\"},{\"Id\":4,\"Name\":\"b\"}],\"CurrentPage\":2,\"CurrentPageSize\":2,"
    "\"CurrentOrderField\":\"Id\",\"CurrentSortDirection\":0,\"FirstItem\":3,\"LastItem\":4,\"TotalItems\":5,"
    "\"TotalPages\":3,\"HasNextPage\":true,\"HasPreviousPage\":true,\"PageNumber\":2,\"PageSize\":2}";

struct row {
    const char *from; /* a part of PAGE_2 … */
    const char *to;   /* … and what stands in its place */
    enum envelope_verdict verdict;
    const char *why; /* a part of it */
};

/* PAGE_2 with the first `from` replaced. */
static void change(struct buf *out, const char *from, const char *to)
{
    const char *place = strstr(PAGE_2, from);
    assert_non_null(place);
    buf_reset(out);
    buf_add(out, slice_make(PAGE_2, (size_t)(place - PAGE_2)));
    buf_add_text(out, to);
    buf_add_text(out, place + strlen(from));
}

static enum envelope_verdict read_text(struct slice text, int64_t size, int64_t index, struct envelope *out,
                                       int64_t *cap, char why[ENVELOPE_WHY_MAX])
{
    memset(out, 'x', sizeof(*out));
    *cap = -1;
    memset(why, 'x', ENVELOPE_WHY_MAX);
    enum envelope_verdict verdict = envelope_read(text, (struct window){size, index}, IDENTITY, out, cap, why);
    assert_non_null(memchr(why, '\0', ENVELOPE_WHY_MAX));
    if (verdict != ENVELOPE_OK)
        assert_null(out->records);
    return verdict;
}

static const struct row ROWS[] = {
    {"", "", ENVELOPE_OK, ""},
    /* syntax */
    {"{\"Records\"", "[\"Records\"", ENVELOPE_BAD, "at byte 0 an object was expected"},
    {"{\"Records\"", "\xef\xbb\xbf{\"Records\"", ENVELOPE_BAD, "an object was expected"},
    {"\"a\"", "\"\xc3\"", ENVELOPE_BAD, "at byte 0 text in UTF-8 was expected"},
    {"\"a\"", "\"\t\"", ENVELOPE_BAD, "the end of a string was expected"},
    {"\"a\"", "'a'", ENVELOPE_BAD, "a value was expected"},
    {"\"a\"}", "\"a\",}", ENVELOPE_BAD, "a string was expected"},
    {",\"PageSize\":2}", ",\"PageSize\":2}}", ENVELOPE_BAD, "the end was expected"},
    {",\"PageSize\":2}", ",\"PageSize\":2} \r\n\t", ENVELOPE_OK, ""},
    {",\"PageSize\":2}", ",\"PageSize\":2", ENVELOPE_BAD, "the end of the envelope"},
    {"{\"Records\"", " \n{ \"Records\" ", ENVELOPE_OK, ""},
    /* awkward, and good */
    {"\"a\"", "\"\\ud83d\"", ENVELOPE_OK, ""},
    {"\"a\"", "\"\\u0000\"", ENVELOPE_OK, ""},
    {"\"a\"", "1e400", ENVELOPE_OK, ""},
    {"\"a\"", "123456789012345678901234567890.50", ENVELOPE_OK, ""},
    {"\"a\"", "[{\"x\":[]}]", ENVELOPE_OK, ""},
    {"\"Records\"", "\"\\u0052ecords\"", ENVELOPE_OK, ""},
    {"\"TotalItems\"", "\"Total\\u0049tems\"", ENVELOPE_OK, ""},
    {"\"CurrentPage\"", "\"Unknown\":{\"Records\":1},\"Unknown\":[],\"CurrentPage\"", ENVELOPE_OK, ""},
    /* shape */
    {"\"Records\"", "\"records\"", ENVELOPE_BAD, "Records is missing"},
    {"[{\"Id\":3,\"Name\":\"a\"},{\"Id\":4,\"Name\":\"b\"}]", "null", ENVELOPE_BAD, "an array of records"},
    {"[{\"Id\":3,\"Name\":\"a\"},{\"Id\":4,\"Name\":\"b\"}]", "{}", ENVELOPE_BAD, "an array of records"},
    {"{\"Id\":3,\"Name\":\"a\"}", "null", ENVELOPE_BAD, "a record, which is an object, was expected"},
    {"{\"Id\":3,\"Name\":\"a\"}", "[]", ENVELOPE_BAD, "a record, which is an object, was expected"},
    {"{\"Id\":3,\"Name\":\"a\"}", "{}", ENVELOPE_OK, ""},
    {"\"TotalItems\":5", "\"Total\":5", ENVELOPE_BAD, "TotalItems is missing"},
    {"\"TotalItems\":5", "\"TotalItems\":5,\"TotalItems\":5", ENVELOPE_BAD, "TotalItems is there twice"},
    {"{\"Id\":4", "{\"Id\":3", ENVELOPE_BAD, "record is there twice"},
    {"{\"Id\":4", "{\"I\\u0064\":3", ENVELOPE_BAD, "record is there twice"},
    {"{\"Id\":3,\"Name\":\"a\"},{\"Id\":4,\"Name\":\"b\"}", "{},{}", ENVELOPE_OK, ""}, /* they are not named */
    {"{\"Id\":3,\"Name\":\"a\"},{\"Id\":4", "{\"Id\":null},{\"Id\":null", ENVELOPE_OK, ""},
    {"\"TotalItems\":5", "\"TotalItems\":5,\"Total\\u0049tems\":5", ENVELOPE_BAD, "TotalItems is there twice"},
    {"\"CurrentPage\":2", "\"Records\":[]", ENVELOPE_BAD, "Records is there twice"},
    /* types */
    {"\"TotalItems\":5", "\"TotalItems\":\"5\"", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":5.0", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":5e0", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":-5", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":-0", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":null", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":9007199254740993", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"TotalItems\":5", "\"TotalItems\":18446744073709551621", ENVELOPE_BAD, "TotalItems is not an integer"},
    {"\"CurrentPage\":2", "\"CurrentPage\":true", ENVELOPE_BAD, "CurrentPage is not an integer"},
    {"\"HasNextPage\":true", "\"HasNextPage\":1", ENVELOPE_BAD, "HasNextPage is neither true nor false"},
    {"\"HasNextPage\":true", "\"HasNextPage\":null", ENVELOPE_BAD, "HasNextPage is neither true nor false"},
    {"\"CurrentOrderField\":\"Id\"", "\"CurrentOrderField\":null", ENVELOPE_OK, ""},
    {"\"CurrentOrderField\":\"Id\"", "\"CurrentOrderField\":7", ENVELOPE_BAD, "CurrentOrderField is not a string"},
    {"\"CurrentSortDirection\":0", "\"CurrentSortDirection\":1", ENVELOPE_OK, ""},
    {"\"CurrentSortDirection\":0", "\"CurrentSortDirection\":[]", ENVELOPE_BAD, "CurrentSortDirection is not a number"},
    {"\"CurrentSortDirection\":0", "\"CurrentSortDirection\":-1", ENVELOPE_OK, ""},
    {"\"FirstItem\":3", "\"FirstItem\":\"3\"", ENVELOPE_BAD, "FirstItem is not a number"},
    /* one of two names is enough, and both must agree */
    {"\"CurrentPage\":2", "\"A\":2", ENVELOPE_OK, ""},
    {",\"PageNumber\":2", "", ENVELOPE_OK, ""},
    {"\"CurrentPageSize\":2", "\"A\":2", ENVELOPE_OK, ""},
    {",\"PageSize\":2", "", ENVELOPE_OK, ""},
    {"\"PageNumber\":2", "\"PageNumber\":1", ENVELOPE_BAD, "PageNumber contradicts"},
    {"\"PageSize\":2", "\"PageSize\":1", ENVELOPE_BAD, "PageSize contradicts"},
    /* counts */
    {"\"CurrentPage\":2", "\"CurrentPage\":1", ENVELOPE_BAD, "CurrentPage contradicts"},
    {"\"CurrentPage\":2", "\"CurrentPage\":3", ENVELOPE_BAD, "CurrentPage contradicts"},
    {"\"CurrentPageSize\":2", "\"CurrentPageSize\":3", ENVELOPE_BAD, "larger than what was asked"},
    {"\"CurrentPageSize\":2", "\"CurrentPageSize\":0", ENVELOPE_BAD, "or of size 0"},
    {"\"CurrentPageSize\":2", "\"CurrentPageSize\":1", ENVELOPE_BAD, "number of records"},
    {"\"FirstItem\":3", "\"FirstItem\":2", ENVELOPE_BAD, "FirstItem contradicts"},
    {"\"FirstItem\":3", "\"FirstItem\":-3", ENVELOPE_BAD, "FirstItem contradicts"},
    {"\"LastItem\":4", "\"LastItem\":5", ENVELOPE_BAD, "LastItem contradicts"},
    {"\"TotalItems\":5", "\"TotalItems\":7", ENVELOPE_BAD, "TotalPages contradicts"},
    {"\"TotalItems\":5", "\"TotalItems\":6", ENVELOPE_OK, ""},
    {"\"TotalItems\":5", "\"TotalItems\":4", ENVELOPE_BAD, "TotalPages contradicts"},
    {"\"TotalItems\":5", "\"TotalItems\":3", ENVELOPE_BAD, "number of records"},
    {"\"TotalItems\":5", "\"TotalItems\":0", ENVELOPE_BAD, "number of records"},
    {"\"TotalPages\":3", "\"TotalPages\":4", ENVELOPE_BAD, "TotalPages contradicts"},
    {"\"HasNextPage\":true", "\"HasNextPage\":false", ENVELOPE_BAD, "HasNextPage contradicts"},
    {"\"HasPreviousPage\":true", "\"HasPreviousPage\":false", ENVELOPE_BAD, "HasPreviousPage contradicts"},
    {",{\"Id\":4,\"Name\":\"b\"}", "", ENVELOPE_BAD, "number of records"},
    {"{\"Id\":4,\"Name\":\"b\"}", "{},{}", ENVELOPE_BAD, "more records than were asked for"},
};

static void judges_every_change(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct envelope envelope;
        int64_t cap = 0;
        char why[ENVELOPE_WHY_MAX];
        change(&text, ROWS[i].from, ROWS[i].to);
        enum envelope_verdict verdict = read_text(buf_slice(&text), 2, 1, &envelope, &cap, why);
        if (verdict != ROWS[i].verdict || strstr(why, ROWS[i].why) == NULL)
            fail_msg("%s -> %s: verdict %d: %s", ROWS[i].from, ROWS[i].to, (int)verdict, why);
        assert_int_equal(cap, 0);
        if (verdict == ENVELOPE_OK)
            assert_int_equal(envelope.record_count, 2);
        envelope_free(&envelope);
    }
    buf_free(&text);
}

static struct slice part(const char *text, uint32_t at, uint32_t length)
{
    return slice_make(text + at, length);
}

/* Some APIs name the page in other members; in one of them it must be. */
static void needs_a_page_and_its_size(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } TEXTS[] = {
        {"{\"Records\":[],\"TotalItems\":0}", "number is missing"},
        {"{\"Records\":[],\"TotalItems\":0,\"CurrentPageSize\":2}", "number is missing"},
        {"{\"Records\":[],\"TotalItems\":0,\"CurrentPage\":1}", "size is missing"},
        {"{\"Records\":[],\"TotalItems\":0,\"PageNumber\":1}", "size is missing"},
        {"{\"Records\":[],\"TotalItems\":0,\"PageNumber\":1,\"PageSize\":2}", NULL},
    };
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        struct envelope envelope;
        int64_t cap;
        char why[ENVELOPE_WHY_MAX];
        enum envelope_verdict verdict = read_text(slice_of(TEXTS[i].text), 2, 0, &envelope, &cap, why);
        assert_int_equal(verdict, TEXTS[i].why == NULL ? ENVELOPE_OK : ENVELOPE_BAD);
        if (verdict == ENVELOPE_OK)
            envelope_free(&envelope);
        else
            assert_non_null(strstr(why, TEXTS[i].why));
    }
}

static void indexes_members_and_records(void **state)
{
    (void)state;
    static const char TEXT[] = "{ \"Odd\" : [1, 2] , \"Records\" :\n[ {\"Id\" : 1.50, \"x\":{\"Id\":2}} ,\t{ "
                               "\"\\u0049d\":1.50 },{\"x\":1},{}, "
                               "{\"Id\":null},{\"Id\":7,\"Id\":8}],\"TotalItems\":6,\"PageNumber\":1,\"PageSize\":9}";
    static const char *const RECORDS[] = {"{\"Id\" : 1.50, \"x\":{\"Id\":2}}",
                                          "{ \"\\u0049d\":1.50 }",
                                          "{\"x\":1}",
                                          "{}",
                                          "{\"Id\":null}",
                                          "{\"Id\":7,\"Id\":8}"};
    static const char *const NAMED_BY[] = {"1.50", "1.50", "{\"x\":1}", "{}", "{\"Id\":null}", "7"};
    struct envelope envelope;
    int64_t cap = 0;
    char why[ENVELOPE_WHY_MAX];
    assert_int_equal(read_text(slice_of(TEXT), 9, 0, &envelope, &cap, why), ENVELOPE_OK);
    assert_int_equal(envelope.total_items, 6);
    assert_int_equal(envelope.record_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_true(slice_is(part(TEXT, envelope.records[i].at, envelope.records[i].length), RECORDS[i]));
        assert_int_equal(envelope.records[i].identity, hash_open(slice_of(NAMED_BY[i])).low);
    }
    assert_int_equal(envelope.member_count, 5);
    const struct envelope_member *odd = &envelope.members[0];
    assert_int_equal(odd->field, ENVELOPE_UNKNOWN);
    assert_true(slice_is(part(TEXT, odd->name_at, odd->name_length), "\"Odd\""));
    assert_true(slice_is(part(TEXT, odd->value_at, odd->value_length), "[1, 2]"));
    assert_int_equal(envelope.members[1].field, ENVELOPE_RECORDS);
    assert_int_equal(envelope.members[2].field, ENVELOPE_TOTAL_ITEMS);
    assert_int_equal(envelope.members[4].field, ENVELOPE_PAGE_SIZE);
    assert_true(slice_is(envelope_field_name(ENVELOPE_PAGE_SIZE), "PageSize"));
    assert_int_equal(envelope_field_name(ENVELOPE_UNKNOWN).length, 0);
    envelope_free(&envelope);
    assert_int_equal(envelope.record_count, 0);
}

struct page_row {
    int64_t size, index; /* asked */
    const char *rest;    /* behind Records, of `records` empty objects */
    int records;
    enum envelope_verdict verdict;
    int64_t cap;
};

static const struct page_row PAGES[] = {
    /* nothing matches */
    {200, 0, "\"TotalItems\":0,\"TotalPages\":0,\"PageNumber\":1,\"PageSize\":200,\"HasNextPage\":false", 0,
     ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":0,\"TotalPages\":1,\"PageNumber\":1,\"PageSize\":200", 0, ENVELOPE_BAD, 0},
    {200, 0, "\"TotalItems\":0,\"FirstItem\":1,\"LastItem\":0,\"PageNumber\":1,\"PageSize\":200", 0, ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":0,\"FirstItem\":-7,\"LastItem\":1e9,\"PageNumber\":1,\"PageSize\":200", 0, ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":0,\"FirstItem\":null,\"PageNumber\":1,\"PageSize\":200", 0, ENVELOPE_OK, 0},
    /* past the end */
    {2, 9, "\"TotalItems\":3,\"TotalPages\":2,\"PageNumber\":10,\"PageSize\":2,\"HasPreviousPage\":true", 0,
     ENVELOPE_OK, 0},
    {2, 9, "\"TotalItems\":3,\"PageNumber\":10,\"PageSize\":2,\"HasNextPage\":true", 0, ENVELOPE_BAD, 0},
    {2, 9, "\"TotalItems\":3,\"PageNumber\":10,\"PageSize\":2,\"HasPreviousPage\":false", 0, ENVELOPE_BAD, 0},
    {2, 2147483646, "\"TotalItems\":9007199254740992,\"PageNumber\":2147483647,\"PageSize\":2", 2, ENVELOPE_OK, 0},
    {1000, 4503599627370, "\"TotalItems\":3,\"PageNumber\":4503599627371,\"PageSize\":1000", 0, ENVELOPE_OK, 0},
    /* the last page is short */
    {2, 1, "\"TotalItems\":3,\"PageNumber\":2,\"PageSize\":2", 1, ENVELOPE_OK, 0},
    {2, 1, "\"TotalItems\":4,\"PageNumber\":2,\"PageSize\":2", 1, ENVELOPE_BAD, 0},
    {2, 1, "\"TotalItems\":3,\"PageNumber\":2,\"PageSize\":2", 2, ENVELOPE_BAD, 0},
    /* a cap: all there is, or not */
    {200, 0, "\"TotalItems\":2,\"PageNumber\":1,\"PageSize\":3", 2, ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":3,\"PageNumber\":1,\"PageSize\":3", 3, ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":0,\"PageNumber\":1,\"PageSize\":3", 0, ENVELOPE_OK, 0},
    {200, 0, "\"TotalItems\":4,\"PageNumber\":1,\"PageSize\":3", 3, ENVELOPE_CAPPED, 3},
    {200, 0, "\"TotalItems\":4,\"TotalPages\":2,\"HasNextPage\":true,\"PageNumber\":1,\"PageSize\":3", 3,
     ENVELOPE_CAPPED, 3},
    {200, 0, "\"TotalItems\":4,\"TotalPages\":1,\"PageNumber\":1,\"PageSize\":3", 3, ENVELOPE_BAD, 0},
    {200, 0, "\"TotalItems\":4,\"PageNumber\":1,\"PageSize\":3", 4, ENVELOPE_BAD, 0},
    {200, 0, "\"TotalItems\":4,\"PageNumber\":1,\"PageSize\":3,\"CurrentPageSize\":200", 3, ENVELOPE_BAD, 0},
    {200, 1, "\"TotalItems\":5,\"PageNumber\":2,\"PageSize\":3", 2, ENVELOPE_CAPPED, 3},
    {200, 1, "\"TotalItems\":2,\"PageNumber\":2,\"PageSize\":3", 0, ENVELOPE_OK, 0},
    {200, 1, "\"TotalItems\":5,\"PageNumber\":1,\"PageSize\":3", 2, ENVELOPE_BAD, 0},
};

static void judges_every_page(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < sizeof(PAGES) / sizeof(PAGES[0]); i++) {
        const struct page_row *row = &PAGES[i];
        buf_reset(&text);
        buf_add_text(&text, "{\"Records\":[");
        for (int k = 0; k < row->records; k++)
            buf_add_text(&text, k > 0 ? ",{}" : "{}");
        buf_format(&text, "],%s}", row->rest);
        struct envelope envelope;
        int64_t cap = 0;
        char why[ENVELOPE_WHY_MAX];
        enum envelope_verdict verdict = read_text(buf_slice(&text), row->size, row->index, &envelope, &cap, why);
        if (verdict != row->verdict || cap != row->cap)
            fail_msg("%s with %d records: verdict %d, cap %d: %s", row->rest, row->records, (int)verdict, (int)cap,
                     why);
        if (verdict == ENVELOPE_OK)
            assert_int_equal(envelope.records == NULL, row->records == 0);
        envelope_free(&envelope);
    }
    buf_free(&text);
}

/* An envelope of many records, each `record`. */
static void make_long(struct buf *text, int records, const char *record, const char *extra)
{
    buf_reset(text);
    buf_add_text(text, "{\"Records\":[");
    for (int i = 0; i < records; i++)
        buf_format(text, "%s%s", i > 0 ? "," : "", record);
    buf_format(text, "],\"TotalItems\":%d,\"PageNumber\":1,\"PageSize\":1000%s}", records, extra);
}

static void everything_has_a_limit(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 2 * ENVELOPE_BODY_MAX);
    struct envelope envelope;
    int64_t cap = 0;
    char why[ENVELOPE_WHY_MAX];

    make_long(&text, ENVELOPE_RECORDS_MAX, "{}", "");
    assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), ENVELOPE_OK);
    assert_int_equal(envelope.record_count, ENVELOPE_RECORDS_MAX);
    envelope_free(&envelope);
    make_long(&text, ENVELOPE_RECORDS_MAX + 1, "{}", "");
    assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), ENVELOPE_BAD);

    for (int members = ENVELOPE_MEMBERS_MAX - 4; members <= ENVELOPE_MEMBERS_MAX - 3; members++) {
        struct buf extra;
        buf_init(&extra, TEXT_MAX);
        for (int i = 0; i < members; i++)
            buf_add_text(&extra, ",\"x\":0");
        buf_add_char(&extra, '\0');
        make_long(&text, 1, "{}", extra.bytes);
        bool fits = members + 4 <= ENVELOPE_MEMBERS_MAX;
        assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), fits ? ENVELOPE_OK : ENVELOPE_BAD);
        envelope_free(&envelope);
        buf_free(&extra);
    }

    /* a record's braces are the third level: its member may open 61 more, and a member of the envelope 63 */
    for (int depth = ENVELOPE_DEPTH_MAX - 3; depth <= ENVELOPE_DEPTH_MAX; depth++) {
        char nest[2 * ENVELOPE_DEPTH_MAX + 1] = "";
        char record[sizeof(nest) + 16], extra[sizeof(nest) + 16];
        memset(nest, '[', (size_t)depth);
        memset(nest + depth, ']', (size_t)depth);
        (void)snprintf(record, sizeof(record), "{\"x\":%s}", nest);
        (void)snprintf(extra, sizeof(extra), ",\"x\":%s", nest);
        make_long(&text, 1, record, "");
        enum envelope_verdict expected = depth + 3 <= ENVELOPE_DEPTH_MAX ? ENVELOPE_OK : ENVELOPE_BAD;
        assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), expected);
        envelope_free(&envelope);
        make_long(&text, 1, "{}", extra);
        expected = depth + 1 <= ENVELOPE_DEPTH_MAX ? ENVELOPE_OK : ENVELOPE_BAD;
        assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), expected);
        envelope_free(&envelope);
    }

    /* Pages carry all but the records: TotalItems, PageNumber, PageSize and x with its quotes are 45 bytes. */
    for (int excess = 0; excess <= 1; excess++) {
        struct buf extra;
        buf_init(&extra, TEXT_MAX);
        buf_add_text(&extra, ",\"x\":\"");
        for (int i = 0; i < ENVELOPE_TEXT_MAX - 45 + excess; i++)
            buf_add_char(&extra, 'y');
        buf_add(&extra, slice_make("\"\0", 2));
        make_long(&text, 1, "{}", extra.bytes);
        assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why),
                         excess == 0 ? ENVELOPE_OK : ENVELOPE_BAD);
        envelope_free(&envelope);
        buf_free(&extra);
    }
    assert_string_equal(why, "The members beside the records are too long.");

    make_long(&text, 1, "{}", "");
    while (text.length < ENVELOPE_BODY_MAX)
        buf_add_char(&text, ' ');
    assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), ENVELOPE_OK);
    envelope_free(&envelope);
    buf_add_char(&text, ' ');
    assert_int_equal(read_text(buf_slice(&text), 1000, 0, &envelope, &cap, why), ENVELOPE_BAD);
    assert_string_equal(why, "The answer is too long.");
    buf_free(&text);
}

/* What an envelope of ours says of page index + 1, of which `lie` is the member that says one more. */
static void make_random(struct random *random, struct buf *text, struct window window, int64_t total, int lie)
{
    int64_t left = total - window.index * window.size;
    int64_t count = left < 0 ? 0 : left < window.size ? left : window.size;
    int64_t pages = (total + window.size - 1) / window.size;
    const struct {
        enum envelope_field field;
        int64_t value;
    } members[] = {
        {ENVELOPE_CURRENT_PAGE, window.index + 1},
        {ENVELOPE_CURRENT_PAGE_SIZE, window.size},
        {ENVELOPE_FIRST_ITEM, window.index * window.size + 1},
        {ENVELOPE_LAST_ITEM, window.index * window.size + count},
        {ENVELOPE_TOTAL_PAGES, pages},
        {ENVELOPE_PAGE_NUMBER, window.index + 1},
        {ENVELOPE_PAGE_SIZE, window.size},
        {ENVELOPE_HAS_NEXT_PAGE, window.index + 1 < pages},
        {ENVELOPE_HAS_PREVIOUS_PAGE, window.index > 0},
    };
    enum { MEMBERS = sizeof(members) / sizeof(members[0]) };
    size_t turn = (size_t)random_between(random, 0, MEMBERS - 1);
    buf_reset(text);
    buf_format(text, "{\"TotalItems\":%lld", (long long)total);
    for (size_t i = 0; i < MEMBERS; i++) {
        size_t at = (i + turn) % MEMBERS;
        int64_t value = members[at].value + ((int)at == lie ? 1 : 0);
        buf_format(text, ", \"%s\": ", envelope_field_name(members[at].field).at);
        if (members[at].field >= ENVELOPE_HAS_NEXT_PAGE && members[at].field <= ENVELOPE_HAS_PREVIOUS_PAGE)
            buf_add_text(text, value % 2 != 0 ? "true" : "false");
        else
            buf_add_integer(text, value);
    }
    buf_add_text(text, ",\"Records\":[");
    for (int64_t i = 0; i < count + (lie == MEMBERS ? 1 : 0); i++)
        buf_format(text, "%s{\"Id\":%lld}", i > 0 ? "," : "", (long long)i);
    buf_add_text(text, "]}");
}

static void random_envelopes_are_good_until_one_count_lies(void **state)
{
    (void)state;
    enum { ENVELOPES = 3000, LIES = 10 };
    struct random random;
    random_init(&random, 7);
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (int i = 0; i < ENVELOPES; i++) {
        struct window window = {random_between(&random, 1, 40), random_between(&random, 0, 5)};
        int64_t total = random_between(&random, 0, 120);
        bool has_records = total > window.index * window.size;
        for (int lie = -1; lie < LIES; lie++) {
            bool meaningless = !has_records && (lie == 2 || lie == 3);
            struct envelope envelope;
            int64_t cap = 0;
            char why[ENVELOPE_WHY_MAX];
            make_random(&random, &text, window, total, lie);
            enum envelope_verdict verdict =
                read_text(buf_slice(&text), window.size, window.index, &envelope, &cap, why);
            if ((verdict == ENVELOPE_OK) != (lie < 0 || meaningless))
                fail_msg("lie %d, verdict %d, %s: %.*s", lie, (int)verdict, why, (int)text.length, text.bytes);
            envelope_free(&envelope);
        }
    }
    buf_free(&text);
}

static void whatever_is_cut_off_is_bad(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(PAGE_2) - 1; length++) {
        /* a copy of its own size, so that a read past the end is seen */
        char *copy = mem_copy_text(PAGE_2, length);
        char *exact = mem_try_resize(copy, length > 0 ? length : 1);
        struct envelope envelope;
        int64_t cap = 0;
        char why[ENVELOPE_WHY_MAX];
        assert_int_equal(read_text(slice_make(exact, length), 2, 1, &envelope, &cap, why), ENVELOPE_BAD);
        mem_free(exact);
    }
}

/* Every byte replaced by every other: what is taken, jansson takes too. */
static void nothing_broken_is_believed(void **state)
{
    (void)state;
    char text[sizeof(PAGE_2)];
    memcpy(text, PAGE_2, sizeof(text));
    size_t believed = 0;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            text[at] = (char)byte;
            struct envelope envelope;
            int64_t cap = 0;
            char why[ENVELOPE_WHY_MAX];
            enum envelope_verdict verdict = read_text(slice_make(text, sizeof(text) - 1), 2, 1, &envelope, &cap, why);
            if (verdict == ENVELOPE_OK) {
                json_t *json = json_loadb(text, sizeof(text) - 1, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
                if (json == NULL)
                    fail_msg("%s", text);
                json_decref(json);
                believed++;
            }
            envelope_free(&envelope);
        }
        text[at] = PAGE_2[at];
    }
    assert_true(believed > sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_every_change),         cmocka_unit_test(needs_a_page_and_its_size),
        cmocka_unit_test(indexes_members_and_records), cmocka_unit_test(judges_every_page),
        cmocka_unit_test(everything_has_a_limit),      cmocka_unit_test(random_envelopes_are_good_until_one_count_lies),
        cmocka_unit_test(whatever_is_cut_off_is_bad),  cmocka_unit_test(nothing_broken_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
