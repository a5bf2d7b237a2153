/* SPDX-License-Identifier: MIT */
/* What must hold for every query: a meaning has one key however it is spelt, and another meaning has another. Meanings
 * are drawn at random from a schema, spelt at random, then changed in one place. SEED=… repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "search/key.h"
#include "search/query.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MEANINGS = 30000,
    SPELLINGS = 3,
    VALUES_MAX = 4,
    TEXT_BYTES_MAX = 400,
    QUERY_BYTES_MAX = 65536,
    KEYS_MAX = 2048
};

/* One value as it is meant, not as it is written. */
struct value {
    int64_t number;
    char text[TEXT_BYTES_MAX + 1];
    size_t length;
};

/* What a query means for one parameter: none, or a set of values. A default is none. */
struct wish {
    size_t count;
    struct value values[VALUES_MAX];
};

struct fixture {
    struct random random;
    struct schema *schema;
    const char *defaults; /* "|orderBy=Id|dir=0|": what the schema file says, as this test reads it */
    struct wish wishes[SCHEMA_PARAMETERS_MAX];
    struct buf raw, canonical, keys[2];
    size_t queries;
};

static int64_t draw(struct fixture *fixture, int64_t low, int64_t high)
{
    return random_between(&fixture->random, low, high);
}

static bool one_in(struct fixture *fixture, int64_t count)
{
    return draw(fixture, 1, count) == 1;
}

/* Meanings */

static void set_text(struct value *value, const char *text, size_t length)
{
    memcpy(value->text, text, length);
    value->length = length;
}

static void draw_string(struct fixture *fixture, struct value *value)
{
    static const char *const LETTERS[] = {
        "a",    "A", "b",  "0", " ", "+",  "%",        "&",         "=",
        "#",    "/", ":",  "~", ";", "?",  "\xc3\xa9", "e\xcc\x81", "\x01",
        "\x7f", "'", "\"", "-", ",", "\n", "true",     "%20",       "\xf0\x9f\x98\x80"};
    int64_t count = one_in(fixture, 50) ? 80 : draw(fixture, 1, 6);
    value->length = 0;
    for (int64_t i = 0; i < count; i++) {
        const char *letter = LETTERS[draw(fixture, 0, (int64_t)(sizeof(LETTERS) / sizeof(LETTERS[0])) - 1)];
        memcpy(value->text + value->length, letter, strlen(letter));
        value->length += strlen(letter);
    }
}

static int64_t draw_integer(struct fixture *fixture, const struct parameter *parameter)
{
    static const int64_t EDGES[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 9, 10, INT64_MAX - 1, INT64_MAX};
    int64_t number = one_in(fixture, 3) ? EDGES[draw(fixture, 0, 8)] : draw(fixture, -30, 3000);
    if (number < parameter->min)
        return parameter->min;
    return number > parameter->max ? parameter->max : number;
}

