/* SPDX-License-Identifier: MIT */
/* Any bytes as a value in the log: it is one line in either format, JSON can be read, and nothing in it can move a
 * terminal's cursor or pass for another field. */
#include "base/log.h"

#include <assert.h>
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice line_of(struct log *log, int file, struct slice value)
{
    static char line[LOG_LINE_MAX + 1];
    bool emptied = ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0;
    log_note(log, LOG_LEVEL_INFO, "hello", LOG_FIELDS(LOG_TEXT("value", value), LOG_NUMBER("last", 7)));
    ssize_t length = pread(file, line, sizeof(line), 0);
    assert(emptied && length > 0 && length <= LOG_LINE_MAX && line[length - 1] == '\n');
    for (ssize_t i = 0; i + 1 < length; i++)
        assert((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    return slice_make(line, (size_t)length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log *logfmt, *json;
    static int file;
    struct slice value = slice_make((const char *)data, size);
    if (logfmt == NULL) {
        struct clock *clock = clock_new();
        file = memfd_create("log", MFD_CLOEXEC);
        logfmt = log_new(file, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, clock);
        json = log_new(file, LOG_LEVEL_INFO, LOG_FORMAT_JSON, clock);
    }
    struct slice line = line_of(logfmt, file, value);
    assert(line.length > 8 && memcmp(line.at + line.length - 8, " last=7\n", 8) == 0);
    line = line_of(json, file, value);
    json_t *read = json_loadb(line.at, line.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert(json_integer_value(json_object_get(read, "last")) == 7 && json_object_size(read) == 5);
    json_decref(read);
    return 0;
}
