/* SPDX-License-Identifier: MIT */
/* Lists in texts of fixed size. Must not know what is listed. */
#include "search/shown.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ELLIPSIS[] = ", …";

void shown_list_begin(struct shown_list *list, char *out, size_t size, const char *head)
{
    assert(strlen(head) + sizeof(ELLIPSIS) <= size);
    *list = (struct shown_list){.out = out, .size = size};
    (void)snprintf(out, size, "%s", head);
}

void shown_list_add(struct shown_list *list, const char *format, ...)
{
    if (list->full)
        return;
    char item[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(item, sizeof(item), format, arguments);
    va_end(arguments);

    const char *separator = list->count == 0 ? "" : ", ";
    size_t used = strlen(list->out);
    char *end = list->out + used;
    size_t room = list->size - used;
    list->full = strlen(separator) + strlen(item) + sizeof(ELLIPSIS) > room;
    if (!list->full)
        (void)snprintf(end, room, "%s%s", separator, item);
    else
        (void)snprintf(end, room, "%s", list->count == 0 ? "…" : ELLIPSIS);
    list->count++;
}