static void draw_value(struct fixture *fixture, const struct parameter *parameter, struct value *value)
{
    static const int64_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const struct parameter_value *choice = NULL;
    *value = (struct value){.number = 0};
    if (parameter->value_count > 0)
        choice = &parameter->values[draw(fixture, 0, (int64_t)parameter->value_count - 1)];
    switch (parameter->type) {
    case PARAMETER_INTEGER:
    case PARAMETER_PAGE:
    case PARAMETER_SIZE:
        value->number = draw_integer(fixture, parameter);
        break;
    case PARAMETER_BOOLEAN:
    case PARAMETER_DIRECTION:
        value->number = draw(fixture, 0, 1);
        break;
    case PARAMETER_ENUM:
        value->number = choice->number;
        break;
    case PARAMETER_PROPERTY:
        set_text(value, choice->name.at, choice->name.length);
        break;
    case PARAMETER_DATE_TIME: {
        int64_t month = draw(fixture, 1, 12);
        value->length = (size_t)snprintf(
            value->text, sizeof(value->text), "%04d-%02d-%02dT%02d:%02d", (int)draw(fixture, 1, 9999), (int)month,
            (int)draw(fixture, 1, DAYS[month - 1]), (int)draw(fixture, 0, 23), (int)draw(fixture, 0, 59));
        break;
    }
    case PARAMETER_STRING:
        draw_string(fixture, value);
        break;
    }
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->number == b->number && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* True when the defaults say "|NAME=VALUE|" of this value. */
static bool is_default(const struct fixture *fixture, const struct parameter *parameter, const struct value *value)
{
    char row[SCHEMA_NAME_MAX + TEXT_BYTES_MAX + 8];
    if (value->length > 0)
        (void)snprintf(row, sizeof(row), "|%.*s=%.*s|", (int)parameter->name.length, parameter->name.at,
                       (int)value->length, value->text);
    else
        (void)snprintf(row, sizeof(row), "|%.*s=%lld|", (int)parameter->name.length, parameter->name.at,
                       (long long)value->number);
    return strstr(fixture->defaults, row) != NULL;
}

static bool wishes_for(const struct wish *wish, const struct value *value)
{
    for (size_t i = 0; i < wish->count; i++) {
        if (same_value(&wish->values[i], value))
            return true;
    }
    return false;
}

static void draw_wish(struct fixture *fixture, const struct parameter *parameter, struct wish *wish)
{
    int64_t most = parameter->repeats ? draw(fixture, 1, VALUES_MAX) : 1;
    wish->count = 0;
    for (int64_t i = 0; i < most; i++) {
        struct value value;
        draw_value(fixture, parameter, &value);
        if (!wishes_for(wish, &value) && !is_default(fixture, parameter, &value))
            wish->values[wish->count++] = value;
    }
}

static void draw_meaning(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->schema->parameter_count; i++) {
        fixture->wishes[i].count = 0;
        if (one_in(fixture, 4))
            draw_wish(fixture, &fixture->schema->parameters[i], &fixture->wishes[i]);
    }
}

static bool same_wish(const struct wish *a, const struct wish *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!wishes_for(b, &a->values[i]))
            return false;
    }
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The smallest change there is: the case of a string's last letter. */
static void change_case(struct wish *wish)
{
    struct value *value = &wish->values[0];
    if (value->length > 0 && is_letter(value->text[value->length - 1]))
        value->text[value->length - 1] ^= 0x20;
}

/* Another meaning: one parameter wishes for something else. */
static void change_meaning(struct fixture *fixture)
{
    size_t at = (size_t)draw(fixture, 0, (int64_t)fixture->schema->parameter_count - 1);
    const struct parameter *parameter = &fixture->schema->parameters[at];
    struct wish *wish = &fixture->wishes[at];
    struct wish before = *wish;
    do {
        *wish = before;
        int64_t kind = draw(fixture, 0, 3);
        if (kind == 0)
            wish->count = 0;
        else if (kind == 1 && wish->count > 0)
            wish->count--;
        else if (kind == 2 && wish->count > 0 && parameter->type == PARAMETER_STRING)
            change_case(wish);
        else
            draw_wish(fixture, parameter, wish);
    } while (same_wish(&before, wish));
}

/* Spellings */

static void spell_byte(struct fixture *fixture, char byte)
{
    bool must = byte == '%' || byte == '&' || byte == '+';
    if (byte == ' ' && one_in(fixture, 2))
        buf_add_char(&fixture->raw, '+');
    else if (must || one_in(fixture, 6))
        buf_format(&fixture->raw, one_in(fixture, 2) ? "%%%02x" : "%%%02X", (unsigned)(unsigned char)byte);
    else
        buf_add_char(&fixture->raw, byte);
}

static void spell(struct fixture *fixture, const char *text, size_t length, bool any_case)
{
    for (size_t i = 0; i < length; i++) {
        bool other_case = any_case && is_letter(text[i]) && one_in(fixture, 3);
        spell_byte(fixture, other_case ? (char)(text[i] ^ 0x20) : text[i]);
    }
}

