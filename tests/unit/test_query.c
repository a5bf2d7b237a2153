/* SPDX-License-Identifier: MIT */
/* The canonical query: one row for each spelling, for each refusal, for each scope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "search/query.h"

#include <stdio.h>

enum { FILE_MAX = 65536 };

/* What every test works with. */
struct fixture {
    struct schema *webhooks;
    struct schema *coworkers;
    struct buf canonical;
    struct query query;
    struct query_error error;
};

static const struct scope EVERYWHERE = {.all = true};

static struct schema *read_schema(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = mem_new(FILE_MAX);
    size_t length = fread(text, 1, FILE_MAX, file);
    (void)fclose(file);
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema *schema = schema_read(slice_make(text, length), path, &complaints);
    assert_int_equal(complaints.errors, 0);
    complaints_free(&complaints);
    mem_free(text);
    return schema;
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_new(sizeof(*fixture));
    fixture->webhooks = schema_builtin_webhooks();
    fixture->coworkers = read_schema("tests/data/coworkers.json");
    buf_init(&fixture->canonical, 3 * FILE_MAX + 64);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    schema_free(fixture->webhooks);
    schema_free(fixture->coworkers);
    buf_free(&fixture->canonical);
    mem_free(fixture);
    return 0;
}

static enum query_verdict ask(struct fixture *fixture, const struct schema *schema, const struct scope *scope,
                              struct slice raw)
{
    memset(&fixture->error, 'x', sizeof(fixture->error)); /* a refusal must fill all of it */
    fixture->error.has_value = false;
    return query_normalise(schema, scope, raw, &fixture->canonical, &fixture->query, &fixture->error);
}

struct good_row {
    const char *raw;
    const char *canonical;
    int page, size; /* 0: the default */
};

static void check_good(struct fixture *fixture, const struct schema *schema, const struct good_row *row,
                       struct good_row defaults)
{
    enum query_verdict verdict = ask(fixture, schema, &EVERYWHERE, slice_of(row->raw));
    if (verdict != QUERY_OK)
        fail_msg("%s: %s", row->raw, fixture->error.detail);
    struct slice canonical = fixture->query.canonical;
    if (!slice_is(canonical, row->canonical))
        fail_msg("%s: %.*s, not %s", row->raw, (int)canonical.length, canonical.at, row->canonical);
    assert_ptr_equal(fixture->query.schema, schema);
    assert_int_equal(fixture->query.page, row->page > 0 ? row->page : defaults.page);
    assert_int_equal(fixture->query.size, row->size > 0 ? row->size : defaults.size);
}

