# SPDX-License-Identifier: MIT
"""What the kernel says of the process that is shipped: the release build, since a sanitizer's stays outside of the sandbox."""

import pathlib

from gateway import ROOT


def test_every_thread_is_in_the_sandbox(workshop, simulator, monkeypatch):
    monkeypatch.setenv("NEXGATE_BINARY", str(ROOT / "build/nexgate"))
    gateway = workshop.gateway(simulator)
    assert gateway.search().status == 200  # so libcurl's threads have been there
    threads = list(pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir())
    assert len(threads) >= 3
    for thread in threads:
        status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1"), thread
