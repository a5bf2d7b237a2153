# SPDX-License-Identifier: MIT
"""What was measured on what: the machine and the versions of everything that took part."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from servers import ROOT

VERSIONS = {
    "nexgate": ([ROOT / "build/nexgate", "version"], r"nexgate (\S+)"),
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "haproxy": (["haproxy", "-v"], r"version (\S+)"),
    "redis": (["redis-server", "--version"], r"v=(\S+)"),
    "varnish": (["varnishd", "-V"], r"varnish-(\S+)"),
    "wrk": (["wrk", "-v"], r"wrk \D*(\d\S*)"),
    "gcc": (["gcc", "--version"], r"gcc \(.*?\) (\S+)"),
}


def version(name):
    command, pattern = VERSIONS[name]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def _commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip()


def processor():
    found = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def describe():
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GB",
        "kernel": platform.release(),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "commit": _commit(),
        "versions": {name: version(name) for name in VERSIONS},
    }