static const struct good_row GOOD[] = {
    {"", "", 0, 0},
    /* order, case and pieces */
    {"WebHook_Name=a&WebHook_Active=true", "WebHook_Active=true&WebHook_Name=a", 0, 0},
    {"webhook_name=a&WEBHOOK_ACTIVE=TRUE", "WebHook_Active=true&WebHook_Name=a", 0, 0},
    {"&&WebHook_Name=a&&&WebHook_Active=true&", "WebHook_Active=true&WebHook_Name=a", 0, 0},
    {"to_WebHook_ErrorCount=9&WebHook_Name=z&Id=1&dir=1", "Id=1&WebHook_Name=z&dir=1&to_WebHook_ErrorCount=9", 0, 0},
    {"%57eb%48ook%5fName=a", "WebHook_Name=a", 0, 0},
    /* paging stands apart */
    {"page=3&size=50", "", 3, 50},
    {"PAGE=0003&Size=1", "", 3, 1},
    {"page=&size=", "", 1, 25},
    {"page=2147483647&size=1000", "", 2147483647, 1000},
    {"size=%32%35&page=%31", "", 1, 25},
    /* defaults and empty values are left out */
    {"orderBy=Id&dir=0", "", 0, 0},
    {"orderby=ID&dir=Ascending", "", 0, 0},
    {"orderBy&dir&WebHook_Name", "", 0, 0},
    {"orderBy=&dir=&WebHook_Name=&WebHook_Business=", "", 0, 0},
    {"orderBy=createdon&dir=1", "dir=1&orderBy=CreatedOn", 0, 0},
    {"dir=DESCENDING", "dir=1", 0, 0},
    {"dir=-0", "", 0, 0},
    {"dir=01", "dir=1", 0, 0},
    /* integers */
    {"WebHook_ErrorCount=007", "WebHook_ErrorCount=7", 0, 0},
    {"WebHook_ErrorCount=-0", "WebHook_ErrorCount=0", 0, 0},
    {"WebHook_ErrorCount=-007", "WebHook_ErrorCount=-7", 0, 0},
    {"WebHook_ErrorCount=%2D7", "WebHook_ErrorCount=-7", 0, 0},
    {"WebHook_ErrorCount=9223372036854775807", "WebHook_ErrorCount=9223372036854775807", 0, 0},
    {"WebHook_ErrorCount=-9223372036854775808", "WebHook_ErrorCount=-9223372036854775808", 0, 0},
    {"WebHook_ErrorCount=00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
     "WebHook_ErrorCount=1", 0, 0},
    {"WebHook_ErrorCount=%30000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
     "WebHook_ErrorCount=1", 0, 0},
    {"from_WebHook_ErrorCount=9&to_WebHook_ErrorCount=1", "from_WebHook_ErrorCount=9&to_WebHook_ErrorCount=1", 0, 0},
    /* booleans */
    {"WebHook_Active=False", "WebHook_Active=false", 0, 0},
    {"WebHook_Active=%54rue", "WebHook_Active=true", 0, 0},
    /* enums, by number and by name */
    {"WebHook_Action=90", "WebHook_Action=90", 0, 0},
    {"WebHook_Action=CoworkerPaymentMethodUpdate", "WebHook_Action=90", 0, 0},
    {"WebHook_Action=none", "WebHook_Action=1", 0, 0},
    {"WebHook_Action=HELDESKMESSAGECREATED", "WebHook_Action=45", 0, 0},
    {"WebHook_Action=%4eone", "WebHook_Action=1", 0, 0},
    {"WebHook_Action=0045", "WebHook_Action=45", 0, 0},
    /* date-times */
    {"WebHook_LastTrigger=2025-01-15T10:30", "WebHook_LastTrigger=2025-01-15T10:30", 0, 0},
    {"WebHook_LastTrigger=2025-01-15T10%3A30", "WebHook_LastTrigger=2025-01-15T10:30", 0, 0},
    {"WebHook_LastTrigger=2025-01-15T10:30:00", "WebHook_LastTrigger=2025-01-15T10:30", 0, 0},
    {"WebHook_LastTrigger=%32025-01-15T10%3a30%3a00", "WebHook_LastTrigger=2025-01-15T10:30", 0, 0},
    {"from_WebHook_CreatedOn=2024-02-29T23:59&to_WebHook_CreatedOn=0001-01-01T00:00",
     "from_WebHook_CreatedOn=2024-02-29T23:59&to_WebHook_CreatedOn=0001-01-01T00:00", 0, 0},
    /* strings: kept as they are, spelt in one way */
    {"WebHook_Name=a+b", "WebHook_Name=a%20b", 0, 0},
    {"WebHook_Name=a%20b", "WebHook_Name=a%20b", 0, 0},
    {"WebHook_Name=a%2Bb", "WebHook_Name=a%2Bb", 0, 0},
    {"WebHook_Name=a%2bb%41", "WebHook_Name=a%2BbA", 0, 0},
    {"WebHook_Name=+", "WebHook_Name=%20", 0, 0},
    {"WebHook_Name=+a+", "WebHook_Name=%20a%20", 0, 0},
    {"WebHook_Name=a=b=c", "WebHook_Name=a%3Db%3Dc", 0, 0},
    {"WebHook_Name=%26%23%25%3d", "WebHook_Name=%26%23%25%3D", 0, 0},
    {"WebHook_Name=-._~!$'()*,;:@/?", "WebHook_Name=-._~%21%24%27%28%29%2A%2C%3B:%40/%3F", 0, 0},
    {"WebHook_Name=\xc3\xa9", "WebHook_Name=%C3%A9", 0, 0},
    {"WebHook_Name=%c3%a9", "WebHook_Name=%C3%A9", 0, 0},
    {"WebHook_Name=\xc3%a9", "WebHook_Name=%C3%A9", 0, 0},
    {"WebHook_Name=e%CC%81", "WebHook_Name=e%CC%81", 0, 0}, /* not composed */
    {"WebHook_Name=%F0%9F%98%80", "WebHook_Name=%F0%9F%98%80", 0, 0},
    {"WebHook_Name=%01%7f", "WebHook_Name=%01%7F", 0, 0},
    {"WebHook_URL=https://a.example/x?y=1%26z=2", "WebHook_URL=https://a.example/x%3Fy%3D1%26z%3D2", 0, 0},
    {"UniqueId=00000000-ABCD-abcd-0000-000000000000", "UniqueId=00000000-ABCD-abcd-0000-000000000000", 0, 0},
    /* repeated values: sorted by number, each once */
    {"Id=30&Id=4&id=200", "Id=4&Id=30&Id=200", 0, 0},
    {"Id=4&Id=04&iD=%34&Id=-4&Id=-0&Id=0", "Id=-4&Id=0&Id=4", 0, 0},
    {"Id=&Id=5&Id", "Id=5", 0, 0},
    {"Id=&Id=&ID", "", 0, 0},
};

