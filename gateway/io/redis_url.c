/* SPDX-License-Identifier: MIT */
/* Reads where a Redis is. Nothing of the text is repeated in a complaint: what looks like a host may be half a
 * password.
 */
#include "io/redis_url.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "base/units.h"

#include <stdio.h>

enum { PORT_DEFAULT = 6379, SENTINEL_PORT_DEFAULT = 26379, PORT_MAX = 65535, DATABASE_MAX = 999999, HOST_MAX = 253 };

/* sizeof(sun_path) - 1 */
enum { PATH_MAX_BYTES = 107 };

static const struct {
    const char *head;
    enum redis_kind kind;
} SCHEMES[] = {
    {"redis://", REDIS_SINGLE},
    {"unix:", REDIS_UNIX},
    {"redis+cluster://", REDIS_CLUSTER},
    {"redis+sentinel://", REDIS_SENTINEL},
};

struct reader {
    struct redis_url *url;
    struct slice rest; /* what is not read yet */
    char *why;
};

static bool fail(struct reader *reader, const char *why)
{
    snprintf(reader->why, REDIS_URL_WHY_MAX, "%s", why);
    return false;
}

static bool read_scheme(struct reader *reader)
{
    for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(SCHEMES[0]); i++) {
        struct slice head = slice_of(SCHEMES[i].head);
        if (!slice_starts_with_nocase(reader->rest, head))
            continue;
        reader->url->kind = SCHEMES[i].kind;
        reader->rest = slice_make(reader->rest.at + head.length, reader->rest.length - head.length);
        return true;
    }
    if (slice_starts_with_nocase(reader->rest, slice_of("rediss:")))
        return fail(reader, "rediss:// (TLS to Redis) is not supported");
    return fail(reader, "expected redis://, unix:, redis+cluster:// or redis+sentinel://");
}

static bool copy(struct reader *reader, struct slice text, char **copied)
{
    *copied = mem_try_copy(text);
    return *copied != NULL || fail(reader, "out of memory");
}

/* %XX only: a plus is a plus. Fails for `why` when the escapes are bad or a NUL comes out. */
static bool decode(struct reader *reader, struct slice text, char **decoded, const char *why)
{
    char *out;
    if (!copy(reader, text, &out))
        return false;
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.at[i];
        if (byte == '%') {
            if (text.length - i < 3 || !codec_unhex(slice_make(text.at + i + 1, 2), &byte, 1)) {
                byte = 0;
            }
            i += 2;
        }
        if (byte == 0) {
            mem_wipe(out, text.length);
            mem_free(out);
            return fail(reader, why);
        }
        out[length++] = (char)byte;
    }
    out[length] = '\0';
    *decoded = out;
    return true;
}

/* Up to the last '@' before the path, so that a password may hold one. */
static bool read_credentials(struct reader *reader)
{
    size_t end = 0, at = 0;
    bool found = false;
    while (end < reader->rest.length && reader->rest.at[end] != '/' && reader->rest.at[end] != '?') {
        if (reader->rest.at[end] == '@') {
            at = end;
            found = true;
        }
        end++;
    }
    if (!found)
        return true;
    struct slice user, password = slice_make(reader->rest.at, at);
    reader->rest = slice_make(reader->rest.at + at + 1, reader->rest.length - at - 1);
    if (!slice_cut(&password, ':', &user) || password.at == NULL || password.length == 0)
        return fail(reader, "expected user:password@ or :password@ before the host");
    static const char WHY[] = "a bad %-escape in the user or the password";
    return decode(reader, password, &reader->url->password, WHY) &&
           (user.length == 0 || decode(reader, user, &reader->url->user, WHY));
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}

static bool is_host(struct slice name, bool in_brackets)
{
    if (name.length == 0 || name.length > HOST_MAX)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (!is_host_char(name.at[i]) && !(in_brackets && name.at[i] == ':'))
            return false;
    }
    return true;
}

/* name, name:port, [v6], [v6]:port */
static bool read_host(struct reader *reader, struct slice text, int default_port, struct redis_host *host)
{
    static const char WHY[] = "expected host:port (for several: separated by commas)";
    struct slice name, rest = text;
    bool in_brackets = text.length > 0 && text.at[0] == '[';
    if (in_brackets) {
        rest = slice_make(text.at + 1, text.length - 1);
        if (!slice_cut(&rest, ']', &name) || rest.at == NULL || (rest.length > 0 && rest.at[0] != ':'))
            return fail(reader, WHY);
        rest = rest.length > 0 ? slice_make(rest.at + 1, rest.length - 1) : slice_make(NULL, 0);
    } else if (!slice_cut(&rest, ':', &name)) {
        return fail(reader, WHY);
    }
    int64_t port = default_port;
    if (!is_host(name, in_brackets) ||
        (rest.at != NULL && (!units_integer(rest, &port) || port < 1 || port > PORT_MAX)))
        return fail(reader, WHY);
    host->port = (int)port;
    return copy(reader, name, &host->name);
}

