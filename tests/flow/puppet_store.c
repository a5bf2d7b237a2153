/* SPDX-License-Identifier: MIT */
#include "puppet_store.h"

#include "base/buf.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGUMENTS_MAX = 256 };

enum kind { KIND_STRING, KIND_HASH, KIND_ZSET };

struct field {
    struct slice name, value; /* owned; a sorted set has no values */
    double score;
};

struct puppet_value {
    struct puppet_value *next;
    struct slice key; /* owned */
    enum kind kind;
    struct slice bytes; /* owned */
    struct field *fields;
    size_t field_count;
    int64_t expires_us; /* of the store's time; CLOCK_NEVER: not */
};

static const char WRONG_TYPE[] = "WRONGTYPE Operation against a key holding the wrong kind of value";
static const char SYNTAX[] = "ERR syntax error";

/* Replies. */

static redisReply *reply_new(int type)
{
    redisReply *reply = mem_new(sizeof *reply);
    reply->type = type;
    return reply;
}

redisReply *puppet_reply_nil(void)
{
    return reply_new(REDIS_REPLY_NIL);
}

redisReply *puppet_reply_integer(int64_t integer)
{
    redisReply *reply = reply_new(REDIS_REPLY_INTEGER);
    reply->integer = integer;
    return reply;
}

static redisReply *reply_text(int type, struct slice bytes)
{
    redisReply *reply = reply_new(type);
    reply->str = mem_copy_text(bytes.length > 0 ? bytes.at : "", bytes.length);
    reply->len = bytes.length;
    return reply;
}

redisReply *puppet_reply_bulk(struct slice bytes)
{
    return reply_text(REDIS_REPLY_STRING, bytes);
}

redisReply *puppet_reply_status(const char *text)
{
    return reply_text(REDIS_REPLY_STATUS, slice_of(text));
}

redisReply *puppet_reply_error(const char *text)
{
    return reply_text(REDIS_REPLY_ERROR, slice_of(text));
}

redisReply *puppet_reply_array(size_t count)
{
    redisReply *reply = reply_new(REDIS_REPLY_ARRAY);
    reply->elements = count;
    reply->element = mem_new((count + 1) * sizeof(redisReply *));
    return reply;
}

void puppet_reply_free(redisReply *reply)
{
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->elements; i++)
        puppet_reply_free(reply->element[i]);
    mem_free(reply->element);
    mem_free(reply->str);
    mem_free(reply);
}

/* Values. */

static struct slice copy(struct slice bytes)
{
    return slice_make(mem_copy_text(bytes.length > 0 ? bytes.at : "", bytes.length), bytes.length);
}

static void drop(struct slice *bytes)
{
    mem_free((char *)(uintptr_t)bytes->at);
    *bytes = slice_make(NULL, 0);
}

static void clear(struct puppet_value *value)
{
    drop(&value->bytes);
    for (size_t i = 0; i < value->field_count; i++) {
        drop(&value->fields[i].name);
        drop(&value->fields[i].value);
    }
    mem_free(value->fields);
    value->fields = NULL;
    value->field_count = 0;
    value->expires_us = CLOCK_NEVER;
}

static bool remove_key(struct puppet_store *store, struct slice key)
{
    for (struct puppet_value **at = &store->values; *at != NULL; at = &(*at)->next) {
        struct puppet_value *value = *at;
        if (!slice_equal(value->key, key))
            continue;
        *at = value->next;
        bool lived = value->expires_us > puppet_store_time(store);
        clear(value);
        drop(&value->key);
        mem_free(value);
        return lived;
    }
    return false;
}

static struct puppet_value *find(struct puppet_store *store, struct slice key)
{
    for (struct puppet_value *value = store->values; value != NULL; value = value->next) {
        if (!slice_equal(value->key, key))
            continue;
        if (value->expires_us > puppet_store_time(store))
            return value;
        remove_key(store, key);
        return NULL;
    }
    return NULL;
}

static struct puppet_value *find_or_make(struct puppet_store *store, struct slice key, enum kind kind)
{
    struct puppet_value *value = find(store, key);
    if (value != NULL)
        return value;
    value = mem_new(sizeof *value);
    value->key = copy(key);
    value->kind = kind;
    value->expires_us = CLOCK_NEVER;
    value->next = store->values;
    store->values = value;
    return value;
}

static struct field *find_field(struct puppet_value *value, struct slice name)
{
    for (size_t i = 0; value != NULL && i < value->field_count; i++) {
        if (slice_equal(value->fields[i].name, name))
            return &value->fields[i];
    }
    return NULL;
}