static void spells_every_query_in_one_way(void **state)
{
    struct fixture *fixture = *state;
    static const struct good_row DEFAULTS = {"", "", 1, 25};
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
        check_good(fixture, fixture->webhooks, &GOOD[i], DEFAULTS);
}

static const struct good_row COWORKERS[] = {
    {"", "", 0, 0},
    {"coworker_email=A@b.example", "Coworker_Email=A%40b.example", 0, 0},
    {"Coworker_Active=true&dir=1&orderBy=fullname", "", 0, 0},
    {"Coworker_Active=false&dir=0", "Coworker_Active=false&dir=0", 0, 0},
    {"Coworker_Country=%c3%85land+%26+co", "", 0, 0},
    {"Coworker_Country=\xc3\x85land%20%26+co", "", 0, 0},
    {"Coworker_Country=Aland", "Coworker_Country=Aland", 0, 0},
    {"Coworker_Type=guest&Coworker_Type=2&coworker_type=COMPANY&Coworker_Type=Visitor",
     "Coworker_Type=-3&Coworker_Type=2", 0, 0},
    {"Coworker_Tag=b&Coworker_Tag=a+&Coworker_Tag=&Coworker_Tag=%61%20&Coworker_Tag=a&Coworker_Tag=%c3%a9&Coworker_Tag="
     "Z",
     "Coworker_Tag=Z&Coworker_Tag=a&Coworker_Tag=a%20&Coworker_Tag=b&Coworker_Tag=%C3%A9", 0, 0},
    {"Coworker_Tag=%7e&Coworker_Tag=%21&Coworker_Tag=~", "Coworker_Tag=%21&Coworker_Tag=~", 0, 0},
    {"Coworker_Floor=-2&size=100&page=7", "Coworker_Floor=-2", 7, 100},
    {"from_coworker_createdon=2025-01-01T00:00", "from_Coworker_CreatedOn=2025-01-01T00:00", 0, 0},
};

static void another_entity_is_a_file(void **state)
{
    struct fixture *fixture = *state;
    static const struct good_row DEFAULTS = {"", "", 1, 10};
    for (size_t i = 0; i < sizeof(COWORKERS) / sizeof(COWORKERS[0]); i++)
        check_good(fixture, fixture->coworkers, &COWORKERS[i], DEFAULTS);
    assert_int_equal(ask(fixture, fixture->coworkers, &EVERYWHERE, slice_of("WebHook_Name=a")), QUERY_INVALID);
    assert_int_equal(ask(fixture, fixture->coworkers, &EVERYWHERE, slice_of("Coworker_Floor=41")), QUERY_INVALID);
    assert_string_equal(fixture->error.expected, "an integer from -2 to 40");
    assert_int_equal(ask(fixture, fixture->coworkers, &EVERYWHERE, slice_of("size=101")), QUERY_INVALID);
    assert_int_equal(ask(fixture, fixture->coworkers, &EVERYWHERE, slice_of("Coworker_Type=3")), QUERY_INVALID);
    assert_string_equal(fixture->error.expected,
                        "by name or number, one of Company (2), Guest (-3), Individual (1), Visitor (-3)");
}

struct bad_row {
    const char *raw;
    const char *parameter;
    const char *value;    /* NULL: none */
    const char *expected; /* how it begins */
    const char *detail;   /* a part of it */
};

#define DATE_EXPECTED "a date-time YYYY-MM-DDTHH:mm"

