/* SPDX-License-Identifier: MIT */
/* Sending one connection's answer: its head and the slices of its body, by one call to the kernel where that takes all.
 */
#ifndef NEXGATE_FRONT_CONN_OUTPUT_H
#define NEXGATE_FRONT_CONN_OUTPUT_H

#include "front/conn_home.h"

enum output_result {
    OUTPUT_SENT,    /* all of it */
    OUTPUT_BLOCKED, /* go on when the descriptor is writable */
    OUTPUT_BROKEN   /* the client is gone */
};

/* Sends conn->exchange's answer, which is complete, and settles parser.keep_alive. */
enum output_result conn_output_start(struct conn *conn);

/* Goes on after OUTPUT_BLOCKED, or with an interim answer. OUTPUT_BLOCKED again says that some of it went. */
enum output_result conn_output_continue(struct conn *conn);

/* "100 Continue", when nothing else is being sent. What the kernel does not take lies in conn->unsent, for
 * conn_output_continue or before the answer. False: the client is gone. */
bool conn_output_interim(struct conn *conn) MUST_CHECK;

#endif