static struct field *add_field(struct puppet_value *value, struct slice name)
{
    struct field *fields = mem_try_resize(value->fields, (value->field_count + 1) * sizeof *fields);
    if (fields == NULL)
        abort();
    value->fields = fields;
    fields[value->field_count] = (struct field){.name = copy(name)};
    return &fields[value->field_count++];
}

static void remove_field(struct puppet_store *store, struct puppet_value *value, size_t at)
{
    drop(&value->fields[at].name);
    drop(&value->fields[at].value);
    memmove(value->fields + at, value->fields + at + 1, (value->field_count - at - 1) * sizeof(struct field));
    if (--value->field_count == 0)
        remove_key(store, value->key);
}

static void put_bytes(struct puppet_value *value, struct slice bytes)
{
    struct slice fresh = copy(bytes);
    drop(&value->bytes);
    value->bytes = fresh;
}

/* Arguments. */

struct command {
    struct puppet_store *store;
    const struct slice *arguments; /* the name first */
    size_t count;
};

static int64_t integer_at(const struct command *command, size_t at)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)command->arguments[at].length, command->arguments[at].at);
    return strtoll(text, NULL, 10);
}

static double number_of(struct slice text, bool *open)
{
    char copied[64];
    *open = text.length > 0 && text.at[0] == '(';
    snprintf(copied, sizeof copied, "%.*s", (int)text.length, text.at);
    return strtod(copied + *open, NULL);
}

static bool has_word(const struct command *command, size_t from, const char *word)
{
    for (size_t i = from; i < command->count; i++) {
        if (slice_equal_nocase(command->arguments[i], slice_of(word)))
            return true;
    }
    return false;
}

static struct slice show_number(double number, char text[64])
{
    snprintf(text, 64, "%.17g", number);
    return slice_of(text);
}

/* Strings. */

static redisReply *do_get(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    if (value == NULL)
        return puppet_reply_nil();
    return value->kind == KIND_STRING ? puppet_reply_bulk(value->bytes) : puppet_reply_error(WRONG_TYPE);
}

static redisReply *do_mget(const struct command *command)
{
    redisReply *reply = puppet_reply_array(command->count - 1);
    for (size_t i = 1; i < command->count; i++) {
        struct puppet_value *value = find(command->store, command->arguments[i]);
        reply->element[i - 1] =
            value != NULL && value->kind == KIND_STRING ? puppet_reply_bulk(value->bytes) : puppet_reply_nil();
    }
    return reply;
}

static redisReply *do_set(const struct command *command)
{
    struct slice key = command->arguments[1];
    int64_t lives_us = 0;
    for (size_t i = 3; i + 1 < command->count; i++) {
        if (slice_equal_nocase(command->arguments[i], slice_of("PX")))
            lives_us = integer_at(command, i + 1) * CLOCK_MILLISECOND;
        if (slice_equal_nocase(command->arguments[i], slice_of("EX")))
            lives_us = integer_at(command, i + 1) * CLOCK_SECOND;
    }
    bool there = find(command->store, key) != NULL;
    if ((has_word(command, 3, "NX") && there) || (has_word(command, 3, "XX") && !there))
        return puppet_reply_nil();
    if (there && find(command->store, key)->kind != KIND_STRING)
        remove_key(command->store, key);
    struct puppet_value *value = find_or_make(command->store, key, KIND_STRING);
    put_bytes(value, command->arguments[2]);
    if (lives_us > 0)
        value->expires_us = puppet_store_time(command->store) + lives_us;
    else if (!has_word(command, 3, "KEEPTTL"))
        value->expires_us = CLOCK_NEVER;
    return puppet_reply_status("OK");
}

static redisReply *do_incrby(const struct command *command)
{
    struct puppet_value *value = find_or_make(command->store, command->arguments[1], KIND_STRING);
    char text[32];
    if (value->kind != KIND_STRING)
        return puppet_reply_error(WRONG_TYPE);
    int64_t number = (value->bytes.at != NULL ? strtoll(value->bytes.at, NULL, 10) : 0) +
                     (command->count > 2 ? integer_at(command, 2) : 1);
    snprintf(text, sizeof text, "%lld", (long long)number);
    put_bytes(value, slice_of(text));
    return puppet_reply_integer(number);
}

