/* SPDX-License-Identifier: MIT */
/* Values of every type as they may stand in a query, good and nearly good. */
#ifndef NEXGATE_TESTS_FUZZ_VALUES_H
#define NEXGATE_TESTS_FUZZ_VALUES_H

static const char *const VALUES[] = {
    "",
    "0",
    "1",
    "-1",
    "007",
    "25",
    "1000",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "TRUE",
    "fAlse",
    "Id",
    "createdon",
    "Ascending",
    "DESCENDING",
    "2024-02-29T23:59",
    "2023-02-29T00:00",
    "2025-01-15T10:30:00",
    "2025-01-15T10:30:01",
    "2025-01-15T24:00",
    "%F0%9F%9A%80",
    "caf%C3%A9",
    "a+b%2Bc",
    "%2",
    "%00",
    "%C3",
    "CoworkerCreated",
    "Invoice_Paid",
};

#endif
