/* SPDX-License-Identifier: MIT */
/* Texts of fixed size for people: a sentence, or a list that says when it is not complete. Pure. */
#ifndef NEXGATE_SEARCH_SHOWN_H
#define NEXGATE_SEARCH_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

/* "one of A, B, C, …": as many as fit. */
struct shown_list {
    char *out; /* always ends in NUL */
    size_t size;
    size_t count;
    bool full; /* the list ended in an ellipsis */
};

/* Begins the list with `head`, which fits. */
void shown_list_begin(struct shown_list *list, char *out, size_t size, const char *head);

void shown_list_add(struct shown_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
