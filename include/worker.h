/* SPDX-License-Identifier: MIT */
/* One worker thread: its loop, its mailbox, its flow, its fronts. Made and freed on the main thread; runs on its own.
 */
#ifndef NEXGATE_WORKER_H
#define NEXGATE_WORKER_H

#include "flow/flow.h"
#include "front/listener.h"

struct worker;

/* Takes a reference of its own on the snapshot. `parts` without what is the worker's own: loop, mailbox, connections to
 * Redis. Takes the descriptors, one for each listen address. NULL when the kernel refuses; the descriptors are closed
 * then. */
struct worker *worker_new(struct snapshot *snapshot, const struct flow_parts *parts, const struct front_options *front,
                          struct front_census *census, const int *descriptors, size_t descriptor_count) MUST_CHECK;

/* Those who connect to the listen addresses from the `first` on speak TLS. Before worker_start. */
void worker_use_tls(struct worker *worker, size_t first, struct tls *tls);

/* For who posts letters to it. */
struct loop *worker_loop(struct worker *worker);

/* Starts the thread. */
bool worker_start(struct worker *worker) MUST_CHECK;

/* Makes what a change to this snapshot needs (it takes a reference of its own): after it, worker_change cannot fail.
 * False when memory cannot be had. worker_forget: there will be no change. Main thread. */
bool worker_prepare(struct worker *worker, struct snapshot *snapshot) MUST_CHECK;
void worker_forget(struct worker *worker);

/* From a turn of the worker's on, what begins goes by the snapshot that was prepared and these timeouts; `done` is
 * posted to `reply_to` then. One change at a time. Main thread. */
void worker_change(struct worker *worker, const struct front_options *front, struct mailbox *reply_to,
                   struct letter *done);

/* Stops accepting and lets what runs finish; `done` is posted to `reply_to` when nothing is left. Main thread. */
void worker_drain(struct worker *worker, struct mailbox *reply_to, struct letter *done);

/* Ends the thread after this turn and waits for it. */
void worker_stop(struct worker *worker);

/* After worker_stop, on the main thread: accepts nobody any more and turns once, so that answers which came after the
 * thread had ended reach their connections. True when anything was done. */
bool worker_settle(struct worker *worker);

/* After worker_stop, when nothing is left to settle: closes every connection, frees all. */
void worker_free(struct worker *worker);

#endif
