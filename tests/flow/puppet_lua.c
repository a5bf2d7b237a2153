/* SPDX-License-Identifier: MIT */
/* Runs a script's text by Lua 5.1 against the puppet's data, with redis.call and redis.pcall as Redis converts between
 * its replies and Lua's values. */
#include "puppet_store.h"

#include "base/mem.h"

#include <assert.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

enum { CALL_ARGUMENTS_MAX = 256 };

static void push_reply(lua_State *lua, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        lua_pushnumber(lua, (lua_Number)reply->integer);
        return;
    case REDIS_REPLY_STRING:
        lua_pushlstring(lua, reply->str, reply->len);
        return;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        lua_newtable(lua);
        lua_pushlstring(lua, reply->str, reply->len);
        lua_setfield(lua, -2, reply->type == REDIS_REPLY_STATUS ? "ok" : "err");
        return;
    case REDIS_REPLY_ARRAY:
        lua_newtable(lua);
        for (size_t i = 0; i < reply->elements; i++) {
            push_reply(lua, reply->element[i]);
            lua_rawseti(lua, -2, (int)i + 1);
        }
        return;
    default:
        lua_pushboolean(lua, 0);
    }
}

static int call(lua_State *lua, bool protected)
{
    struct puppet_store *store = lua_touserdata(lua, lua_upvalueindex(1));
    struct slice arguments[CALL_ARGUMENTS_MAX];
    int count = lua_gettop(lua);
    assert(count >= 1 && count <= CALL_ARGUMENTS_MAX);
    for (int i = 0; i < count; i++) {
        /* Redis writes numbers with 17 digits here; Lua's own conversion would cut them at 14. */
        if (lua_type(lua, i + 1) == LUA_TNUMBER) {
            char text[64];
            snprintf(text, sizeof text, "%.17g", lua_tonumber(lua, i + 1));
            lua_pushstring(lua, text);
            lua_replace(lua, i + 1);
        }
        arguments[i].at = luaL_checklstring(lua, i + 1, &arguments[i].length);
    }
    redisReply *reply = puppet_store_run(store, arguments, (size_t)count);
    bool failed = reply->type == REDIS_REPLY_ERROR;
    push_reply(lua, reply);
    if (failed && !protected) {
        lua_pushlstring(lua, reply->str, reply->len);
        puppet_reply_free(reply);
        return lua_error(lua);
    }
    puppet_reply_free(reply);
    return 1;
}

static int redis_call(lua_State *lua)
{
    return call(lua, false);
}

static int redis_pcall(lua_State *lua)
{
    return call(lua, true);
}

static int redis_error_reply(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "err");
    return 1;
}

static int redis_status_reply(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "ok");
    return 1;
}

static redisReply *take_table(lua_State *lua, int at);

/* Redis's rules: numbers are cut to integers, true is 1, false is nil, an array ends at its first nil. */
static redisReply *take_value(lua_State *lua, int at)
{
    size_t length = 0;
    switch (lua_type(lua, at)) {
    case LUA_TNUMBER:
        return puppet_reply_integer((int64_t)lua_tonumber(lua, at));
    case LUA_TSTRING: {
        const char *bytes = lua_tolstring(lua, at, &length);
        return puppet_reply_bulk(slice_make(bytes, length));
    }
    case LUA_TBOOLEAN:
        return lua_toboolean(lua, at) ? puppet_reply_integer(1) : puppet_reply_nil();
    case LUA_TTABLE:
        return take_table(lua, at);
    default:
        return puppet_reply_nil();
    }
}

static redisReply *take_table(lua_State *lua, int at)
{
    int table = at < 0 ? lua_gettop(lua) + at + 1 : at;
    redisReply *reply = NULL;
    lua_getfield(lua, table, "err");
    lua_getfield(lua, table, "ok");
    if (lua_isstring(lua, -2))
        reply = puppet_reply_error(lua_tostring(lua, -2));
    else if (lua_isstring(lua, -1))
        reply = puppet_reply_status(lua_tostring(lua, -1));
    lua_pop(lua, 2);
    if (reply != NULL)
        return reply;
    size_t count = lua_objlen(lua, table);
    reply = puppet_reply_array(count);
    reply->elements = 0;
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, table, (int)i + 1);
        bool ends = lua_isnil(lua, -1);
        if (!ends)
            reply->element[reply->elements++] = take_value(lua, -1);
        lua_pop(lua, 1);
        if (ends)
            break;
    }
    return reply;
}

static void push_function(lua_State *lua, struct puppet_store *store, const char *name, lua_CFunction function)
{
    lua_pushlightuserdata(lua, store);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
}

static void push_arguments(lua_State *lua, const char *name, const struct slice *arguments, size_t count)
{
    lua_newtable(lua);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, arguments[i].length > 0 ? arguments[i].at : "", arguments[i].length);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_setglobal(lua, name);
}

redisReply *puppet_store_script(struct puppet_store *store, const char *text, const struct slice *arguments,
                                size_t count, size_t key_count)
{
    lua_State *lua = luaL_newstate();
    redisReply *reply;
    assert(lua != NULL && key_count <= count);
    store->scripts++;
    luaL_openlibs(lua);
    lua_newtable(lua);
    push_function(lua, store, "call", redis_call);
    push_function(lua, store, "pcall", redis_pcall);
    push_function(lua, store, "error_reply", redis_error_reply);
    push_function(lua, store, "status_reply", redis_status_reply);
    lua_setglobal(lua, "redis");
    push_arguments(lua, "KEYS", arguments, key_count);
    push_arguments(lua, "ARGV", arguments + key_count, count - key_count);
    if (luaL_loadstring(lua, text) != 0 || lua_pcall(lua, 0, 1, 0) != 0) {
        const char *why = lua_tostring(lua, -1);
        reply = puppet_reply_error(why != NULL ? why : "ERR script");
    } else {
        reply = take_value(lua, -1);
    }
    lua_close(lua);
    return reply;
}
