/* SPDX-License-Identifier: MIT */
/* What may be asked of one Nexudus entity: its path, its parameters with their types and defaults, its paging. A schema
 * is a JSON file (conf/entities/webhooks.json is the model), immutable once read. Knows nothing of clients or of the
 * wire. */
#ifndef NEXGATE_SEARCH_SCHEMA_H
#define NEXGATE_SEARCH_SCHEMA_H

#include "base/complaints.h"

#include <stdint.h>

enum parameter_type {
    PARAMETER_INTEGER,
    PARAMETER_BOOLEAN,
    PARAMETER_ENUM,      /* a number, or one of `values` by name */
    PARAMETER_DATE_TIME, /* YYYY-MM-DDTHH:mm */
    PARAMETER_STRING,
    PARAMETER_PROPERTY,  /* one of `values` by name in any case: orderBy */
    PARAMETER_DIRECTION, /* 0, 1, ascending, descending: dir */
    PARAMETER_PAGE,      /* paging: not part of the canonical query */
    PARAMETER_SIZE
};

enum {
    SCHEMA_PARAMETERS_MAX = 128,
    SCHEMA_VALUES_MAX = 1024,
    SCHEMA_NAME_MAX = 64,       /* bytes of any name */
    SCHEMA_SCOPE_NAME_MAX = 40, /* bytes of the scope parameter's name: what a scope adds to a query has a limit */
    SCHEMA_FILE_MAX = 1024 * 1024
};

struct parameter_value {
    struct slice name;
    int64_t number; /* PARAMETER_ENUM only */
};

struct parameter {
    struct slice name; /* the schema's spelling */
    enum parameter_type type;
    bool sensitive;                       /* its values are not shown in logs */
    bool repeats;                         /* may be given several times: any of these */
    struct slice default_value;           /* canonical form, escaped; empty: none */
    int64_t min, max;                     /* PARAMETER_INTEGER, PAGE, SIZE: what is accepted */
    const struct parameter_value *values; /* sorted by name without regard to case */
    const int64_t *numbers;               /* PARAMETER_ENUM: the values' numbers, sorted */
    size_t value_count;
};

struct schema {
    struct slice entity;                /* "webhooks": lower case letters, digits, '-' */
    uint64_t number;                    /* never 0, the same for this entity after a reload */
    struct slice path;                  /* "/api/sys/webhooks" */
    struct slice identity;              /* the member of a record that names it: "Id" */
    const struct parameter *parameters; /* sorted by name, in byte order */
    size_t parameter_count;
    bool has_sensitive;                  /* any of them is */
    const struct parameter *page, *size; /* the two paging rows */
    const struct parameter *scope;       /* the parameter that names a location; NULL: the entity has none */
};

/* Reads one schema; `file` names it in complaints. NULL when anything is wrong, or memory cannot be had. Unknown
 * members are errors. */
struct schema *schema_read(struct slice json, const char *file, struct complaints *complaints) MUST_CHECK;
void schema_free(struct schema *schema);

/* The webhooks schema that is built in; NULL when memory cannot be had. */
struct schema *schema_builtin_webhooks(void);

/* The parameter of that name in any case, or NULL. */
const struct parameter *schema_find(const struct schema *schema, struct slice name);

/* The schemas of a process, found by path. */
struct schema_set;

struct schema_set *schema_set_new(void) MUST_CHECK; /* empty; NULL when memory cannot be had */
void schema_set_free(struct schema_set *set);

/* Takes the schema; false (and a complaint) when its entity or path is there already, or memory cannot be had; it is
 * freed then. */
bool schema_set_add(struct schema_set *set, struct schema *schema, const char *file,
                    struct complaints *complaints) MUST_CHECK;

/* Adds every *.json of a folder in name order; false when any was wrong. */
bool schema_set_add_folder(struct schema_set *set, const char *folder, struct complaints *complaints) MUST_CHECK;

const struct schema *schema_set_by_path(const struct schema_set *set, struct slice path);
const struct schema *schema_set_by_entity(const struct schema_set *set, struct slice entity);

#endif
