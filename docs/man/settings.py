#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the settings of nexgate.conf(5) from what the program lists: docs/man/settings.py build/nexgate

The tests compare the page with the program, so it is run whenever a row of gateway/settings_table.c changes."""

import collections
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent / "nexgate.conf.5"
BEGIN, END = '.\\" settings: written by docs/man/settings.py', '.\\" end of settings'
Row = collections.namedtuple("Row", "section name type range default reload help")

ABOUT = {
    "server": "Listeners and threads.",
    "log": "What is written to standard error.",
    "nexudus": "The service that is asked, the login, and how much it is asked.",
    "cache": "What is kept, and for how long.",
    "redis": "What gateways share. Without a url each is alone.",
    "limits": "What a client can cost.",
    "client NAME": "One section for each client; its name is at most 64 letters, digits, dots, underscores and hyphens.",
}


def escape(text):
    """As text of mdoc(7): no request at the beginning of a line, no escape, no hyphen that becomes another character."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    text = text.replace("e.g. ", "e.g.\\ ").replace(". ", ".\n")  # a line for each sentence
    return "\\&" + text if text[:1] == "." else text


def kind(row):
    """The type and the range in words."""
    if row.type == "choice":
        return "one of " + ", ".join(row.range.split("|"))
    if row.type == "flag":
        return "yes or no"
    if not row.range:
        return row.type
    low, high = row.range.split("..")
    return f"text of {low} to {high} bytes" if row.type == "text" else f"{row.type}, {low} to {high}"


def settings_text(rows):
    lines, section = [], None
    for row in rows:
        if row.section != section:
            lines += [".El"] if section else []
            lines += [f".Ss [{row.section}]", escape(ABOUT[row.section]), ".Bl -tag -width Ds"]
            section = row.section
        default = f"default {row.default}" if row.default else "no default"
        reload = {"reloadable": "a reload changes it", "restart": "a change needs a restart"}[row.reload]
        lines += [f".It Ic {row.name}", escape(f"{kind(row)}; {default}; {reload}."), ".br", escape(row.help)]
    return lines + [".El"]


def replace(page, rows):
    """The page with these settings."""
    before, begin, rest = page.partition(BEGIN + "\n")
    _, end, after = rest.partition(END + "\n")
    assert begin and end, "the page has no place for the settings"
    return before + begin + "\n".join(settings_text(rows)) + "\n" + end + after


def main(program):
    listed = subprocess.run([program, "settings"], check=True, capture_output=True, text=True).stdout
    PAGE.write_text(replace(PAGE.read_text(), [Row(*line.split("\t")) for line in listed.splitlines()]))


if __name__ == "__main__":
    main(sys.argv[1])
