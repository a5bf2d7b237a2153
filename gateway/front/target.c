/* SPDX-License-Identifier: MIT */
/* Forms of a request's target, and what a host may look like. Must not know fields or methods. */
#include "front/target.h"

#include "front/octets.h"

#include <arpa/inet.h>

enum { PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

/* Nothing, or ":" and a port; the port may be empty (RFC 3986 section 3.2.3). */
static bool is_port_part(struct slice text)
{
    if (text.length == 0)
        return true;
    if (text.at[0] != ':' || text.length > 1 + PORT_DIGITS_MAX)
        return false;
    unsigned port = 0;
    for (size_t i = 1; i < text.length; i++) {
        if (!octet_is(text.at[i], OCTET_DIGIT))
            return false;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return port <= PORT_MAX;
}

/* The inside of the brackets. No zone: RFC 3986 has none, and it means nothing to another machine. */
static bool is_ipv6(struct slice text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.length >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return memchr(copy, '\0', text.length) == NULL && inet_pton(AF_INET6, copy, &address) == 1;
}

static bool is_reg_name(struct slice text)
{
    if (text.length == 0 || octet_run(text.at, text.length, OCTET_REG_NAME) != text.length)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] != '%')
            continue;
        if (text.length - i < 3 || octet_run(text.at + i + 1, 2, OCTET_HEX) != 2)
            return false;
    }
    return true;
}

bool target_is_authority(struct slice text)
{
    if (text.length > 0 && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.length);
        if (end == NULL)
            return false;
        size_t inside = (size_t)(end - text.at) - 1;
        return is_ipv6(slice_make(text.at + 1, inside)) && is_port_part(slice_make(end + 1, text.length - inside - 2));
    }
    const char *colon = text.length > 0 ? memchr(text.at, ':', text.length) : NULL;
    size_t host = colon != NULL ? (size_t)(colon - text.at) : text.length;
    return is_reg_name(slice_make(text.at, host)) && is_port_part(slice_make(text.at + host, text.length - host));
}

static bool skip_scheme(struct slice *target)
{
    static const struct slice SCHEMES[] = {SLICE("http://"), SLICE("https://")};
    for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(SCHEMES[0]); i++) {
        if (!slice_starts_with_nocase(*target, SCHEMES[i]))
            continue;
        *target = slice_make(target->at + SCHEMES[i].length, target->length - SCHEMES[i].length);
        return true;
    }
    return false;
}

enum target_form target_split(struct slice target, struct slice *authority, struct slice *path, const char **why)
{
    static const struct slice ROOT = SLICE("/");
    if (target.length > 0 && target.at[0] == '/') {
        *path = target;
        return TARGET_ORIGIN;
    }
    if (slice_is(target, "*")) {
        *path = target;
        return TARGET_ASTERISK;
    }
    if (!skip_scheme(&target)) {
        *why = "the request target must be a path or an http URL";
        return TARGET_BAD;
    }
    const char *slash = target.length > 0 ? memchr(target.at, '/', target.length) : NULL;
    *authority = slice_make(target.at, slash != NULL ? (size_t)(slash - target.at) : target.length);
    if (!target_is_authority(*authority)) {
        *why = "the request target names no valid host and port";
        return TARGET_BAD;
    }
    *path = slash != NULL ? slice_make(slash, target.length - authority->length) : ROOT;
    return TARGET_ABSOLUTE;
}
