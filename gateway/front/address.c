/* SPDX-License-Identifier: MIT */
/* Addresses as text. Must not know what is served there. */
#include "front/address.h"

#include "base/units.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

enum { HOST_MAX = 256, PORT_LENGTH_MAX = 8, PORT_MAX = 65535 };

static const struct slice UNIX = SLICE("unix:");

/* "host:port" or "[host]:port" into its parts; neither may be empty. The port is looked at here, because the resolver
 * takes any number and cuts it to 16 bits. */
static bool split(struct slice text, char host[HOST_MAX], char port[PORT_LENGTH_MAX])
{
    const char *colon = memrchr(text.at, ':', text.length);
    if (colon == NULL)
        return false;
    struct slice before = slice_make(text.at, (size_t)(colon - text.at));
    struct slice after = slice_make(colon + 1, text.length - before.length - 1);
    bool bracketed = before.length > 2 && before.at[0] == '[' && before.at[before.length - 1] == ']';
    if (bracketed)
        before = slice_make(before.at + 1, before.length - 2);
    else if (before.length > 0 && memchr(before.at, ':', before.length) != NULL)
        return false; /* an IPv6 number without brackets could mean two things */
    int64_t number;
    if (before.length == 0 || before.length >= HOST_MAX || after.length >= PORT_LENGTH_MAX)
        return false;
    if (!units_integer(after, &number) || number < 0 || number > PORT_MAX)
        return false;
    memcpy(host, before.at, before.length);
    host[before.length] = '\0';
    memcpy(port, after.at, after.length);
    port[after.length] = '\0';
    return true;
}

static size_t resolve_unix(struct slice path, struct address *address, char *why, size_t why_size)
{
    struct sockaddr_un *unix_address = (struct sockaddr_un *)(void *)&address->storage;
    if (path.length == 0 || path.length >= sizeof(unix_address->sun_path)) {
        snprintf(why, why_size, "the path of a unix socket must have 1 to %zu bytes",
                 sizeof(unix_address->sun_path) - 1);
        return 0;
    }
    *address = (struct address){.length = sizeof(*unix_address)};
    unix_address->sun_family = AF_UNIX;
    memcpy(unix_address->sun_path, path.at, path.length);
    return 1;
}

size_t address_resolve(const char *text, struct address *addresses, char *why, size_t why_size)
{
    struct slice whole = slice_of(text);
    if (slice_starts_with(whole, UNIX))
        return resolve_unix(slice_make(whole.at + UNIX.length, whole.length - UNIX.length), addresses, why, why_size);
    char host[HOST_MAX], port[PORT_LENGTH_MAX];
    if (!split(whole, host, port)) {
        snprintf(why, why_size, "an address is host:port, [::1]:port or unix:/path");
        return 0;
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure == EAI_NONAME) {
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
        failure = getaddrinfo(host, port, &hints, &found);
    }
    if (failure != 0) {
        snprintf(why, why_size, "%s", gai_strerror(failure));
        return 0;
    }
    size_t count = 0;
    for (struct addrinfo *each = found; each != NULL && count < ADDRESS_MAX; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6)
            continue;
        addresses[count] = (struct address){.length = each->ai_addrlen};
        memcpy(&addresses[count++].storage, each->ai_addr, each->ai_addrlen);
    }
    freeaddrinfo(found);
    if (count == 0)
        snprintf(why, why_size, "the name has no address");
    return count;
}

const char *address_path(const struct address *address)
{
    if (address->storage.ss_family != AF_UNIX || address->length <= offsetof(struct sockaddr_un, sun_path))
        return NULL;
    return ((const struct sockaddr_un *)(const void *)&address->storage)->sun_path;
}

/* What the kernel and the resolver fill in besides (flow, padding) does not matter. */
bool address_equal(const struct address *a, const struct address *b)
{
    const char *path = address_path(a), *other = address_path(b);
    if (a->storage.ss_family != b->storage.ss_family || (path == NULL) != (other == NULL))
        return false;
    if (path != NULL)
        return strcmp(path, other) == 0;
    if (a->storage.ss_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)(const void *)&a->storage;
        const struct sockaddr_in *y = (const struct sockaddr_in *)(const void *)&b->storage;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->storage.ss_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)(const void *)&a->storage;
    const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)(const void *)&b->storage;
    return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
}

void address_print(const struct address *address, struct buf *out)
{
    char host[INET6_ADDRSTRLEN] = "";
    const char *path = address_path(address);
    if (path != NULL) {
        buf_add(out, UNIX);
        buf_add_text(out, path);
    } else if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)&address->storage;
        inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host));
        buf_format(out, "%s:%u", host, (unsigned)ntohs(ipv4->sin_port));
    } else if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)&address->storage;
        inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host));
        buf_format(out, "[%s]:%u", host, (unsigned)ntohs(ipv6->sin6_port));
    }
}

bool address_is_local(const char *text)
{
    char host[HOST_MAX], port[PORT_LENGTH_MAX];
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (slice_starts_with(slice_of(text), UNIX))
        return true;
    if (!split(slice_of(text), host, port))
        return false;
    if (inet_pton(AF_INET, host, &ipv4) == 1)
        return ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, host, &ipv6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&ipv6);
    return slice_equal_nocase(slice_of(host), slice_of("localhost"));
}
