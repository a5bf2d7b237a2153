/* SPDX-License-Identifier: MIT */
/* The page /reload: POST. And the door to whoever can read the configuration anew, which is above this room. */
#ifndef NEXGATE_ADMIN_RELOAD_H
#define NEXGATE_ADMIN_RELOAD_H

#include "admin/admin.h"

/* Somebody who wants a reload, embedded in whoever that is. */
struct reload_request {
    /* Called once, when the reload is over, never inside `ask`. `text`: whole lines, "file:line: text", what is wrong
     * with the file, or the warnings about one that is good. */
    void (*on_done)(struct reload_request *request, bool good, struct slice text);
    struct reload_request *next; /* the reloader's */
};

/* Who does it; on this thread. */
struct reloader {
    void (*ask)(struct reloader *reloader, struct reload_request *request);
    void (*leave)(struct reloader *reloader, struct reload_request *request); /* on_done shall not be called any more */
};

/* When every thread has the new configuration: 200 {"reloaded":true,"problems":[…]}, the warnings. When the file is bad
 * and nothing was changed: 422 {"reloaded":false,"problems":["file:line: text",…]}. */
bool reload_answer(struct admin *admin, struct exchange *exchange);

#endif
