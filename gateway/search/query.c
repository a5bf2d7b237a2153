/* SPDX-License-Identifier: MIT */
/* A query from any spelling to its canonical form: taken apart in one pass, then written in the schema's order. Nothing
 * is allocated beyond the canonical text. Must not know who asks; a scope is a list of locations. */
#include "search/query.h"

#include "base/nearest.h"
#include "search/form_text.h"
#include "search/parameter.h"
#include "search/shown.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { CANONICAL_EXTRA = 64 }; /* what a scope may add; the header's promise */

#define TEXT(slice) (int)(slice).length, (slice).at

/* A query taken apart: the values as they came, chained by parameter. */
struct pairs {
    struct {
        struct slice value;
        uint16_t next; /* of the same parameter: index + 1, or 0 */
    } pairs[QUERY_PAIRS_MAX];
    size_t count;
    uint16_t first[SCHEMA_PARAMETERS_MAX]; /* index + 1; 0: the parameter was not given */
};

enum refusal { REFUSE_NOTHING, REFUSE_LOCATION, REFUSE_CHOICE, REFUSE_ENTITY };

/* What one call works with. */
struct work {
    const struct schema *schema;
    const struct scope *scope;
    struct pairs *pairs;
    struct buf *canonical;
    struct query *query;
    struct query_error *error;
    enum refusal refusal; /* told only when all else is right: a bad query is a bad query for everybody */
    int64_t location;
};

static bool refuse_unknown(const struct work *work, struct slice raw)
{
    struct query_error *error = work->error;
    *error = (struct query_error){.has_value = false};
    form_show(raw, error->parameter, sizeof(error->parameter));
    struct nearest nearest;
    nearest_init(&nearest, slice_of(error->parameter));
    struct shown_list list;
    shown_list_begin(&list, error->expected, sizeof(error->expected), "one of ");
    for (size_t i = 0; i < work->schema->parameter_count; i++) {
        nearest_consider(&nearest, work->schema->parameters[i].name);
        shown_list_add(&list, "%.*s", TEXT(work->schema->parameters[i].name));
    }
    if (error->parameter[0] == '\0')
        (void)snprintf(error->detail, sizeof(error->detail), "The query holds a value without a name.");
    else if (nearest.best.length == 0)
        (void)snprintf(error->detail, sizeof(error->detail), "There is no parameter %s.", error->parameter);
    else
        (void)snprintf(error->detail, sizeof(error->detail), "There is no parameter %s; did you mean %.*s?",
                       error->parameter, TEXT(nearest.best));
    return false;
}

static const char *form_complaint(enum form_verdict verdict)
{
    switch (verdict) {
    case FORM_BAD_ESCAPE:
        return "holds a '%' that is not followed by two hexadecimal digits";
    case FORM_NUL:
        return "holds a NUL character";
    case FORM_NOT_UTF8:
        return "is not UTF-8";
    case FORM_OK:
        break;
    }
    return "";
}

static bool refuse_name(const struct work *work, struct slice raw, enum form_verdict verdict)
{
    *work->error = (struct query_error){.has_value = false};
    form_show(raw, work->error->parameter, sizeof(work->error->parameter));
    (void)snprintf(work->error->detail, sizeof(work->error->detail), "The name of a parameter %s.",
                   form_complaint(verdict));
    return false;
}

static bool refuse_count(const struct work *work, const struct parameter *twice)
{
    *work->error = (struct query_error){.has_value = false};
    if (twice == NULL) {
        (void)snprintf(work->error->detail, sizeof(work->error->detail), "The query holds more than %d parameters.",
                       QUERY_PAIRS_MAX);
        return false;
    }
    (void)snprintf(work->error->parameter, sizeof(work->error->parameter), "%.*s", TEXT(twice->name));
    (void)snprintf(work->error->expected, sizeof(work->error->expected), "one value");
    (void)snprintf(work->error->detail, sizeof(work->error->detail),
                   "The parameter %.*s is given more than once, and does not repeat.", TEXT(twice->name));
    return false;
}

