/* SPDX-License-Identifier: MIT */
/* JSON, written in one go. */
#include "admin/json.h"

static void put_name(struct json *json, const char *name)
{
    if (!json->is_first)
        buf_add_char(json->out, ',');
    json->is_first = false;
    if (name == NULL)
        return;
    buf_add_char(json->out, '"');
    buf_add_text(json->out, name);
    buf_add_text(json->out, "\":");
}

static void open(struct json *json, char bracket)
{
    buf_add_char(json->out, bracket);
    json->is_first = true;
}

static void close(struct json *json, char bracket)
{
    buf_add_char(json->out, bracket);
    json->is_first = false;
}

void json_begin(struct json *json, struct buf *out)
{
    json->out = out;
    open(json, '{');
}

void json_end(struct json *json)
{
    close(json, '}');
    buf_add_char(json->out, '\n');
}

void json_open(struct json *json, const char *name)
{
    put_name(json, name);
    open(json, '{');
}

void json_close(struct json *json)
{
    close(json, '}');
}

void json_open_list(struct json *json, const char *name)
{
    put_name(json, name);
    open(json, '[');
}

void json_close_list(struct json *json)
{
    close(json, ']');
}

void json_integer(struct json *json, const char *name, int64_t number)
{
    put_name(json, name);
    buf_add_integer(json->out, number);
}

void json_flag(struct json *json, const char *name, bool flag)
{
    put_name(json, name);
    buf_add_text(json->out, flag ? "true" : "false");
}

void json_text(struct json *json, const char *name, struct slice text)
{
    put_name(json, name);
    buf_add_json(json->out, text);
}
