# SPDX-License-Identifier: MIT
"""The systemd units: understood without a warning, as closed as they claim to be, and in step with the configuration."""

import configparser
import pathlib
import re
import shutil
import subprocess

import pytest

from gateway import ROOT, binary, command
from service import Service

UNITS = ROOT / "conf/systemd"
EXPOSURE_MAX = 1.5  # of 10, as systemd-analyze security counts


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A root folder with the units, and the programs that they name."""
    root = tmp_path_factory.mktemp("root")
    for name in ("usr/bin", "bin", "etc/nexgate", "etc/systemd/system"):
        (root / name).mkdir(parents=True)
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True, dirs_exist_ok=True,
                    ignore=lambda folder, names: [name for name in names if not name.endswith((".target", ".slice"))])
    for program in ("usr/bin/nexgate", "bin/kill"):
        (root / program).write_bytes(b"#!/bin/sh\n")
        (root / program).chmod(0o755)
    for unit in UNITS.iterdir():
        shutil.copy(unit, root / "etc/systemd/system")
    return root


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_units_are_understood(system):
    code, said = analyze("verify", f"--root={system}", "--man=no", "nexgate.service", "nexgate.socket")
    assert code == 0 and not [line for line in said.splitlines() if "nexgate" in line], said


def test_verify_would_see_a_mistake(system, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(system, wrong, symlinks=True)
    unit = wrong / "etc/systemd/system/nexgate.service"
    unit.write_text(unit.read_text().replace("PrivateTmp=yes", "PrivateTemp=yes"))
    _, said = analyze("verify", f"--root={wrong}", "--man=no", "nexgate.service")
    assert "PrivateTemp" in said, said


def test_the_service_is_closed(system):
    code, said = analyze("security", "--offline=true", f"--root={system}", f"--threshold={int(EXPOSURE_MAX * 10)}", "--no-pager", "nexgate.service")
    assert code == 0, said
    exposure = float(re.search(r"exposure level for nexgate\.service: ([\d.]+)", said)[1])
    assert 0 < exposure <= EXPOSURE_MAX, said


def unit(name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(UNITS / name)
    return parser


def test_units_and_configuration_agree():
    """The socket is where `listen` is when nothing else is said, and systemd waits for longer than the drain may take."""
    listed = command("settings")[1]
    sample = (ROOT / "conf/nexgate.conf").read_text()
    socket, service = unit("nexgate.socket")["Socket"], unit("nexgate.service")["Service"]
    assert f"#listen = {socket['ListenStream']}\n" in sample and socket["ListenStream"] in listed
    assert socket["FileDescriptorName"] == "public"
    assert int(service["TimeoutStopSec"]) > int(re.search(r"#drain_timeout = (\d+)s", sample)[1])
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) > 0
    assert pathlib.Path(binary()).name == pathlib.Path(service["ExecStart"].split()[0]).name


def calls(words):
    """The system calls that names of calls and of systemd's groups stand for."""
    found = set()
    for word in words:
        if word.startswith("@"):
            code, said = analyze("syscall-filter", "--no-pager", word)
            assert code == 0, said
            found |= calls(re.findall(r"^    (@?[a-z_0-9-]+)$", said, re.MULTILINE))
        else:
            found.add(word)
    return found


# Lets through what the first word names, ends the process at any other call, and becomes the program.
FILTER = """
import ctypes, os, sys
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
filter = ctypes.c_void_p(seccomp.seccomp_init(0x80000000))
for name in sys.argv[1].split(","):
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert seccomp.seccomp_rule_add(filter, 0x7fff0000, number, 0) == 0
assert seccomp.seccomp_load(filter) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_what_is_shipped_needs_nothing_that_the_filter_refuses(workshop, simulator, monkeypatch):
    """A whole life of the release build under the unit's own filter, where a call that it refuses is the end."""
    allowed = set()
    for line in (UNITS / "nexgate.service").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "SystemCallFilter" and value.startswith("~"):
            allowed -= calls(value[1:].split())
        elif name == "SystemCallFilter":
            allowed |= calls(value.split())
    assert {"read", "execve", "seccomp"} <= allowed and not {"keyctl", "mount", "sched_setaffinity", "chroot"} & allowed
    monkeypatch.setenv("NEXGATE_BINARY", str(ROOT / "build/nexgate"))
    service = Service()
    service.launcher = ["/usr/bin/python3", "-c", FILTER, ",".join(sorted(allowed))]
    gateway = workshop.gateway(simulator, service=service)
    assert gateway.search().status == 200
    gateway.hup()
    assert gateway.search("size=3").status == 200
    assert not gateway.logged("the kernel has no seccomp: other programs are not out of reach")
    gateway.close()
    gateway.process = None
