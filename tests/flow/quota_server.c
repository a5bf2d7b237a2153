/* SPDX-License-Identifier: MIT */
#include "quota_server.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    lua_State *lua;
    int script;
    struct quota_state *state;
    int64_t now_us;
    struct slice keys[2];
    struct buf text;
} server;

static size_t key_at(lua_State *lua, int index)
{
    const char *key = luaL_checkstring(lua, index);
    for (size_t i = 0; i < 2; i++)
        if (slice_is(server.keys[i], key))
            return i;
    return (size_t)luaL_error(lua, "%s is none of the keys", key);
}

static int on_call(lua_State *lua)
{
    const char *command = luaL_checkstring(lua, 1);
    if (strcmp(command, "TIME") == 0) {
        lua_newtable(lua);
        lua_pushfstring(lua, "%d", (int)(server.now_us / CLOCK_SECOND));
        lua_rawseti(lua, -2, 1);
        lua_pushfstring(lua, "%d", (int)(server.now_us % CLOCK_SECOND));
        lua_rawseti(lua, -2, 2);
        return 1;
    }
    size_t key = key_at(lua, 2);
    struct quota_state *state = server.state;
    if (strcmp(command, "GET") == 0) {
        if (state->text[key][0] == '\0' || state->expires_us[key] <= server.now_us)
            lua_pushboolean(lua, 0);
        else
            lua_pushstring(lua, state->text[key]);
        return 1;
    }
    assert(strcmp(command, "SET") == 0 && strcmp(luaL_checkstring(lua, 4), "PX") == 0);
    size_t length;
    const char *value = luaL_checklstring(lua, 3, &length);
    assert(length < QUOTA_STATE_MAX);
    memcpy(state->text[key], value, length + 1);
    int64_t ttl_ms = strtoll(luaL_checkstring(lua, 5), NULL, 10);
    assert(ttl_ms > 0);
    state->expires_us[key] = server.now_us + ttl_ms * CLOCK_MILLISECOND;
    state->writes++;
    return 0;
}

int quota_server_set_up(void **state)
{
    (void)state;
    server.lua = luaL_newstate();
    luaL_openlibs(server.lua);
    lua_newtable(server.lua);
    lua_pushcfunction(server.lua, on_call);
    lua_setfield(server.lua, -2, "call");
    lua_setglobal(server.lua, "redis");
    if (luaL_loadstring(server.lua, quota_lua) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(server.lua, -1));
        abort();
    }
    server.script = luaL_ref(server.lua, LUA_REGISTRYINDEX);
    buf_init(&server.text, QUOTA_ARGUMENTS_BYTES);
    return 0;
}

int quota_server_tear_down(void **state)
{
    (void)state;
    buf_free(&server.text);
    lua_close(server.lua);
    return 0;
}

static void set_list(lua_State *lua, const char *name, const struct slice *items, size_t count)
{
    lua_newtable(lua);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, items[i].at, items[i].length);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_setglobal(lua, name);
}

bool quota_server_run(struct quota_state *state, int64_t now_us, const struct quota_call_facts *facts,
                      struct lease_grant *lease, struct prepaid_grant *prepaid)
{
    enum { ELEMENTS_MAX = 32 };
    lua_State *lua = server.lua;
    struct redis_call call = {0};
    if (!quota_script_write(facts, &server.text, &call))
        abort();
    server.state = state;
    server.now_us = now_us;
    server.keys[0] = call.arguments[0];
    server.keys[1] = call.arguments[1];
    set_list(lua, "KEYS", call.arguments, call.key_count);
    set_list(lua, "ARGV", call.arguments + call.key_count, call.argument_count - call.key_count);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, server.script);
    if (lua_pcall(lua, 0, 1, 0) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(lua, -1));
        abort();
    }
    redisReply elements[ELEMENTS_MAX], *pointers[ELEMENTS_MAX];
    size_t count = lua_objlen(lua, -1);
    assert(count <= ELEMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (int)i + 1);
        elements[i] = (redisReply){.type = REDIS_REPLY_INTEGER, .integer = (long long)lua_tonumber(lua, -1)};
        pointers[i] = &elements[i];
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = count, .element = pointers};
    return quota_script_read(&reply, lease, prepaid);
}