static redisReply *do_getrange(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    if (value == NULL)
        return puppet_reply_bulk(slice_of(""));
    if (value->kind != KIND_STRING)
        return puppet_reply_error(WRONG_TYPE);
    int64_t length = (int64_t)value->bytes.length;
    int64_t from = integer_at(command, 2);
    int64_t to = integer_at(command, 3);
    from = from < 0 ? (from + length < 0 ? 0 : from + length) : from;
    to = to < 0 ? to + length : (to >= length ? length - 1 : to);
    if (from > to)
        return puppet_reply_bulk(slice_of(""));
    return puppet_reply_bulk(slice_make(value->bytes.at + from, (size_t)(to - from + 1)));
}

static redisReply *do_strlen(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    return puppet_reply_integer(value != NULL ? (int64_t)value->bytes.length : 0);
}

/* Keys. */

static redisReply *do_del(const struct command *command)
{
    int64_t gone = 0;
    for (size_t i = 1; i < command->count; i++)
        gone += remove_key(command->store, command->arguments[i]);
    return puppet_reply_integer(gone);
}

static redisReply *do_exists(const struct command *command)
{
    return puppet_reply_integer(find(command->store, command->arguments[1]) != NULL);
}

static redisReply *do_type(const struct command *command)
{
    static const char *const names[] = {"string", "hash", "zset"};
    struct puppet_value *value = find(command->store, command->arguments[1]);
    return puppet_reply_status(value != NULL ? names[value->kind] : "none");
}

static redisReply *do_pttl(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    if (value == NULL)
        return puppet_reply_integer(-2);
    if (value->expires_us == CLOCK_NEVER)
        return puppet_reply_integer(-1);
    return puppet_reply_integer((value->expires_us - puppet_store_time(command->store)) / CLOCK_MILLISECOND);
}

static redisReply *expire(const struct command *command, int64_t unit_us)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    if (value == NULL)
        return puppet_reply_integer(0);
    value->expires_us = puppet_store_time(command->store) + integer_at(command, 2) * unit_us;
    return puppet_reply_integer(1);
}

static redisReply *do_pexpire(const struct command *command)
{
    return expire(command, CLOCK_MILLISECOND);
}

static redisReply *do_expire(const struct command *command)
{
    return expire(command, CLOCK_SECOND);
}

/* Hashes. */

static redisReply *do_hset(const struct command *command)
{
    struct puppet_value *value = find_or_make(command->store, command->arguments[1], KIND_HASH);
    int64_t added = 0;
    if (value->kind != KIND_HASH)
        return puppet_reply_error(WRONG_TYPE);
    for (size_t i = 2; i + 1 < command->count; i += 2) {
        struct field *field = find_field(value, command->arguments[i]);
        added += field == NULL;
        if (field == NULL)
            field = add_field(value, command->arguments[i]);
        drop(&field->value);
        field->value = copy(command->arguments[i + 1]);
    }
    return puppet_reply_integer(added);
}

static redisReply *field_reply(const struct field *field)
{
    return field != NULL ? puppet_reply_bulk(field->value) : puppet_reply_nil();
}

static redisReply *do_hget(const struct command *command)
{
    return field_reply(find_field(find(command->store, command->arguments[1]), command->arguments[2]));
}

static redisReply *do_hmget(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    redisReply *reply = puppet_reply_array(command->count - 2);
    for (size_t i = 2; i < command->count; i++)
        reply->element[i - 2] = field_reply(find_field(value, command->arguments[i]));
    return reply;
}

static redisReply *do_hgetall(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    size_t count = value != NULL ? value->field_count : 0;
    redisReply *reply = puppet_reply_array(2 * count);
    for (size_t i = 0; i < count; i++) {
        reply->element[2 * i] = puppet_reply_bulk(value->fields[i].name);
        reply->element[2 * i + 1] = puppet_reply_bulk(value->fields[i].value);
    }
    return reply;
}

static redisReply *do_hincrby(const struct command *command)
{
    struct puppet_value *value = find_or_make(command->store, command->arguments[1], KIND_HASH);
    struct field *field = find_field(value, command->arguments[2]);
    char text[32];
    if (field == NULL)
        field = add_field(value, command->arguments[2]);
    int64_t number = (field->value.at != NULL ? strtoll(field->value.at, NULL, 10) : 0) + integer_at(command, 3);
    snprintf(text, sizeof text, "%lld", (long long)number);
    drop(&field->value);
    field->value = copy(slice_of(text));
    return puppet_reply_integer(number);
}

/* ZREM and HDEL. */
static redisReply *do_remove(const struct command *command)
{
    int64_t gone = 0;
    for (size_t i = 2; i < command->count; i++) {
        struct puppet_value *value = find(command->store, command->arguments[1]);
        struct field *field = find_field(value, command->arguments[i]);
        if (field == NULL)
            continue;
        remove_field(command->store, value, (size_t)(field - value->fields));
        gone++;
    }
    return puppet_reply_integer(gone);
}