/* The rest of a refusal whose detail is there already. */
static bool refuse_value(const struct work *work, const struct parameter *parameter, struct slice raw)
{
    struct query_error *error = work->error;
    (void)snprintf(error->parameter, sizeof(error->parameter), "%.*s", TEXT(parameter->name));
    form_show(raw, error->value, sizeof(error->value));
    error->has_value = true;
    parameter_expect(parameter, error->expected, sizeof(error->expected));
    return false;
}

/* The parameter that a name means, or NULL and a refusal. */
static const struct parameter *find_parameter(const struct work *work, struct slice raw)
{
    const struct parameter *found = schema_find(work->schema, raw);
    if (found != NULL)
        return found;
    enum form_verdict verdict = form_check(raw);
    char name[3 * SCHEMA_NAME_MAX];
    if (verdict != FORM_OK) {
        (void)refuse_name(work, raw, verdict);
        return NULL;
    }
    if (raw.length <= sizeof(name))
        found = schema_find(work->schema, slice_make(name, form_decode(raw, name)));
    if (found == NULL)
        (void)refuse_unknown(work, raw);
    return found;
}

/* Adds the value that came with a name that was refused. */
static bool refuse_with_value(const struct work *work, struct slice value)
{
    form_show(value, work->error->value, sizeof(work->error->value));
    work->error->has_value = true;
    return false;
}

static bool take_pair(const struct work *work, struct slice piece)
{
    const char *equals = memchr(piece.at, '=', piece.length);
    size_t name_length = equals != NULL ? (size_t)(equals - piece.at) : piece.length;
    size_t value_at = equals != NULL ? name_length + 1 : name_length;
    struct slice value = slice_make(piece.at + value_at, piece.length - value_at);
    const struct parameter *parameter = find_parameter(work, slice_make(piece.at, name_length));
    if (parameter == NULL)
        return refuse_with_value(work, value);
    struct pairs *pairs = work->pairs;
    if (pairs->count == QUERY_PAIRS_MAX)
        return refuse_count(work, NULL);
    uint16_t *first = &pairs->first[parameter - work->schema->parameters];
    if (*first != 0 && !parameter->repeats)
        return refuse_count(work, parameter) || refuse_with_value(work, value);
    pairs->pairs[pairs->count].value = value;
    pairs->pairs[pairs->count].next = *first;
    *first = (uint16_t)++pairs->count;
    return true;
}

static bool take_apart(const struct work *work, struct slice raw)
{
    work->pairs->count = 0;
    memset(work->pairs->first, 0, work->schema->parameter_count * sizeof(work->pairs->first[0]));
    struct slice piece;
    while (slice_cut(&raw, '&', &piece)) {
        if (piece.length > 0 && !take_pair(work, piece))
            return false;
    }
    return true;
}

/* A value that was read: its meaning, or for strings, whose meaning is their bytes, the value as it came. */
struct reading {
    struct meaning meaning;
    struct slice raw;
};

/* What a value that is not plain decodes to stands in room of the canonical buffer that is not used yet, behind the
 * place where the whole pair will be written: both fit into the three bytes for each byte of the query that were
 * reserved. */
static struct slice decode(const struct work *work, const struct parameter *parameter, struct slice raw)
{
    if (form_is_plain(raw))
        return raw;
    size_t pair = sizeof("&=") - 1 + parameter->name.length + raw.length;
    char *room = buf_room(work->canonical, pair + raw.length);
    assert(room != NULL);
    return slice_make(room + pair, form_decode(raw, room + pair));
}

