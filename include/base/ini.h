/* SPDX-License-Identifier: MIT */
/* The configuration file: [section], name = value, comments only at the start of a line, ${NAME} from the environment.
 * Reads and reports; knows no setting. */
#ifndef NEXGATE_BASE_INI_H
#define NEXGATE_BASE_INI_H

#include "base/complaints.h"

enum { INI_FILE_MAX = 16 * 1024 * 1024, INI_VALUE_MAX = 64 * 1024, INI_NAME_MAX = 128 }; /* bytes */

struct ini_line {
    const char *file;
    size_t line;          /* from 1 */
    struct slice section; /* "client billing" keeps its blank: one blank between the words */
    struct slice name;    /* empty at a section's heading */
    struct slice value;   /* blanks at the ends trimmed, variables put in */
};

/* Called for every heading and every setting, in order; the slices live during the call only. */
typedef void (*ini_line_cb)(void *context, const struct ini_line *line);

/* Reads the file whole. False (and complaints) when it cannot be read or has a bad line; good lines are still given, so
 * that all problems are found in one run (but not those under a bad heading: where they belong is not known). A
 * variable that is not set is an error; "$${" is a literal "${". A setting given twice is the caller's to find. */
bool ini_read(const char *path, ini_line_cb on_line, void *context, struct complaints *complaints) MUST_CHECK;

/* The same from memory; `file` names it in complaints. */
bool ini_parse(struct slice text, const char *file, ini_line_cb on_line, void *context,
               struct complaints *complaints) MUST_CHECK;

/* A small file's content without its last newline, for NAME_file settings: false with the reason in `why`. */
bool ini_read_secret(const char *path, struct buf *content, char *why, size_t why_size) MUST_CHECK;

#endif
