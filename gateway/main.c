/* SPDX-License-Identifier: MIT */
/* Reads the command line. Must not know how anything is done. */
#include "app.h"
#include "commands.h"
#include "sandbox.h"

#include <stdio.h>
#include <string.h>

static const char DEFAULT_CONFIG[] = "conf/nexgate.conf";

static const char USAGE[] =
    "usage: nexgate COMMAND\n"
    "\n"
    "  serve  [-c FILE]                         run in the foreground, log to stderr\n"
    "  check  [-c FILE]                         read the configuration, print every problem\n"
    "  key    [-c FILE [--client NAME]] QUERY   show canonical query, cache key and upstream request;\n"
    "                                           QUERY may be PATH?QUERY, or - for one a line on stdin\n"
    "  keygen NAME                              make an API key\n"
    "  health [-c FILE]                         ask the running instance whether it is ready\n"
    "  settings                                 list every setting\n"
    "  metrics                                  list every metric\n"
    "  version                                  versions of nexgate and its libraries\n"
    "\n"
    "FILE is conf/nexgate.conf where it is left out.\n";

struct arguments {
    const char *config; /* NULL: not given */
    const char *client;
    const char *word; /* the one positional argument, NULL: not given */
};

static bool read_arguments(int count, char **values, struct arguments *arguments)
{
    *arguments = (struct arguments){0};
    for (int i = 0; i < count; i++) {
        const char **option = NULL;
        if (strcmp(values[i], "-c") == 0 || strcmp(values[i], "--config") == 0)
            option = &arguments->config;
        else if (strcmp(values[i], "--client") == 0)
            option = &arguments->client;
        if (option != NULL) {
            if (++i == count)
                return false;
            *option = values[i];
        } else if (arguments->word == NULL) {
            arguments->word = values[i];
        } else {
            return false;
        }
    }
    return true;
}

/* One that USAGE lists. */
static bool is_command(const char *name)
{
    char line[32];
    int length = snprintf(line, sizeof(line), "\n  %s ", name);
    return length < (int)sizeof(line) && strstr(USAGE, line) != NULL;
}

static int serve(const char *config)
{
    struct settings settings;
    sandbox_harden();
    int code = settings_load(config, &settings) ? app_serve(config, &settings) : 1;
    settings_free(&settings);
    return code;
}

static int usage(void)
{
    fputs(USAGE, stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (argc < 2 || !read_arguments(argc - 2, argv + 2, &arguments))
        return usage();
    const char *command = argv[1];
    const char *config = arguments.config != NULL ? arguments.config : DEFAULT_CONFIG;
    bool bare = arguments.word == NULL && arguments.client == NULL;
    if (strcmp(command, "serve") == 0 && bare)
        return serve(config);
    if (strcmp(command, "check") == 0 && bare)
        return command_check(config);
    if (strcmp(command, "key") == 0 && arguments.word != NULL)
        return command_key(arguments.config, arguments.client, arguments.word);
    if (strcmp(command, "keygen") == 0 && arguments.word != NULL && arguments.client == NULL)
        return command_keygen(arguments.word);
    if (strcmp(command, "health") == 0 && bare)
        return command_health(config);
    bool alone = bare && arguments.config == NULL;
    if (strcmp(command, "settings") == 0 && alone)
        return command_settings();
    if (strcmp(command, "metrics") == 0 && alone)
        return command_metrics();
    if (strcmp(command, "version") == 0 && alone)
        return command_version();
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (!is_command(command))
        fprintf(stderr, "nexgate: no command is called %s\n", command);
    return usage();
}
