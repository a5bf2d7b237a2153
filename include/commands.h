/* SPDX-License-Identifier: MIT */
/* The commands that are not `serve`: each prints to stdout, complains on stderr and returns the exit code. */
#ifndef NEXGATE_COMMANDS_H
#define NEXGATE_COMMANDS_H

int command_check(const char *config);

/* What a query is: canonical text, key and upstream request of each window of its page. `query` is "QUERY" or
 * "PATH?QUERY"; "-" reads one a line from stdin. `config` and `client` may be NULL; a client's scope is then not
 * applied. */
int command_key(const char *config, const char *client, const char *query);

int command_keygen(const char *name);
int command_health(const char *config);
int command_settings(void);
int command_metrics(void);
int command_version(void);

#endif
