/* SPDX-License-Identifier: MIT */
/* `nexgate serve`: puts the rooms together, runs the threads, takes the signals, and takes everything apart again. */
#ifndef NEXGATE_APP_H
#define NEXGATE_APP_H

#include "settings.h"

#define NEXGATE_VERSION "0.1.0"

/* Serves until SIGTERM or SIGINT, then drains; SIGHUP reads the file at `path`, which the settings came from, anew. The
 * exit code: 0, or 1 when it could not start (said on stderr). */
int app_serve(const char *path, struct settings *settings);

#endif
