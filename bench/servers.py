# SPDX-License-Identifier: MIT
"""The servers that are compared: each is started on a port of its own with the same work to do for a request: an API key checked, a
limit enforced (so high that it never refuses), the answer from memory."""

import hashlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "bench-key-0123456789abcdef0123456789abcdef"
PATH = "/api/sys/webhooks?WebHook_Active=true&size=25"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(name, port, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"{name} does not listen on port {port}")


def get(port, path=PATH):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as answer:
        return answer.status, dict(answer.headers), answer.read()


class Server:
    """A running program; its CPU is that of the process and all of its children."""

    def __init__(self, name, arguments, port, core, **options):
        self.name, self.port = name, port
        self.process = subprocess.Popen(["taskset", "-c", str(core), *map(str, arguments)], **options)
        wait_for(name, port)

    def processes(self):
        own = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            if parent in own and int(pid) not in own:
                own.append(int(pid))
        return own

    def cpu_seconds(self):
        total = 0
        for pid in self.processes():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        total = 0
        for pid in self.processes():
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024
        return total

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def start_simulator(core, records=1000):
    process = subprocess.Popen(
        ["taskset", "-c", str(core), "/usr/bin/python3", ROOT / "tests/sim/nexudus_sim.py", "--records", str(records)],
        stdout=subprocess.PIPE,
        text=True,
    )
    words = process.stdout.readline().split()
    return process, words[1]


def start_nexgate(folder, upstream, core, workers=1, client="", cache="", log="", binary=ROOT / "build/nexgate"):
    port = free_port()
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    config = folder / "nexgate.conf"
    config.write_text(
        f"[server]\nlisten = 127.0.0.1:{port}\nadmin =\nworkers = {workers}\n[log]\nlevel = warn\n{log}\n"
        f"[nexudus]\nurl = {upstream}\nusername = demo@example.com\npassword = demo\n[cache]\nttl = 1h\n{cache}\n"
        f"[limits]\nconnections = 100000\nconnections_per_address = 100000\nidle_timeout = 1h\n"
        f"[client bench]\nkey = sha256:{digest}\nrate = 1000000/s\nburst = 1000000\n{client}\n"
    )
    return Server("nexgate", [binary, "serve", "-c", config], port, core)


def start_bare(folder, response, core):
    binary = folder / "bare_epoll"
    if not binary.exists():
        subprocess.check_call(["gcc", "-O2", "-D_GNU_SOURCE", "-o", binary, ROOT / "bench/bare_epoll.c"])
    port = free_port()
    (folder / "response").write_bytes(response)
    return Server("bare epoll", [binary, port, folder / "response"], port, core)


def start_nginx(folder, origin_port, core):
    port = free_port()
    home = folder / "nginx"
    (home / "cache").mkdir(parents=True, exist_ok=True)
    (home / "nginx.conf").write_text(
        f"""daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log warn;
events {{ worker_connections 20000; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; open_file_cache max=1000;
  proxy_cache_path {home}/cache keys_zone=c:64m inactive=1d use_temp_path=off;
  limit_req_zone $http_authorization zone=l:10m rate=1000000r/s;
  map_hash_bucket_size 128;
  map $http_authorization $known {{ default 0; "Bearer {KEY}" 1; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      if ($known = 0) {{ return 401; }}
      limit_req zone=l burst=1000000 nodelay;
      proxy_pass http://127.0.0.1:{origin_port}; proxy_cache c; proxy_cache_valid 200 1h;
      proxy_ignore_headers Cache-Control Expires;
      add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""
    )
    return Server("nginx", ["nginx", "-c", home / "nginx.conf", "-p", home], port, core, stderr=subprocess.DEVNULL)


def start_haproxy(folder, origin_port, core):
    port = free_port()
    (folder / "haproxy.cfg").write_text(
        f"""global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  maxconn 4000
cache c
  total-max-size 64
  max-object-size 100000
  max-age 3600
frontend f
  bind 127.0.0.1:{port}
  stick-table type string len 64 size 100k expire 1h store http_req_rate(1s)
  http-request deny deny_status 401 unless {{ req.hdr(Authorization) -m str "Bearer {KEY}" }}
  http-request track-sc0 req.hdr(Authorization)
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
  http-request del-header Authorization
  http-request cache-use c
  default_backend b
backend b
  http-response cache-store c
  server s 127.0.0.1:{origin_port}
"""
    )
    return Server("haproxy", ["haproxy", "-f", folder / "haproxy.cfg"], port, core, stderr=subprocess.DEVNULL)


def require(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)} (make bench installs them)")
