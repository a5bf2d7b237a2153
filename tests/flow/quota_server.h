/* SPDX-License-Identifier: MIT */
/* The quota script on a clock of the test's, compiled once: the two values it keeps are plain texts here, so a state
 * can be copied and returned to. For tests that run it a million times. */
#ifndef NEXGATE_TESTS_QUOTA_SERVER_H
#define NEXGATE_TESTS_QUOTA_SERVER_H

#include "client/quota_script.h"

enum { QUOTA_STATE_MAX = 4096 };

struct quota_state {
    char text[2][QUOTA_STATE_MAX]; /* rate, misses; "": not there */
    int64_t expires_us[2];
    unsigned writes;
};

/* cmocka's, for a group of tests: one server for all of them. */
int quota_server_set_up(void **state);
int quota_server_tear_down(void **state);

/* Runs the script at `now_us` (wall). False when it said that the call came late. */
bool quota_server_run(struct quota_state *state, int64_t now_us, const struct quota_call_facts *facts,
                      struct lease_grant *lease, struct prepaid_grant *prepaid);

#endif