static void spell_integer(struct fixture *fixture, int64_t number)
{
    char digits[32];
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)number);
    const char *rest = digits;
    if (*rest == '-' || (number == 0 && one_in(fixture, 4)))
        spell(fixture, "-", 1, false);
    if (*rest == '-')
        rest++;
    for (int64_t zeros = one_in(fixture, 4) ? draw(fixture, 1, 30) : 0; zeros > 0; zeros--)
        spell(fixture, "0", 1, false);
    spell(fixture, rest, strlen(rest), false);
}

static void spell_text(struct fixture *fixture, const char *text)
{
    spell(fixture, text, strlen(text), true);
}

/* A name of the number, or the number. */
static void spell_enum(struct fixture *fixture, const struct parameter *parameter, int64_t number)
{
    for (size_t i = 0; i < parameter->value_count; i++) {
        const struct parameter_value *value = &parameter->values[i];
        if (value->number == number && one_in(fixture, 2)) {
            spell(fixture, value->name.at, value->name.length, true);
            return;
        }
    }
    spell_integer(fixture, number);
}

static void spell_value(struct fixture *fixture, const struct parameter *parameter, const struct value *value)
{
    switch (parameter->type) {
    case PARAMETER_INTEGER:
    case PARAMETER_PAGE:
    case PARAMETER_SIZE:
        spell_integer(fixture, value->number);
        break;
    case PARAMETER_BOOLEAN:
        spell_text(fixture, value->number != 0 ? "true" : "false");
        break;
    case PARAMETER_DIRECTION:
        if (one_in(fixture, 2))
            spell_integer(fixture, value->number);
        else
            spell_text(fixture, value->number != 0 ? "descending" : "ascending");
        break;
    case PARAMETER_ENUM:
        spell_enum(fixture, parameter, value->number);
        break;
    case PARAMETER_PROPERTY:
        spell(fixture, value->text, value->length, true);
        break;
    case PARAMETER_DATE_TIME:
        spell(fixture, value->text, value->length, false);
        if (one_in(fixture, 2))
            spell(fixture, ":00", 3, false);
        break;
    case PARAMETER_STRING:
        spell(fixture, value->text, value->length, false);
        break;
    }
}

/* A value that means nothing: empty, or the default as the schema file says it. */
static void spell_nothing(struct fixture *fixture, const struct parameter *parameter)
{
    char row[SCHEMA_NAME_MAX + 4];
    (void)snprintf(row, sizeof(row), "|%.*s=", (int)parameter->name.length, parameter->name.at);
    const char *found = strstr(fixture->defaults, row);
    if (found == NULL || one_in(fixture, 3))
        return;
    struct value value = {.number = 0};
    found += strlen(row);
    set_text(&value, found, strcspn(found, "|"));
    value.number = strtoll(found, NULL, 10);
    spell_value(fixture, parameter, &value);
}

static void spell_pair(struct fixture *fixture, const struct parameter *parameter, const struct value *value)
{
    for (int64_t empty = one_in(fixture, 10) ? 2 : 1; empty > 0; empty--)
        buf_add_char(&fixture->raw, '&');
    spell(fixture, parameter->name.at, parameter->name.length, true);
    size_t before = fixture->raw.length;
    buf_add_char(&fixture->raw, '=');
    if (value != NULL)
        spell_value(fixture, parameter, value);
    else
        spell_nothing(fixture, parameter);
    if (fixture->raw.length == before + 1 && one_in(fixture, 2))
        fixture->raw.length = before; /* a name alone */
}

