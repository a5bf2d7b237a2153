/* SPDX-License-Identifier: MIT */
/* Schemas: read from JSON once, then looked up. The JSON tree stays with the schema: its names are slices of the tree's
 * texts. Must not know what a query looks like. */
#include "search/schema.h"

#include "base/hash.h"
#include "search/builtin.h"
#include "search/schema_row.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_SLOTS = 512, /* four times SCHEMA_PARAMETERS_MAX, a power of two */
    SCHEMA_PATH_MAX = 200
};

/* A schema with what only this file sees. */
struct whole_schema {
    struct schema schema;
    json_t *json;                 /* owned: the names lie in it */
    struct parameter *parameters; /* owned */
    uint16_t slots[NAME_SLOTS];   /* by hashed name, linear probing: index into parameters + 1; 0: free */
};

struct schema_set {
    struct schema **schemas; /* owned */
    size_t count;
};

/* Setting a bit that tells upper case from lower makes the hash blind to case, in the bytes that names are made of. */
static size_t first_slot(struct slice name)
{
    uint32_t hash = 2166136261u; /* FNV-1a; schemas are ours, so nobody aims at a slot */
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ ((uint8_t)name.at[i] | 0x20u)) * 16777619u;
    return (hash ^ hash >> 16) % NAME_SLOTS;
}

const struct parameter *schema_find(const struct schema *schema, struct slice name)
{
    const struct whole_schema *whole = MEM_OUTER(schema, struct whole_schema, schema);
    if (name.length > SCHEMA_NAME_MAX)
        return NULL;
    for (size_t slot = first_slot(name); whole->slots[slot] != 0; slot = (slot + 1) % NAME_SLOTS) {
        const struct parameter *parameter = &whole->parameters[whole->slots[slot] - 1];
        if (slice_equal_nocase(parameter->name, name))
            return parameter;
    }
    return NULL;
}

/* Fills the slots; a name that is there already is a complaint. */
static void index_names(struct whole_schema *whole, const char *file, struct complaints *complaints)
{
    for (size_t i = 0; i < whole->schema.parameter_count; i++) {
        struct slice name = whole->parameters[i].name;
        if (schema_find(&whole->schema, name) != NULL)
            complaints_error(complaints, file, 0, "parameter %.*s is there twice (case does not count)",
                             (int)name.length, name.at);
        size_t slot = first_slot(name);
        while (whole->slots[slot] != 0)
            slot = (slot + 1) % NAME_SLOTS;
        whole->slots[slot] = (uint16_t)(i + 1);
    }
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(((const struct parameter *)a)->name, ((const struct parameter *)b)->name);
}

static bool read_rows(struct whole_schema *whole, const char *file, struct complaints *complaints)
{
    const json_t *rows = json_object_get(whole->json, "parameters");
    size_t count = json_array_size(rows);
    if (count == 0 || count > SCHEMA_PARAMETERS_MAX) {
        complaints_error(complaints, file, 0, "\"parameters\" must be an array of 1 to %d rows", SCHEMA_PARAMETERS_MAX);
        return false;
    }
    whole->parameters = mem_try_zeroed(count * sizeof(*whole->parameters));
    if (whole->parameters == NULL) {
        complaints_memory(complaints, file, 0);
        return false;
    }
    whole->schema.parameters = whole->parameters;
    whole->schema.parameter_count = count;
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = schema_row_read(&whole->parameters[i], json_array_get(rows, i), i, file, complaints) && good;
    if (good)
        qsort(whole->parameters, count, sizeof(*whole->parameters), by_name);
    return good;
}

/* The only row of a type that stands once in a schema, or NULL and a complaint. */
static const struct parameter *find_only(const struct whole_schema *whole, enum parameter_type type, const char *word,
                                         const char *file, struct complaints *complaints)
{
    const struct parameter *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < whole->schema.parameter_count; i++) {
        if (whole->parameters[i].type == type) {
            found = &whole->parameters[i];
            count++;
        }
    }
    if (count == 1)
        return found;
    complaints_error(complaints, file, 0, "there must be one parameter of type %s, not %zu", word, count);
    return NULL;
}