/* ZCARD and HLEN. */
static redisReply *do_count(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    return puppet_reply_integer(value != NULL ? (int64_t)value->field_count : 0);
}

/* Sorted sets, sorted when they are read. */

static int by_score(const void *a, const void *b)
{
    const struct field *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? -1 : 1;
    return slice_compare(left->name, right->name);
}

static struct puppet_value *find_sorted(const struct command *command)
{
    struct puppet_value *value = find(command->store, command->arguments[1]);
    if (value != NULL && value->field_count > 0)
        qsort(value->fields, value->field_count, sizeof(struct field), by_score);
    return value;
}

static redisReply *do_zadd(const struct command *command)
{
    size_t at = 2;
    bool greater = false, open;
    int64_t added = 0;
    for (; at < command->count; at++) {
        if (slice_equal_nocase(command->arguments[at], slice_of("GT")))
            greater = true;
        else
            break;
    }
    struct puppet_value *value = find_or_make(command->store, command->arguments[1], KIND_ZSET);
    if (value->kind != KIND_ZSET)
        return puppet_reply_error(WRONG_TYPE);
    for (; at + 1 < command->count; at += 2) {
        double score = number_of(command->arguments[at], &open);
        struct field *field = find_field(value, command->arguments[at + 1]);
        bool fresh = field == NULL;
        if (fresh)
            field = add_field(value, command->arguments[at + 1]);
        if (fresh || !greater || score > field->score)
            field->score = score;
        added += fresh;
    }
    return puppet_reply_integer(added);
}

static bool in_range(const struct field *field, struct slice low, struct slice high)
{
    bool low_open, high_open;
    double from = number_of(low, &low_open);
    double to = number_of(high, &high_open);
    return (low_open ? field->score > from : field->score >= from) &&
           (high_open ? field->score < to : field->score <= to);
}

static redisReply *fields_reply(const struct field *const *found, size_t count, bool scores)
{
    redisReply *reply = puppet_reply_array(scores ? 2 * count : count);
    char text[64];
    for (size_t i = 0; i < count; i++) {
        reply->element[scores ? 2 * i : i] = puppet_reply_bulk(found[i]->name);
        if (scores)
            reply->element[2 * i + 1] = puppet_reply_bulk(show_number(found[i]->score, text));
    }
    return reply;
}

static redisReply *do_zrangebyscore(const struct command *command)
{
    struct puppet_value *value = find_sorted(command);
    size_t total = value != NULL ? value->field_count : 0;
    const struct field **found = mem_new((total + 1) * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < total; i++) {
        if (in_range(&value->fields[i], command->arguments[2], command->arguments[3]))
            found[count++] = &value->fields[i];
    }
    redisReply *reply = fields_reply(found, count, has_word(command, 4, "WITHSCORES"));
    mem_free(found);
    return reply;
}

static size_t rank_of(int64_t rank, size_t total)
{
    if (rank < 0)
        rank += (int64_t)total;
    return rank < 0 ? 0 : (size_t)rank;
}

static redisReply *do_zrange(const struct command *command)
{
    struct puppet_value *value = find_sorted(command);
    size_t total = value != NULL ? value->field_count : 0;
    const struct field **found = mem_new((total + 1) * sizeof *found);
    size_t count = 0;
    int64_t last = integer_at(command, 3);
    last = last < 0 ? last + (int64_t)total : last;
    for (size_t i = rank_of(integer_at(command, 2), total); i < total && (int64_t)i <= last; i++)
        found[count++] = &value->fields[i];
    redisReply *reply = fields_reply(found, count, has_word(command, 4, "WITHSCORES"));
    mem_free(found);
    return reply;
}

static redisReply *do_zremrangebyscore(const struct command *command)
{
    struct puppet_value *value = find_sorted(command);
    int64_t gone = 0;
    for (size_t i = value != NULL ? value->field_count : 0; i > 0; i--) {
        if (!in_range(&value->fields[i - 1], command->arguments[2], command->arguments[3]))
            continue;
        remove_field(command->store, value, i - 1);
        gone++;
    }
    return puppet_reply_integer(gone);
}

static redisReply *do_zremrangebyrank(const struct command *command)
{
    struct puppet_value *value = find_sorted(command);
    size_t total = value != NULL ? value->field_count : 0;
    size_t first = rank_of(integer_at(command, 2), total);
    int64_t last = integer_at(command, 3);
    last = last < 0 ? last + (int64_t)total : last;
    int64_t gone = 0;
    for (size_t i = total; i > first; i--) {
        if ((int64_t)i - 1 > last)
            continue;
        remove_field(command->store, value, i - 1);
        gone++;
    }
    return puppet_reply_integer(gone);
}

