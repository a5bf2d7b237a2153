/* SPDX-License-Identifier: MIT */
/* Writes JSON member by member, commas included. Names are our own words; NULL names an item of a list. */
#ifndef NEXGATE_ADMIN_JSON_H
#define NEXGATE_ADMIN_JSON_H

#include "base/buf.h"

struct json {
    struct buf *out;
    bool is_first; /* in the object or list that is open */
};

/* The outermost object. */
void json_begin(struct json *json, struct buf *out);
void json_end(struct json *json);

void json_open(struct json *json, const char *name);
void json_close(struct json *json);
void json_open_list(struct json *json, const char *name);
void json_close_list(struct json *json);

void json_integer(struct json *json, const char *name, int64_t number);
void json_flag(struct json *json, const char *name, bool flag);
void json_text(struct json *json, const char *name, struct slice text);

#endif
