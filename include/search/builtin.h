/* SPDX-License-Identifier: MIT */
/* The webhooks schema as bytes in the program, made from conf/entities/webhooks.json by the Makefile. */
#ifndef NEXGATE_SEARCH_BUILTIN_H
#define NEXGATE_SEARCH_BUILTIN_H

#include <stddef.h>

extern const char schema_webhooks_json[];
extern const size_t schema_webhooks_json_length;

#endif