/* Spells all parameters that wish for something, and now and then one that does not, in a random order. */
static void spell_meaning(struct fixture *fixture)
{
    struct {
        const struct parameter *parameter;
        const struct value *value;
    } pairs[2 * SCHEMA_PARAMETERS_MAX * VALUES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < fixture->schema->parameter_count; i++) {
        const struct parameter *parameter = &fixture->schema->parameters[i];
        const struct wish *wish = &fixture->wishes[i];
        if ((wish->count == 0 || parameter->repeats) && one_in(fixture, 5)) {
            pairs[count].parameter = parameter;
            pairs[count++].value = NULL;
        }
        for (size_t k = 0; k < wish->count; k++) {
            for (int64_t times = parameter->repeats && one_in(fixture, 5) ? 2 : 1; times > 0; times--) {
                pairs[count].parameter = parameter;
                pairs[count++].value = &wish->values[k];
            }
        }
    }
    buf_reset(&fixture->raw);
    for (; count > 0; count--) {
        size_t at = (size_t)draw(fixture, 0, (int64_t)count - 1);
        spell_pair(fixture, pairs[at].parameter, pairs[at].value);
        pairs[at] = pairs[count - 1];
    }
}

/* The key of the spelling, with what paging asks. */
static void make_key(struct fixture *fixture, struct buf *key, const struct scope *scope)
{
    struct query query;
    struct query_error error;
    buf_init(&fixture->canonical, 3 * fixture->raw.length + 64); /* what the header promises to be enough */
    enum query_verdict verdict =
        query_normalise(fixture->schema, scope, buf_slice(&fixture->raw), &fixture->canonical, &query, &error);
    if (verdict != QUERY_OK)
        fail_msg("%.*s\nis refused: %s %s", (int)fixture->raw.length, fixture->raw.bytes, error.parameter,
                 error.detail);
    key_make(key, slice_of(""), fixture->schema, query.canonical, (struct window){200, 0});
    buf_format(key, " page %lld size %lld", (long long)query.page, (long long)query.size);
    assert_true(buf_ok(key));
    fixture->queries++;
}

/* The canonical query is a spelling too, and its own canonical form. */
static void check_fixed_point(struct fixture *fixture, const struct scope *scope)
{
    struct buf again;
    struct query query;
    struct query_error error;
    buf_init(&again, 3 * fixture->canonical.length + 64);
    assert_int_equal(query_normalise(fixture->schema, scope, buf_slice(&fixture->canonical), &again, &query, &error),
                     QUERY_OK);
    assert_true(slice_equal(query.canonical, buf_slice(&fixture->canonical)));
    buf_free(&again);
}

static void check_key(struct fixture *fixture, const struct scope *scope, bool equal)
{
    make_key(fixture, &fixture->keys[1], scope);
    if (slice_equal(buf_slice(&fixture->keys[0]), buf_slice(&fixture->keys[1])) != equal)
        fail_msg("%.*s\nhas the key\n%.*s\nand %s the key is\n%.*s", (int)fixture->raw.length, fixture->raw.bytes,
                 (int)fixture->keys[1].length, fixture->keys[1].bytes,
                 equal ? "for the same meaning" : "before it was changed", (int)fixture->keys[0].length,
                 fixture->keys[0].bytes);
    buf_free(&fixture->canonical);
}

static void check_meaning(struct fixture *fixture, const struct scope *scope)
{
    draw_meaning(fixture);
    spell_meaning(fixture);
    make_key(fixture, &fixture->keys[0], scope);
    check_fixed_point(fixture, scope);
    buf_free(&fixture->canonical);
    for (int i = 1; i < SPELLINGS; i++) {
        spell_meaning(fixture);
        check_key(fixture, scope, true);
    }
    change_meaning(fixture);
    spell_meaning(fixture);
    check_key(fixture, scope, false);
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = 0;
    if (given != NULL)
        return strtoull(given, NULL, 0);
    random_secret(&seed, sizeof(seed));
    return seed;
}