static void find_scope(struct whole_schema *whole, const char *file, struct complaints *complaints)
{
    const json_t *json = json_object_get(whole->json, "scope");
    if (json == NULL)
        return;
    struct slice name = slice_make(json_string_value(json), json_string_length(json));
    const struct parameter *scope = schema_find(&whole->schema, name);
    whole->schema.scope = scope;
    if (scope == NULL || scope->type != PARAMETER_INTEGER || scope->repeats || scope->default_value.length > 0 ||
        scope->name.length > SCHEMA_SCOPE_NAME_MAX)
        complaints_error(complaints, file, 0,
                         "\"scope\" must name a parameter of type integer without default that does not repeat, of at "
                         "most %d letters",
                         SCHEMA_SCOPE_NAME_MAX);
}

static bool is_made_of(struct slice text, const char *alphabet, size_t max)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '\0' || strchr(alphabet, text.at[i]) == NULL)
            return false;
    }
    return text.length > 0 && text.length <= max;
}

static struct slice member_text(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);
    return slice_make(json_string_value(text), json_string_length(text));
}

static void read_head(struct whole_schema *whole, const char *file, struct complaints *complaints)
{
    static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    static const char PATH[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    struct schema *schema = &whole->schema;
    schema->entity = member_text(whole->json, "entity");
    schema->number = hash_open(schema->entity).low | 1;
    schema->path = member_text(whole->json, "path");
    schema->identity = member_text(whole->json, "identity");
    if (!is_made_of(schema->entity, LOWER, SCHEMA_NAME_MAX))
        complaints_error(complaints, file, 0, "\"entity\" must be at most %d lower case letters, digits and '-'",
                         SCHEMA_NAME_MAX);
    if (!is_made_of(schema->path, PATH, SCHEMA_PATH_MAX) || schema->path.at[0] != '/')
        complaints_error(complaints, file, 0,
                         "\"path\" must be '/' and at most %d letters, digits, '-', '.', '_', '~' and '/'",
                         SCHEMA_PATH_MAX - 1);
    if (!schema_row_is_name(schema->identity))
        complaints_error(complaints, file, 0, "\"identity\" must be at most %d letters, digits, '_' and '.'",
                         SCHEMA_NAME_MAX);
}

static void check_members(json_t *json, const char *file, struct complaints *complaints)
{
    static const char *const MEMBERS[] = {"entity", "path", "identity", "scope", "parameters"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
            known = known || strcmp(MEMBERS[i], key) == 0;
        if (!known)
            complaints_error(complaints, file, 0, "a schema has no member \"%s\"", key);
    }
}

static json_t *parse(struct slice json, const char *file, struct complaints *complaints)
{
    if (json.length > SCHEMA_FILE_MAX) {
        complaints_error(complaints, file, 0, "longer than %d bytes", SCHEMA_FILE_MAX);
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb(json.at == NULL ? "" : json.at, json.length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && error.text[0] == '\0') {
        complaints_memory(complaints, file, 0); /* of this jansson says nothing */
    } else if (root == NULL) {
        complaints_error(complaints, file, error.line > 0 ? (size_t)error.line : 0, "%s", error.text);
    } else if (!json_is_object(root)) {
        complaints_error(complaints, file, 0, "a schema is a JSON object");
        json_decref(root);
        root = NULL;
    }
    return root;
}

struct schema *schema_read(struct slice json, const char *file, struct complaints *complaints)
{
    json_t *root = parse(json, file, complaints);
    if (root == NULL)
        return NULL;
    struct whole_schema *whole = mem_try_zeroed(sizeof(*whole));
    if (whole == NULL) {
        complaints_memory(complaints, file, 0);
        json_decref(root);
        return NULL;
    }
    whole->json = root;
    size_t errors = complaints->errors;
    check_members(root, file, complaints);
    read_head(whole, file, complaints);
    if (read_rows(whole, file, complaints)) {
        index_names(whole, file, complaints);
        for (size_t i = 0; i < whole->schema.parameter_count; i++)
            whole->schema.has_sensitive |= whole->parameters[i].sensitive;
        whole->schema.page = find_only(whole, PARAMETER_PAGE, "page", file, complaints);
        whole->schema.size = find_only(whole, PARAMETER_SIZE, "size", file, complaints);
        find_scope(whole, file, complaints);
    }
    if (complaints->errors == errors)
        return &whole->schema;
    schema_free(&whole->schema);
    return NULL;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    struct whole_schema *whole = MEM_OUTER(schema, struct whole_schema, schema);
    for (size_t i = 0; i < schema->parameter_count; i++)
        schema_row_free(&whole->parameters[i]);
    mem_free(whole->parameters);
    json_decref(whole->json);
    mem_free(whole);
}

struct schema *schema_builtin_webhooks(void)
{
    struct complaints complaints;
    complaints_init(&complaints);
    struct schema *schema =
        schema_read(slice_make(schema_webhooks_json, schema_webhooks_json_length), "webhooks.json", &complaints);
    complaints_free(&complaints);
    return schema;
}

struct schema_set *schema_set_new(void)
{
    return mem_try_zeroed(sizeof(struct schema_set));
}

void schema_set_free(struct schema_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        schema_free(set->schemas[i]);
    mem_free(set->schemas);
    mem_free(set);
}

const struct schema *schema_set_by_path(const struct schema_set *set, struct slice path)
{
    for (size_t i = 0; i < set->count; i++) {
        if (slice_equal(set->schemas[i]->path, path))
            return set->schemas[i];
    }
    return NULL;
}

const struct schema *schema_set_by_entity(const struct schema_set *set, struct slice entity)
{
    for (size_t i = 0; i < set->count; i++) {
        if (slice_equal(set->schemas[i]->entity, entity))
            return set->schemas[i];
    }
    return NULL;
}

bool schema_set_add(struct schema_set *set, struct schema *schema, const char *file, struct complaints *complaints)
{
    if (schema_set_by_path(set, schema->path) != NULL || schema_set_by_entity(set, schema->entity) != NULL) {
        complaints_error(complaints, file, 0, "another schema has the entity %.*s or the path %.*s already",
                         (int)schema->entity.length, schema->entity.at, (int)schema->path.length, schema->path.at);
        schema_free(schema);
        return false;
    }
    struct schema **grown = mem_try_resize(set->schemas, (set->count + 1) * sizeof(struct schema *));
    if (grown == NULL) {
        complaints_memory(complaints, file, 0);
        schema_free(schema);
        return false;
    }
    grown[set->count++] = schema;
    set->schemas = grown;
    return true;
}

/* A whole file; false with a complaint when it cannot be read. */
static bool read_file(const char *path, struct buf *content, struct complaints *complaints)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        complaints_error(complaints, path, 0, "cannot be opened: %s", strerror(errno));
        return false;
    }
    char chunk[4096];
    size_t count = 0;
    while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_add(content, slice_make(chunk, count));
    bool good = ferror(file) == 0 && buf_ok(content);
    if (content->starved)
        complaints_memory(complaints, path, 0);
    else if (!good)
        complaints_error(complaints, path, 0, "cannot be read, or is longer than %d bytes", SCHEMA_FILE_MAX);
    (void)fclose(file);
    return good;
}

