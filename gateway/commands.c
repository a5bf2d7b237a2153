/* SPDX-License-Identifier: MIT */
/* The small commands: each reads what it needs, prints, and is done. Must not start a thread or a listener. */
#include "commands.h"

#include "base/codec.h"
#include "base/metrics_text.h"
#include "client/auth.h"
#include "search/key.h"
#include "settings.h"
#include "upstream/nexudus.h"
#include "versions.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEALTH_TIMEOUT_MS = 5000, KEY_LINE_MAX = 64 * 1024 };

int command_check(const char *config)
{
    struct settings settings;
    bool good = settings_load(config, &settings);
    settings_free(&settings);
    if (good)
        printf("%s: good\n", config);
    return good ? 0 : 1;
}

static int print_buf(struct buf *out)
{
    fwrite(out->bytes, 1, out->length, stdout);
    buf_free(out);
    return 0;
}

int command_settings(void)
{
    struct buf out;
    buf_init(&out, 1024 * 1024);
    settings_list(&out);
    return print_buf(&out);
}

int command_metrics(void)
{
    struct buf out;
    buf_init(&out, 1024 * 1024);
    metrics_list(&out);
    return print_buf(&out);
}

int command_version(void)
{
    versions_print();
    return 0;
}

int command_keygen(const char *name)
{
    if (!roster_is_name(slice_of(name))) {
        fprintf(stderr, "nexgate: expected a name of at most %d letters, digits, '.', '_' and '-'\n", CLIENT_NAME_MAX);
        return 1;
    }
    struct buf key;
    struct buf digest_text;
    uint8_t digest[HASH_SHA256_BYTES];
    buf_init(&key, AUTH_KEY_MAX);
    buf_init(&digest_text, 2 * HASH_SHA256_BYTES);
    auth_make_key(&key, digest);
    codec_hex(&digest_text, digest, sizeof(digest));
    printf("The key, for the client; it is shown only now:\n\n%.*s\n\n", (int)key.length, key.bytes);
    printf("For the configuration:\n\n[client %s]\nkey = sha256:%.*s\n", name, (int)digest_text.length,
           digest_text.bytes);
    mem_wipe(key.bytes, key.length);
    buf_free(&key);
    buf_free(&digest_text);
    return 0;
}

/* What `nexgate key` works with. */
struct key_command {
    const struct settings *settings;
    struct scope scope;
    struct buf canonical, text;
};

static void print_windows(struct key_command *command, const struct query *query)
{
    const struct settings *settings = command->settings;
    struct slice prefix = settings->redis_prefix != NULL ? slice_of(settings->redis_prefix) : slice_make("", 0);
    struct page_plan plan;
    page_plan(&plan, query->page, query->size, settings->window, 0);
    printf("canonical  %.*s\n", (int)query->canonical.length, query->canonical.at);
    printf("page       %" PRId64 " of size %" PRId64 "\n", query->page, query->size);
    for (size_t i = 0; i < plan.window_count; i++) {
        key_make(&command->text, prefix, query->schema, query->canonical, plan.windows[i]);
        printf("key        %.*s%s\n", (int)command->text.length, command->text.bytes,
               i == 1 ? "   (only if the first window says that more exist)" : "");
        buf_reset(&command->text);
        if (nexudus_url(&command->text, settings->url, query->schema, query->canonical, plan.windows[i]))
            printf("upstream   GET %.*s\n", (int)command->text.length, command->text.bytes);
    }
    printf("price      1 of the rate, %zu of the misses at most\n", plan.window_count);
}