static redisReply *do_zscore(const struct command *command)
{
    const struct field *field = find_field(find(command->store, command->arguments[1]), command->arguments[2]);
    char text[64];
    return field != NULL ? puppet_reply_bulk(show_number(field->score, text)) : puppet_reply_nil();
}

/* The rest. */

static redisReply *do_time(const struct command *command)
{
    int64_t now_us = puppet_store_time(command->store);
    redisReply *reply = puppet_reply_array(2);
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)(now_us / CLOCK_SECOND));
    reply->element[0] = puppet_reply_bulk(slice_of(text));
    snprintf(text, sizeof text, "%lld", (long long)(now_us % CLOCK_SECOND));
    reply->element[1] = puppet_reply_bulk(slice_of(text));
    return reply;
}

static redisReply *do_publish(const struct command *command)
{
    struct puppet_store *store = command->store;
    if (store->on_publish == NULL)
        return puppet_reply_integer(0);
    return puppet_reply_integer(
        store->on_publish(store->publish_context, command->arguments[1], command->arguments[2]));
}

static redisReply *do_ping(const struct command *command)
{
    (void)command;
    return puppet_reply_status("PONG");
}

static const struct {
    const char *name;
    size_t least; /* arguments, the name counted */
    bool writes;
    redisReply *(*run)(const struct command *command);
} COMMANDS[] = {
    {"GET", 2, false, do_get},
    {"MGET", 2, false, do_mget},
    {"SET", 3, true, do_set},
    {"INCR", 2, true, do_incrby},
    {"INCRBY", 3, true, do_incrby},
    {"GETRANGE", 4, false, do_getrange},
    {"STRLEN", 2, false, do_strlen},
    {"DEL", 2, true, do_del},
    {"UNLINK", 2, true, do_del},
    {"EXISTS", 2, false, do_exists},
    {"TYPE", 2, false, do_type},
    {"PTTL", 2, false, do_pttl},
    {"PEXPIRE", 3, true, do_pexpire},
    {"EXPIRE", 3, true, do_expire},
    {"HSET", 4, true, do_hset},
    {"HGET", 3, false, do_hget},
    {"HMGET", 3, false, do_hmget},
    {"HGETALL", 2, false, do_hgetall},
    {"HINCRBY", 4, true, do_hincrby},
    {"HDEL", 3, true, do_remove},
    {"HLEN", 2, false, do_count},
    {"ZADD", 4, true, do_zadd},
    {"ZREM", 3, true, do_remove},
    {"ZCARD", 2, false, do_count},
    {"ZRANGE", 4, false, do_zrange},
    {"ZRANGEBYSCORE", 4, false, do_zrangebyscore},
    {"ZREMRANGEBYSCORE", 4, true, do_zremrangebyscore},
    {"ZREMRANGEBYRANK", 4, true, do_zremrangebyrank},
    {"ZSCORE", 3, false, do_zscore},
    {"TIME", 1, false, do_time},
    {"PUBLISH", 3, false, do_publish},
    {"PING", 1, false, do_ping},
};

redisReply *puppet_store_run(struct puppet_store *store, const struct slice *arguments, size_t count)
{
    const struct command command = {store, arguments, count};
    assert(count > 0 && count <= ARGUMENTS_MAX);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (!slice_equal_nocase(arguments[0], slice_of(COMMANDS[i].name)))
            continue;
        if (count < COMMANDS[i].least)
            return puppet_reply_error(SYNTAX);
        store->writes += COMMANDS[i].writes;
        return COMMANDS[i].run(&command);
    }
    return puppet_reply_error("ERR unknown command, to the puppet");
}

int64_t puppet_store_time(const struct puppet_store *store)
{
    return clock_wall(store->clock) + store->skew_us;
}

void puppet_store_init(struct puppet_store *store, const struct clock *clock)
{
    *store = (struct puppet_store){.clock = clock};
}

void puppet_store_flush(struct puppet_store *store)
{
    while (store->values != NULL)
        remove_key(store, store->values->key);
}

void puppet_store_free(struct puppet_store *store)
{
    puppet_store_flush(store);
}

struct slice puppet_store_peek(struct puppet_store *store, const char *key)
{
    struct puppet_value *value = find(store, slice_of(key));
    return value != NULL && value->kind == KIND_STRING ? value->bytes : slice_make(NULL, 0);
}