static void check_schema(struct schema *schema, const char *defaults)
{
    static const struct scope EVERYWHERE = {.all = true};
    uint64_t seed = choose_seed();
    struct fixture *fixture = mem_new(sizeof(*fixture));
    fixture->schema = schema;
    fixture->defaults = defaults;
    random_init(&fixture->random, seed);
    buf_init(&fixture->raw, QUERY_BYTES_MAX);
    buf_init(&fixture->keys[0], KEYS_MAX);
    buf_init(&fixture->keys[1], KEYS_MAX);
    print_message("note: %.*s: SEED=%llu\n", (int)schema->entity.length, schema->entity.at, (unsigned long long)seed);
    for (int i = 0; i < MEANINGS; i++)
        check_meaning(fixture, &EVERYWHERE);
    print_message("note: %.*s: %zu queries\n", (int)schema->entity.length, schema->entity.at, fixture->queries);
    assert_true(fixture->queries >= 100000);
    buf_free(&fixture->raw);
    buf_free(&fixture->keys[0]);
    buf_free(&fixture->keys[1]);
    mem_free(fixture);
    schema_free(schema);
}

static void a_webhook_search_has_one_key(void **state)
{
    (void)state;
    check_schema(schema_builtin_webhooks(), "|orderBy=Id|dir=0|page=1|size=25|");
}

static void a_coworker_search_has_one_key(void **state)
{
    (void)state;
    char *json = mem_new(QUERY_BYTES_MAX);
    FILE *file = fopen("tests/data/coworkers.json", "r");
    assert_non_null(file);
    size_t length = fread(json, 1, QUERY_BYTES_MAX, file);
    (void)fclose(file);
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema *schema = schema_read(slice_make(json, length), "coworkers.json", &complaints);
    assert_non_null(schema);
    complaints_free(&complaints);
    mem_free(json);
    check_schema(schema,
                 "|orderBy=FullName|dir=1|page=1|size=10|Coworker_Active=1|Coworker_Country=\xc3\x85land & co|");
}

/* A client's only location, said or not, is one question; and it is not the question of who may search everywhere. */
static void a_scope_has_one_key(void **state)
{
    (void)state;
    struct fixture *fixture = mem_new(sizeof(*fixture));
    static const int64_t LOCATIONS[] = {77, 78};
    static const struct scope EVERYWHERE = {.all = true};
    struct scope scope = {.locations = LOCATIONS, .count = 1};
    struct scope other = {.locations = LOCATIONS + 1, .count = 1};
    struct scope both = {.locations = LOCATIONS, .count = 2};
    fixture->schema = schema_builtin_webhooks();
    fixture->defaults = "|orderBy=Id|dir=0|page=1|size=25|";
    uint64_t seed = choose_seed();
    print_message("note: scopes: SEED=%llu\n", (unsigned long long)seed);
    random_init(&fixture->random, seed);
    buf_init(&fixture->raw, QUERY_BYTES_MAX);
    buf_init(&fixture->keys[0], KEYS_MAX);
    buf_init(&fixture->keys[1], KEYS_MAX);
    struct wish *wish = &fixture->wishes[fixture->schema->scope - fixture->schema->parameters];
    for (int i = 0; i < 1000; i++) {
        draw_meaning(fixture);
        wish->count = 1;
        wish->values[0] = (struct value){.number = 77};
        spell_meaning(fixture);
        make_key(fixture, &fixture->keys[0], &scope);
        buf_free(&fixture->canonical);
        check_key(fixture, &EVERYWHERE, true);
        check_key(fixture, &both, true);
        wish->count = 0;
        spell_meaning(fixture);
        check_key(fixture, &scope, true);
        check_key(fixture, &other, false);
        check_key(fixture, &EVERYWHERE, false);
    }
    buf_free(&fixture->raw);
    buf_free(&fixture->keys[0]);
    buf_free(&fixture->keys[1]);
    schema_free(fixture->schema);
    mem_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webhook_search_has_one_key),
        cmocka_unit_test(a_coworker_search_has_one_key),
        cmocka_unit_test(a_scope_has_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
