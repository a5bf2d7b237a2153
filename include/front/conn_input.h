/* SPDX-License-Identifier: MIT */
/* The input of one connection: reading it, and serving the requests in it. */
#ifndef NEXGATE_FRONT_CONN_INPUT_H
#define NEXGATE_FRONT_CONN_INPUT_H

#include "front/conn_home.h"

/* Reads once, and serves what came. */
void conn_input_read(struct conn *conn);

/* Serves what is held, now that the answer before is sent; waits for more when nothing is. */
void conn_input_serve_held(struct conn *conn);

/* Waits for more of a request, or for the next one. */
void conn_input_wait(struct conn *conn);

/* Whether nothing of a request has come. */
bool conn_input_is_idle(const struct conn *conn);

#endif