static const struct bad_row BAD[] = {
    /* names */
    {"WebHook_Nmae=a", "WebHook_Nmae", "a", "one of Id, UniqueId, WebHook_Action", "did you mean WebHook_Name?"},
    {"webhook_busines=", "webhook_busines", "", "one of Id,", "did you mean WebHook_Business?"},
    {"sort=Name", "sort", "Name", "one of Id,", "There is no parameter sort."},
    {"a%20b+%c3%a9=1", "a b \xc3\xa9", "1", "one of Id,", "There is no parameter a b \xc3\xa9."},
    {"WebHook_Name+=1", "WebHook_Name ", "1", "one of Id,", "did you mean WebHook_Name?"},
    {"=1", "", "1", "one of Id,", "without a name"},
    {"WebHook_Name=a&=", "", "", "one of Id,", "without a name"},
    {"WebHook%4=1", "WebHook", "1", "", "name of a parameter holds a '%'"},
    {"%00Id=1", "", "1", "", "name of a parameter holds a NUL"},
    {"Id%ff=1", "Id", "1", "", "name of a parameter is not UTF-8"},
    /* given twice, even if one is empty, equal or the default */
    {"WebHook_Name=a&webhook_name=a", "WebHook_Name", "a", "one value", "more than once"},
    {"WebHook_Name=&WebHook_Name=a", "WebHook_Name", "a", "one value", "more than once"},
    {"WebHook_Name&WebHook_Name", "WebHook_Name", "", "one value", "more than once"},
    {"page=1&PAGE=1", "page", "1", "one value", "more than once"},
    {"dir=0&%64ir=0", "dir", "0", "one value", "more than once"},
    /* integers */
    {"page=0", "page", "0", "an integer from 1 to 2147483647", "out of range"},
    {"page=2147483648", "page", "2147483648", "an integer from 1 to 2147483647", "out of range"},
    {"size=1001", "size", "1001", "an integer from 1 to 1000", "out of range"},
    {"size=-1", "size", "-1", "an integer from 1 to 1000", "out of range"},
    {"size=all", "size", "all", "an integer from 1 to 1000", "not an integer"},
    {"WebHook_Business=%2B5", "WebHook_Business", "+5", "an integer", "not an integer"},
    {"WebHook_Business=+5", "WebHook_Business", " 5", "an integer", "not an integer"},
    {"WebHook_Business=5+", "WebHook_Business", "5 ", "an integer", "not an integer"},
    {"WebHook_Business=-", "WebHook_Business", "-", "an integer", "not an integer"},
    {"WebHook_Business=--5", "WebHook_Business", "--5", "an integer", "not an integer"},
    {"WebHook_Business=1e3", "WebHook_Business", "1e3", "an integer", "not an integer"},
    {"WebHook_Business=1.0", "WebHook_Business", "1.0", "an integer", "not an integer"},
    {"WebHook_Business=0x10", "WebHook_Business", "0x10", "an integer", "not an integer"},
    {"WebHook_Business=\xd9\xa1", "WebHook_Business", "\xd9\xa1", "an integer", "not an integer"},
    {"Id=1&Id=9223372036854775808", "Id", "9223372036854775808", "an integer", "does not fit 64 bits"},
    {"Id=-9223372036854775809", "Id", "-9223372036854775809", "an integer", "does not fit 64 bits"},
    {"Id=1,2", "Id", "1,2", "an integer", "not an integer"},
    /* booleans */
    {"WebHook_Active=1", "WebHook_Active", "1", "true or false", "neither true nor false"},
    {"WebHook_Active=yes", "WebHook_Active", "yes", "true or false", "neither true nor false"},
    {"WebHook_Active=true+", "WebHook_Active", "true ", "true or false", "neither true nor false"},
    /* enums */
    {"WebHook_Action=0", "WebHook_Action", "0", "by name or number, one of AccessControlUpdate (61), ", "not a number"},
    {"WebHook_Action=91", "WebHook_Action", "91", "by name or number", "not a number of its table"},
    {"WebHook_Action=-1", "WebHook_Action", "-1", "by name or number", "not a number of its table"},
    {"WebHook_Action=99999999999999999999", "WebHook_Action", "99999999999999999999", "by name", "not a number"},
    {"WebHook_Action=BookingCreated", "WebHook_Action", "BookingCreated", "by name", "the nearest is BookingCreate."},
    {"WebHook_Action=xyzzy", "WebHook_Action", "xyzzy", "by name", "not one of those"},
    /* sorting */
    {"orderBy=Nam", "orderBy", "Nam", "one of Action, Active, ", "the nearest is Name."},
    {"orderBy=WebHook_Name", "orderBy", "WebHook_Name", "one of Action", "not one of those"},
    {"dir=-1", "dir", "-1", "0 or ascending, 1 or descending", "older generations"},
    {"dir=2", "dir", "2", "0 or ascending, 1 or descending", "not a direction"},
    {"dir=desc", "dir", "desc", "0 or ascending, 1 or descending", "not a direction"},
    /* date-times */
    {"WebHook_LastTrigger=2025-02-29T10:30", "WebHook_LastTrigger", "2025-02-29T10:30", DATE_EXPECTED, "calendar"},
    {"WebHook_LastTrigger=2025-01-15", "WebHook_LastTrigger", "2025-01-15", DATE_EXPECTED, "of the form"},
    {"WebHook_LastTrigger=2025-01-15T10:30:01", "WebHook_LastTrigger", "2025-01-15T10:30:01", DATE_EXPECTED,
     "only :00"},
    {"WebHook_LastTrigger=2025-01-15T10:30Z", "WebHook_LastTrigger", "2025-01-15T10:30Z", DATE_EXPECTED,
     "wall clock of the location"},
    {"WebHook_LastTrigger=2025-01-15T10:30+02:00", "WebHook_LastTrigger", "2025-01-15T10:30 02:00", DATE_EXPECTED,
     "wall clock of the location"},
    /* text */
    {"WebHook_Name=100%", "WebHook_Name", "100", "text in UTF-8 without NUL", "two hexadecimal digits"},
    {"WebHook_Name=%4", "WebHook_Name", "", "text in UTF-8 without NUL", "two hexadecimal digits"},
    {"WebHook_Name=a%4g", "WebHook_Name", "a", "text in UTF-8 without NUL", "two hexadecimal digits"},
    {"WebHook_Name=a%00b", "WebHook_Name", "a", "text in UTF-8 without NUL", "holds a NUL"},
    {"WebHook_Name=a%c3", "WebHook_Name", "a", "text in UTF-8 without NUL", "not UTF-8"},
    {"WebHook_Name=%c3a", "WebHook_Name",
     "\xc3"
     "a",
     "text in UTF-8", "not UTF-8"},
    {"WebHook_Name=%c0%80", "WebHook_Name", "", "text in UTF-8", "not UTF-8"},
    {"WebHook_Name=%ed%a0%80", "WebHook_Name", "", "text in UTF-8", "not UTF-8"},
    {"WebHook_Name=%f4%90%80%80", "WebHook_Name", "", "text in UTF-8", "not UTF-8"},
    {"WebHook_Name=%80", "WebHook_Name", "\x80", "text in UTF-8", "not UTF-8"},
    {"WebHook_Business=5%", "WebHook_Business", "5", "an integer", "two hexadecimal digits"},
};