static bool read_value(const struct work *work, const struct parameter *parameter, struct slice raw,
                       struct reading *reading)
{
    reading->raw = raw;
    enum form_verdict verdict = form_check(raw);
    if (verdict != FORM_OK) {
        (void)snprintf(work->error->detail, sizeof(work->error->detail), "The value of %.*s %s.", TEXT(parameter->name),
                       form_complaint(verdict));
        return refuse_value(work, parameter, raw);
    }
    if (parameter->type == PARAMETER_STRING)
        return true;
    if (!parameter_read(parameter, decode(work, parameter, raw), &reading->meaning, work->error))
        return refuse_value(work, parameter, raw);
    return true;
}

static void write_pair(const struct work *work, const struct parameter *parameter, const struct reading *reading)
{
    struct buf *out = work->canonical;
    size_t before = out->length;
    if (out->length > 0)
        buf_add_char(out, '&');
    buf_add(out, parameter->name);
    buf_add_char(out, '=');
    size_t value_at = out->length;
    if (parameter->type == PARAMETER_STRING)
        form_respell(out, reading->raw);
    else if (reading->meaning.is_number)
        buf_add_integer(out, reading->meaning.number);
    else
        buf_add(out, reading->meaning.text);
    if (slice_equal(slice_make(out->bytes + value_at, out->length - value_at), parameter->default_value))
        out->length = before;
}

static int compare_readings(const struct parameter *parameter, const struct reading *a, const struct reading *b)
{
    if (parameter->type == PARAMETER_STRING)
        return form_compare(a->raw, b->raw);
    return (a->meaning.number > b->meaning.number) - (a->meaning.number < b->meaning.number);
}

/* Puts a reading where it belongs among those before it, unless it is there; returns how many there are now. Insertion
 * is fast enough for QUERY_PAIRS_MAX, and needs no memory. */
static size_t insert_reading(const struct parameter *parameter, struct reading *sorted, size_t count,
                             const struct reading *reading)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_readings(parameter, &sorted[middle], reading);
        if (order == 0)
            return count;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&sorted[low + 1], &sorted[low], (count - low) * sizeof(*sorted));
    sorted[low] = *reading;
    return count + 1;
}

/* A parameter that repeats is of a type whose meaning is a number or its own bytes: no reading refers to room that the
 * next one decodes into. */
static bool write_repeated(const struct work *work, const struct parameter *parameter, size_t first)
{
    struct reading sorted[QUERY_PAIRS_MAX];
    size_t count = 0;
    for (size_t i = first; i != 0; i = work->pairs->pairs[i - 1].next) {
        struct reading reading;
        struct slice raw = work->pairs->pairs[i - 1].value;
        if (raw.length == 0)
            continue;
        if (!read_value(work, parameter, raw, &reading))
            return false;
        count = insert_reading(parameter, sorted, count, &reading);
    }
    for (size_t i = 0; i < count; i++)
        write_pair(work, parameter, &sorted[i]);
    return true;
}

static bool in_scope(const struct scope *scope, int64_t location)
{
    size_t low = 0;
    size_t high = scope->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope->locations[middle] == location)
            return true;
        if (scope->locations[middle] < location)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The location, given or the only one that the client has. */
static bool write_location(struct work *work, const struct parameter *parameter, struct slice raw)
{
    struct reading reading = {.meaning = {.is_number = true}};
    if (raw.length > 0) {
        if (!read_value(work, parameter, raw, &reading))
            return false;
        work->location = reading.meaning.number;
        if (!work->scope->all && !in_scope(work->scope, work->location))
            work->refusal = REFUSE_LOCATION;
    } else if (work->scope->all) {
        return true;
    } else if (work->scope->count == 1) {
        reading.meaning.number = work->scope->locations[0];
    } else {
        work->refusal = REFUSE_CHOICE;
        return true;
    }
    write_pair(work, parameter, &reading);
    return true;
}

