/* SPDX-License-Identifier: MIT */
/* The scripts of the fleet's login (fleet_login.c's alone): each is one step that nothing comes between. */
#ifndef NEXGATE_UPSTREAM_FLEET_LOGIN_SCRIPTS_H
#define NEXGATE_UPSTREAM_FLEET_LOGIN_SCRIPTS_H

#include "io/redis.h"

extern const struct redis_script fleet_login_lock;   /* takes the lock, or tells what there is instead */
extern const struct redis_script fleet_login_check;  /* still ours? makes it last, and uses up a one-time code */
extern const struct redis_script fleet_login_put;    /* a newer token instead of an older one, and the lock is free */
extern const struct redis_script fleet_login_unlock; /* the lock is free, after a failure or without */

#endif