static void refuses_with_reasons(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        const struct bad_row *row = &BAD[i];
        if (ask(fixture, fixture->webhooks, &EVERYWHERE, slice_of(row->raw)) != QUERY_INVALID)
            fail_msg("%s: accepted", row->raw);
        const struct query_error *error = &fixture->error;
        if (strcmp(error->parameter, row->parameter) != 0)
            fail_msg("%s: parameter %s", row->raw, error->parameter);
        if (error->has_value != (row->value != NULL) || (row->value != NULL && strcmp(error->value, row->value) != 0))
            fail_msg("%s: value %s", row->raw, error->value);
        if (strncmp(error->expected, row->expected, strlen(row->expected)) != 0)
            fail_msg("%s: expected %s", row->raw, error->expected);
        if (strstr(error->detail, row->detail) == NULL)
            fail_msg("%s: detail %s", row->raw, error->detail);
    }
}

static void refuses_a_raw_nul(void **state)
{
    struct fixture *fixture = *state;
    static const char VALUE[] = "WebHook_Name=a\0b";
    static const char NAME[] = "WebHook\0_Name=a";
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, slice_make(VALUE, sizeof(VALUE) - 1)), QUERY_INVALID);
    assert_non_null(strstr(fixture->error.detail, "NUL"));
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, slice_make(NAME, sizeof(NAME) - 1)), QUERY_INVALID);
    assert_non_null(strstr(fixture->error.detail, "NUL"));
}