static bool write_parameter(struct work *work, const struct parameter *parameter, size_t first)
{
    if (first != 0 && parameter->repeats)
        return write_repeated(work, parameter, first);
    struct slice raw = first != 0 ? work->pairs->pairs[first - 1].value : slice_make(NULL, 0);
    if (parameter == work->schema->scope)
        return write_location(work, parameter, raw);
    if (raw.length == 0)
        return true;
    struct reading reading;
    if (!read_value(work, parameter, raw, &reading))
        return false;
    if (parameter->type == PARAMETER_PAGE)
        work->query->page = reading.meaning.number;
    else if (parameter->type == PARAMETER_SIZE)
        work->query->size = reading.meaning.number;
    else
        write_pair(work, parameter, &reading);
    return true;
}

static void tell_locations(const struct work *work)
{
    struct query_error *error = work->error;
    struct slice name = work->schema->scope->name;
    (void)snprintf(error->parameter, sizeof(error->parameter), "%.*s", TEXT(name));
    struct shown_list list;
    shown_list_begin(&list, error->expected, sizeof(error->expected), "one of ");
    for (size_t i = 0; i < work->scope->count; i++)
        shown_list_add(&list, "%" PRId64, work->scope->locations[i]);
    if (work->scope->count == 0) {
        (void)snprintf(error->expected, sizeof(error->expected), "a client with locations");
        (void)snprintf(error->detail, sizeof(error->detail), "This client may search no location.");
    } else if (work->refusal == REFUSE_CHOICE) {
        (void)snprintf(error->detail, sizeof(error->detail),
                       "This client has several locations: name one of them with %.*s.", TEXT(name));
    } else {
        (void)snprintf(error->detail, sizeof(error->detail), "This client may not search that location.");
        (void)snprintf(error->value, sizeof(error->value), "%" PRId64, work->location);
        error->has_value = true;
    }
}

static void tell_refusal(const struct work *work)
{
    *work->error = (struct query_error){.has_value = false};
    if (work->refusal == REFUSE_ENTITY)
        (void)snprintf(work->error->detail, sizeof(work->error->detail),
                       "A search of %.*s cannot be limited to this client's locations.", TEXT(work->schema->entity));
    else
        tell_locations(work);
}

static int64_t default_number(const struct parameter *parameter)
{
    struct meaning meaning = {.is_number = false};
    struct query_error error;
    bool good = parameter_read(parameter, parameter->default_value, &meaning, &error);
    assert(good); /* schema_read checked it */
    return meaning.number;
}

static enum query_verdict normalise(struct work *work, struct slice raw)
{
    const struct schema *schema = work->schema;
    if (!take_apart(work, raw))
        return QUERY_INVALID;
    for (size_t i = 0; i < schema->parameter_count; i++) {
        uint16_t first = work->pairs->first[i];
        bool matters = first != 0 || &schema->parameters[i] == schema->scope;
        if (matters && !write_parameter(work, &schema->parameters[i], first))
            return QUERY_INVALID;
    }
    if (!work->scope->all && schema->scope == NULL)
        work->refusal = REFUSE_ENTITY;
    if (work->refusal != REFUSE_NOTHING) {
        tell_refusal(work);
        return QUERY_FORBIDDEN;
    }
    return QUERY_OK;
}

enum query_verdict query_normalise(const struct schema *schema, const struct scope *scope, struct slice raw,
                                   struct buf *canonical, struct query *query, struct query_error *error)
{
    struct pairs pairs; /* not cleared: 12 kB, of which a query uses little */
    struct work work = {schema, scope, &pairs, canonical, query, error, REFUSE_NOTHING, 0};
    assert(canonical->max >= 3 * raw.length + CANONICAL_EXTRA);
    buf_reset(canonical);
    if (buf_room(canonical, 3 * raw.length + CANONICAL_EXTRA) == NULL) {
        *error = (struct query_error){.detail = "There is no memory to read this query."};
        return QUERY_NO_MEMORY;
    }
    *query =
        (struct query){.schema = schema, .page = default_number(schema->page), .size = default_number(schema->size)};
    enum query_verdict verdict = normalise(&work, raw);
    assert(buf_ok(canonical)); /* room was reserved for the longest */
    query->canonical = buf_slice(canonical);
    return verdict;
}