static bool add_file(struct schema_set *set, const char *folder, const char *name, struct complaints *complaints)
{
    struct buf path;
    struct buf content;
    buf_init(&path, PATH_MAX);
    buf_init(&content, SCHEMA_FILE_MAX);
    buf_format(&path, "%s/%s", folder, name);
    buf_add_char(&path, '\0');
    struct schema *schema = NULL;
    bool good = buf_ok(&path);
    if (!good)
        complaints_error(complaints, folder, 0, "%s: %s", name,
                         path.starved ? "out of memory" : "the path is too long");
    good = good && read_file(path.bytes, &content, complaints);
    if (good)
        schema = schema_read(buf_slice(&content), path.bytes, complaints);
    good = schema != NULL && schema_set_add(set, schema, path.bytes, complaints);
    buf_free(&content);
    buf_free(&path);
    return good;
}

static int is_schema_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

bool schema_set_add_folder(struct schema_set *set, const char *folder, struct complaints *complaints)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_schema_file, alphasort);
    if (count < 0) {
        complaints_error(complaints, folder, 0, "cannot be opened: %s", strerror(errno));
        return false;
    }
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = add_file(set, folder, entries[i]->d_name, complaints) && good;
        free(entries[i]); /* scandir's own memory */
    }
    free(entries);
    return good;
}
