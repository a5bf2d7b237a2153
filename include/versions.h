/* SPDX-License-Identifier: MIT */
/* nexgate's version and those of the libraries it runs with, which may be newer than those it was built with. */
#ifndef NEXGATE_VERSIONS_H
#define NEXGATE_VERSIONS_H

#include "base/log.h"

/* One a line, for `nexgate version`. */
void versions_print(void);

/* One line of the log. */
void versions_log(struct log *log);

#endif