static void shown_texts_are_cut_between_characters(void **state)
{
    struct fixture *fixture = *state;
    struct buf raw;
    buf_init(&raw, 4096);
    buf_add_text(&raw, "WebHook_Business=a"); /* one byte, then characters of two: byte 128 is inside of one */
    for (int i = 0; i < 200; i++)
        buf_add_text(&raw, "%C3%A9");
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, buf_slice(&raw)), QUERY_INVALID);
    assert_int_equal(strlen(fixture->error.value), QUERY_SHOWN_MAX - 1);
    buf_reset(&raw);
    for (int i = 0; i < 200; i++)
        buf_add_text(&raw, "\xf0\x9f\x98\x80");
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, buf_slice(&raw)), QUERY_INVALID);
    assert_int_equal(strlen(fixture->error.parameter), QUERY_SHOWN_MAX);
    buf_free(&raw);
}

/* Every byte that can grow grows threefold, in the longest query: the ceiling that the header promises is enough. */
static void fits_the_promised_ceiling(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t LOCATION[] = {INT64_MIN};
    struct scope scope = {.locations = LOCATION, .count = 1};
    char raw[2048];
    memset(raw, '!', sizeof(raw));
    memcpy(raw, "UniqueId=", 9);
    struct buf canonical;
    buf_init(&canonical, 3 * sizeof(raw) + 64);
    enum query_verdict verdict = query_normalise(fixture->webhooks, &scope, slice_make(raw, sizeof(raw)), &canonical,
                                                 &fixture->query, &fixture->error);
    assert_int_equal(verdict, QUERY_OK);
    assert_int_equal(canonical.length,
                     9 + 3 * (sizeof(raw) - 9) + sizeof("&WebHook_Business=-9223372036854775808") - 1);
    buf_free(&canonical);
}

static void bounds_the_number_of_pairs(void **state)
{
    struct fixture *fixture = *state;
    struct buf raw;
    buf_init(&raw, FILE_MAX);
    for (int i = 0; i < QUERY_PAIRS_MAX; i++)
        buf_format(&raw, "&Id=%d", (i * 7919) % QUERY_PAIRS_MAX); /* each once, in no order */
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, buf_slice(&raw)), QUERY_OK);
    assert_true(slice_starts_with(fixture->query.canonical, slice_of("Id=0&Id=1&Id=2&Id=3&Id=4&")));
    size_t pairs = 1;
    for (size_t i = 0; i < fixture->query.canonical.length; i++)
        pairs += fixture->query.canonical.at[i] == '&';
    assert_int_equal(pairs, QUERY_PAIRS_MAX);
    buf_add_text(&raw, "&Id=1");
    assert_int_equal(ask(fixture, fixture->webhooks, &EVERYWHERE, buf_slice(&raw)), QUERY_INVALID);
    assert_non_null(strstr(fixture->error.detail, "more than 512"));
    buf_free(&raw);
}

struct scope_row {
    const char *raw;
    int64_t locations[3];
    size_t count;
    enum query_verdict verdict;
    const char *text; /* the canonical query, or `expected` */
};

static const struct scope_row SCOPES[] = {
    {"", {7}, 1, QUERY_OK, "WebHook_Business=7"},
    {"WebHook_Business=7", {7}, 1, QUERY_OK, "WebHook_Business=7"},
    {"webhook_business=%307", {7}, 1, QUERY_OK, "WebHook_Business=7"},
    {"WebHook_Business=", {7}, 1, QUERY_OK, "WebHook_Business=7"},
    {"WebHook_Name=a&Id=1&WebHook_Action=2",
     {7},
     1,
     QUERY_OK,
     "Id=1&WebHook_Action=2&WebHook_Business=7&WebHook_Name=a"},
    {"WebHook_Business=8", {7}, 1, QUERY_FORBIDDEN, "one of 7"},
    {"WebHook_Business=8", {7, 8, 900}, 3, QUERY_OK, "WebHook_Business=8"},
    {"WebHook_Business=9", {7, 8, 900}, 3, QUERY_FORBIDDEN, "one of 7, 8, 900"},
    {"", {7, 8, 900}, 3, QUERY_FORBIDDEN, "one of 7, 8, 900"},
    {"WebHook_Business=", {7, 8, 900}, 3, QUERY_FORBIDDEN, "one of 7, 8, 900"},
    {"", {0}, 0, QUERY_FORBIDDEN, "a client with locations"},
    {"WebHook_Business=9", {0}, 0, QUERY_FORBIDDEN, "a client with locations"},
    /* a bad query is a bad query for everybody, before and behind the location */
    {"WebHook_Business=8&page=0", {7}, 1, QUERY_INVALID, "an integer from 1 to 2147483647"},
    {"WebHook_Business=8&UniqueId=%", {7}, 1, QUERY_INVALID, "text in UTF-8 without NUL"},
    {"WebHook_Business=x", {7}, 1, QUERY_INVALID, "an integer from -9223372036854775808 to 9223372036854775807"},
};