/* One line of input: "QUERY", "?QUERY" or "PATH?QUERY". */
static int print_key(struct key_command *command, struct slice input)
{
    const struct schema *schema = schema_set_by_path(command->settings->schemas, slice_of("/api/sys/webhooks"));
    if (input.length > 0 && input.at[0] == '/') {
        struct slice path;
        if (!slice_cut(&input, '?', &path))
            path = input;
        schema = schema_set_by_path(command->settings->schemas, path);
        if (schema == NULL) {
            fprintf(stderr, "nexgate: no schema has the path %.*s\n", (int)path.length, path.at);
            return 1;
        }
    } else if (input.length > 0 && input.at[0] == '?') {
        input = slice_make(input.at + 1, input.length - 1);
    }
    struct query query;
    struct query_error error;
    buf_free(&command->canonical);
    buf_init(&command->canonical, 3 * input.length + 64);
    if (query_normalise(schema, &command->scope, input, &command->canonical, &query, &error) == QUERY_OK) {
        print_windows(command, &query);
        return 0;
    }
    fprintf(stderr, "nexgate: %s\n", error.detail);
    return 1;
}

/* One query a line; a bad one prints its error and an empty answer, so that answers stay in step with questions. */
static int print_keys_of_stdin(struct key_command *command)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int code = 0;
    while ((length = getline(&line, &size, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        if (length > KEY_LINE_MAX || print_key(command, slice_make(line, (size_t)length)) != 0) {
            printf("canonical  -\n");
            code = 1;
        }
        printf("\n");
    }
    free(line);
    return code;
}

static bool find_scope(const struct settings *settings, const char *client, struct scope *scope)
{
    *scope = (struct scope){.all = true};
    if (client == NULL)
        return true;
    const struct client *found = roster_by_name(settings->roster, slice_of(client));
    if (found == NULL) {
        fprintf(stderr, "nexgate: no client is named %s\n", client);
        return false;
    }
    *scope = found->scope;
    return true;
}

int command_key(const char *config, const char *client, const char *query)
{
    struct settings settings;
    bool good = true;
    if (config != NULL)
        good = settings_load(config, &settings);
    else if (!(good = settings_defaults(&settings)))
        fputs("nexgate: out of memory\n", stderr);
    struct key_command command = {.settings = &settings};
    buf_init(&command.canonical, 0);
    buf_init(&command.text, 4 * KEY_LINE_MAX);
    int code = 1;
    if (good && find_scope(&settings, client, &command.scope))
        code = strcmp(query, "-") == 0 ? print_keys_of_stdin(&command) : print_key(&command, slice_of(query));
    buf_free(&command.canonical);
    buf_free(&command.text);
    settings_free(&settings);
    return code;
}

static size_t print_body(char *bytes, size_t size, size_t count, void *context)
{
    (void)context;
    return fwrite(bytes, size, count, stdout);
}

/* GET /readyz of the admin listener: 0 when it says 200. */
static int ask_readyz(const char *address)
{
    CURL *call = curl_easy_init();
    if (call == NULL)
        return 1;
    char url[512];
    static const char unix_head[] = "unix:";
    if (strncmp(address, unix_head, sizeof(unix_head) - 1) == 0) {
        snprintf(url, sizeof(url), "http://localhost/readyz");
        curl_easy_setopt(call, CURLOPT_UNIX_SOCKET_PATH, address + sizeof(unix_head) - 1);
    } else {
        snprintf(url, sizeof(url), "http://%s/readyz", address);
    }
    curl_easy_setopt(call, CURLOPT_URL, url);
    curl_easy_setopt(call, CURLOPT_PROXY, "");
    curl_easy_setopt(call, CURLOPT_TIMEOUT_MS, (long)HEALTH_TIMEOUT_MS);
    curl_easy_setopt(call, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(call, CURLOPT_WRITEFUNCTION, print_body);
    CURLcode result = curl_easy_perform(call);
    long status = 0;
    curl_easy_getinfo(call, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        fprintf(stderr, "nexgate: %s: %s\n", address, curl_easy_strerror(result));
    curl_easy_cleanup(call);
    return result == CURLE_OK && status == 200 ? 0 : 1;
}

int command_health(const char *config)
{
    struct settings settings;
    int code = 1;
    if (!settings_load(config, &settings))
        code = 1;
    else if (settings.admin == NULL)
        fprintf(stderr, "nexgate: %s: there is no admin listener to ask\n", config);
    else
        code = ask_readyz(settings.admin);
    settings_free(&settings);
    return code;
}
