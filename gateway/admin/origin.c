/* SPDX-License-Identifier: MIT */
/* Reads Host, Origin and Sec-Fetch-Site. Must not know what is asked for. */
#include "admin/origin.h"

#include <arpa/inet.h>

static struct slice without_port(struct slice host)
{
    struct slice rest = host, name;
    if (host.length > 0 && host.at[0] == '[')
        return slice_cut(&rest, ']', &name) ? slice_make(name.at + 1, name.length - 1) : slice_make("", 0);
    return slice_cut(&rest, ':', &name) ? name : slice_make("", 0);
}

/* A name or number that leads to no other machine. */
static bool is_loopback(struct slice name)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr number;
    struct in6_addr long_number;
    if (slice_equal_nocase(name, slice_of("localhost")))
        return true;
    if (name.length == 0 || name.length >= sizeof(text))
        return false;
    memcpy(text, name.at, name.length);
    text[name.length] = '\0';
    if (inet_pton(AF_INET, text, &number) == 1)
        return ntohl(number.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, text, &long_number) == 1 && IN6_IS_ADDR_LOOPBACK(&long_number);
}

static bool is_own(struct slice origin, struct slice host)
{
    static const struct slice SCHEME = SLICE("http://");
    if (!slice_starts_with(origin, SCHEME))
        return false;
    struct slice authority = slice_make(origin.at + SCHEME.length, origin.length - SCHEME.length);
    return slice_equal_nocase(authority, host) && is_loopback(without_port(host));
}

bool origin_is_foreign(const struct request *request)
{
    const struct slice site = request->fetch_site;
    if (site.at != NULL && !slice_is(site, "same-origin") && !slice_is(site, "none"))
        return true;
    return request->origin.at != NULL && !is_own(request->origin, request->host);
}