static void a_scope_is_part_of_the_question(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(SCOPES) / sizeof(SCOPES[0]); i++) {
        const struct scope_row *row = &SCOPES[i];
        struct scope scope = {.locations = row->locations, .count = row->count};
        enum query_verdict verdict = ask(fixture, fixture->webhooks, &scope, slice_of(row->raw));
        if (verdict != row->verdict)
            fail_msg("%s with %zu locations: verdict %d", row->raw, row->count, (int)verdict);
        if (verdict == QUERY_OK) {
            assert_true(slice_is(fixture->query.canonical, row->text));
            continue;
        }
        assert_string_equal(fixture->error.expected, row->text);
        if (verdict == QUERY_FORBIDDEN)
            assert_string_equal(fixture->error.parameter, "WebHook_Business");
    }
    assert_int_equal(ask(fixture, fixture->webhooks, &(struct scope){.count = 0}, slice_of("WebHook_Name=a")),
                     QUERY_FORBIDDEN);
    static const int64_t MANY[] = {1, 2};
    struct scope several = {.locations = MANY, .count = 2};
    assert_int_equal(ask(fixture, fixture->webhooks, &several, slice_of("")), QUERY_FORBIDDEN);
    assert_non_null(strstr(fixture->error.detail, "name one of them with WebHook_Business"));
    assert_false(fixture->error.has_value);
    assert_int_equal(ask(fixture, fixture->webhooks, &several, slice_of("WebHook_Business=03")), QUERY_FORBIDDEN);
    assert_string_equal(fixture->error.value, "3");
}

static void an_entity_without_locations_cannot_be_limited(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t LOCATIONS[] = {7};
    struct scope scope = {.locations = LOCATIONS, .count = 1};
    assert_int_equal(ask(fixture, fixture->coworkers, &scope, slice_of("")), QUERY_FORBIDDEN);
    assert_non_null(strstr(fixture->error.detail, "coworkers cannot be limited"));
    assert_string_equal(fixture->error.parameter, "");
    assert_int_equal(ask(fixture, fixture->coworkers, &EVERYWHERE, slice_of("")), QUERY_OK);
}

static void a_long_choice_says_that_it_is_not_whole(void **state)
{
    struct fixture *fixture = *state;
    int64_t locations[200];
    for (int i = 0; i < 200; i++)
        locations[i] = 1000000 + i;
    struct scope scope = {.locations = locations, .count = 200};
    assert_int_equal(ask(fixture, fixture->webhooks, &scope, slice_of("")), QUERY_FORBIDDEN);
    size_t length = strlen(fixture->error.expected);
    assert_true(length > 480 && length < sizeof(fixture->error.expected));
    assert_string_equal(fixture->error.expected + length - strlen(", …"), ", …");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spells_every_query_in_one_way),
        cmocka_unit_test(another_entity_is_a_file),
        cmocka_unit_test(refuses_with_reasons),
        cmocka_unit_test(refuses_a_raw_nul),
        cmocka_unit_test(shown_texts_are_cut_between_characters),
        cmocka_unit_test(fits_the_promised_ceiling),
        cmocka_unit_test(bounds_the_number_of_pairs),
        cmocka_unit_test(a_scope_is_part_of_the_question),
        cmocka_unit_test(an_entity_without_locations_cannot_be_limited),
        cmocka_unit_test(a_long_choice_says_that_it_is_not_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