static bool read_hosts(struct reader *reader)
{
    struct redis_url *url = reader->url;
    size_t end = 0;
    while (end < reader->rest.length && reader->rest.at[end] != '/' && reader->rest.at[end] != '?')
        end++;
    struct slice hosts = slice_make(reader->rest.at, end), host;
    reader->rest = slice_make(reader->rest.at + end, reader->rest.length - end);
    int port = url->kind == REDIS_SENTINEL ? SENTINEL_PORT_DEFAULT : PORT_DEFAULT;
    while (slice_cut(&hosts, ',', &host)) {
        if (url->host_count == (url->kind == REDIS_SINGLE ? 1 : REDIS_HOSTS_MAX))
            return fail(reader, "too many hosts: redis:// has one, a cluster or sentinels at most 16");
        if (!read_host(reader, host, port, &url->hosts[url->host_count]))
            return false;
        url->host_count++;
    }
    return url->host_count > 0 || fail(reader, "expected a host");
}
_Static_assert((int)REDIS_HOSTS_MAX == 16, "the complaint above says so");

static bool read_database(struct reader *reader, struct slice text)
{
    int64_t database;
    if (!units_integer(text, &database) || database < 0 || database > DATABASE_MAX)
        return fail(reader, "expected the number of a database");
    if (reader->url->kind == REDIS_CLUSTER && database != 0)
        return fail(reader, "a cluster has no database but 0");
    reader->url->database = (int)database;
    return true;
}

/* ?db=N or nothing. */
static bool read_question(struct reader *reader)
{
    static const struct slice head = SLICE("?db=");
    if (reader->rest.length == 0)
        return true;
    if (!slice_starts_with(reader->rest, head))
        return fail(reader, "expected nothing after the path but ?db=NUMBER");
    return read_database(reader, slice_make(reader->rest.at + head.length, reader->rest.length - head.length));
}

/* What stands between '/' and '?'. */
static struct slice take_path(struct reader *reader)
{
    struct slice path;
    size_t end = 0;
    while (end < reader->rest.length && reader->rest.at[end] != '?')
        end++;
    path = slice_make(reader->rest.at, end);
    reader->rest = slice_make(reader->rest.at + end, reader->rest.length - end);
    return path;
}

static bool read_unix(struct reader *reader)
{
    if (slice_starts_with(reader->rest, slice_of("//"))) {
        reader->rest = slice_make(reader->rest.at + 2, reader->rest.length - 2);
        if (!read_credentials(reader))
            return false;
    }
    struct slice path = take_path(reader);
    if (path.length < 2 || path.at[0] != '/')
        return fail(reader, "expected the absolute path of a socket, as in unix:/run/redis.sock");
    static const char WHY[] = "the path of the socket is too long, or has a bad %-escape";
    if (!decode(reader, path, &reader->url->path, WHY))
        return false;
    if (strlen(reader->url->path) > PATH_MAX_BYTES)
        return fail(reader, WHY);
    return read_question(reader);
}

static bool read_master(struct reader *reader, struct slice name)
{
    if (name.length == 0)
        return fail(reader, "expected the master's name, as in redis+sentinel://s1:26379,s2:26379/NAME");
    for (size_t i = 0; i < name.length; i++) {
        if (!is_host_char(name.at[i]))
            return fail(reader, "the master's name may hold letters, digits, '.', '-' and '_' only");
    }
    return copy(reader, name, &reader->url->master);
}

static bool read_servers(struct reader *reader)
{
    if (!read_credentials(reader) || !read_hosts(reader))
        return false;
    struct slice path = take_path(reader);
    if (path.length > 0)
        path = slice_make(path.at + 1, path.length - 1);
    if (reader->url->kind == REDIS_SENTINEL) {
        if (!read_master(reader, path))
            return false;
    } else if (path.length > 0) {
        return reader->rest.length == 0 ? read_database(reader, path)
                                        : fail(reader, "expected nothing after the number of the database");
    }
    return read_question(reader);
}

bool redis_url_read(struct slice text, struct redis_url *url, char why[REDIS_URL_WHY_MAX])
{
    *url = (struct redis_url){0};
    struct reader reader = {.url = url, .rest = text, .why = why};
    why[0] = '\0';
    if (text.length > REDIS_URL_MAX)
        return fail(&reader, "the URL is too long");
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == ' ' || ascii_is_control(text.at[i]))
            return fail(&reader, "blanks and control characters must be written as %XX");
    }
    if (!read_scheme(&reader))
        return false;
    return url->kind == REDIS_UNIX ? read_unix(&reader) : read_servers(&reader);
}

static void free_secret(char *text)
{
    if (text != NULL)
        mem_wipe(text, strlen(text));
    mem_free(text);
}

void redis_url_free(struct redis_url *url)
{
    for (size_t i = 0; i < url->host_count; i++)
        mem_free(url->hosts[i].name);
    mem_free(url->path);
    mem_free(url->user);
    mem_free(url->master);
    free_secret(url->password);
    *url = (struct redis_url){0};
}
