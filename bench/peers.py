# SPDX-License-Identifier: MIT
"""The peers, each with the work that nexgate does for a hit, as far as it can do it: an API key checked, a limit per key enforced (so
high that it never refuses), the answer from memory, or from Redis. One core, logs off unless a file is given, everything else as fast as
we know how to set it up."""

import contextlib
import socket

from servers import SERVER_CORES, Server, free_port, key_of

IDLE_MAX = 12000  # connections

# What varnishd writes of a hit to its log in shared memory, which cannot be turned off as a whole.
VARNISH_TAGS = """Begin End Filters Hit Length Link ReqAcct ReqHeader ReqMethod ReqProtocol ReqStart ReqURL ReqUnset RespHeader
RespProtocol RespReason RespStatus RespUnset SessClose SessOpen Timestamp VCL_call VCL_return VCL_use""".split()


def nginx(folder, origin, clients=1, log=None):
    """Its log is written 64 kB at a time."""
    port = free_port()
    home = folder / f"nginx-{port}"
    (home / "cache").mkdir(parents=True)
    known = "".join(f'"Bearer {key_of(number)}" 1; ' for number in range(clients))
    access = f"{log} combined buffer=64k flush=1s" if log else "off"
    (home / "nginx.conf").write_text(
        f"""daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log warn;
events {{ worker_connections {IDLE_MAX}; multi_accept on; }}
http {{
  access_log {access}; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=20000 inactive=1d; open_file_cache_valid 1d;
  proxy_cache_path {home}/cache levels=1:2 keys_zone=c:64m inactive=1d use_temp_path=off;
  limit_req_zone $http_authorization zone=l:10m rate=1000000r/s;
  map_hash_bucket_size 128; map_hash_max_size 4096;
  map $http_authorization $known {{ default 0; {known} }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      if ($known = 0) {{ return 401; }}
      limit_req zone=l burst=1000000 nodelay;
      proxy_pass http://127.0.0.1:{origin.port}; proxy_cache c; proxy_cache_valid 200 1h;
    }}
  }}
}}
"""
    )
    return Server("nginx", ["nginx", "-c", home / "nginx.conf", "-p", home], port, SERVER_CORES, origin)


def nginx_with_lua(folder, redis, paths, body):
    """The answer from Redis by GET, the limit by INCR, in one go over a kept connection. The answers are put there before."""
    port = free_port()
    home = folder / f"nginx-lua-{port}"
    home.mkdir()
    _redis_set(redis.port, {f"page:{path}": body for path in paths})
    (home / "nginx.conf").write_text(
        f"""load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log warn;
events {{ worker_connections {IDLE_MAX}; multi_accept on; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
  lua_package_path "/usr/share/lua/5.1/?.lua;;";
  map_hash_bucket_size 128;
  map $http_authorization $client {{ default ""; "Bearer {key_of(0)}" "c0"; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      default_type "application/json; charset=utf-8";
      content_by_lua_block {{
        local client = ngx.var.client
        if client == "" then return ngx.exit(401) end
        local redis = require("nginx.redis"):new()
        redis:set_timeout(1000)
        if not redis:connect("127.0.0.1", {redis.port}) then return ngx.exit(503) end
        local quota = "quota:" .. client .. ":" .. ngx.time()
        redis:init_pipeline(2)
        redis:incr(quota)
        redis:get("page:" .. ngx.var.request_uri)
        local answers = redis:commit_pipeline()
        if not answers then return ngx.exit(503) end
        if answers[1] == 1 then redis:expire(quota, 2) end
        redis:set_keepalive(60000, 128)
        if answers[1] > 1000000 then return ngx.exit(429) end
        if answers[2] == ngx.null then return ngx.exit(504) end
        ngx.header["Content-Length"] = #answers[2]
        ngx.print(answers[2])
      }}
    }}
  }}
}}
"""
    )
    return Server("nginx with Lua", ["nginx", "-c", home / "nginx.conf", "-p", home], port, SERVER_CORES, store=redis)


def _redis_set(port, values):
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as connection, connection.makefile("rb") as answers:
        for key, value in values.items():
            words = [b"SET", key.encode(), value]
            connection.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            if answers.readline() != b"+OK\r\n":
                raise OSError("Redis does not take the answer")


def haproxy(folder, origin, clients=1, log=None):
    """With 16 events a poll, the buffers in use fit the core's cache: it costs a little less than with the default of 200."""
    port = free_port()
    keys, config = folder / f"haproxy-{port}.keys", folder / f"haproxy-{port}.cfg"
    keys.write_text("".join(f"Bearer {key_of(number)}\n" for number in range(clients)))
    logging = ("log stderr format raw local0", "  log global\n  option httplog") if log else ("", "")
    config.write_text(
        f"""global
  {logging[0]}
  nbthread 1
  tune.maxpollevents 16
  no strict-limits
  ulimit-n 20000
  maxconn {IDLE_MAX}
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  maxconn {IDLE_MAX}
{logging[1]}
cache c
  total-max-size 512
  max-object-size 100000
  max-age 3600
frontend f
  bind 127.0.0.1:{port} backlog 4096
  stick-table type string len 64 size 100k expire 1h store http_req_rate(1s)
  http-request deny deny_status 401 unless {{ req.hdr(Authorization) -m str -f {keys} }}
  http-request track-sc0 req.hdr(Authorization)
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
  http-request del-header Authorization
  http-request cache-use c
  http-after-response del-header Content-Length if {{ status 304 }}
  default_backend b
backend b
  http-response cache-store c
  server s 127.0.0.1:{origin.port}
"""
    )
    return Server("haproxy", ["haproxy", "-f", config], port, SERVER_CORES, origin, log=log)


def varnish(folder, origin, clients=1):
    port = free_port()
    home = folder / f"varnish-{port}"
    home.mkdir()
    known = "|".join(key_of(number) for number in range(clients))
    (home / "default.vcl").write_text(
        f"""vcl 4.1;
import vsthrottle;
backend origin {{ .host = "127.0.0.1"; .port = "{origin.port}"; }}
sub vcl_recv {{
  if (req.http.Authorization !~ "^Bearer ({known})$") {{ return (synth(401)); }}
  if (vsthrottle.is_denied(req.http.Authorization, 100000000, 1s)) {{ return (synth(429)); }}
  unset req.http.Authorization;
  return (hash);
}}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
"""
    )
    arguments = ["varnishd", "-F", "-n", home, "-a", f"127.0.0.1:{port}", "-f", home / "default.vcl", "-s", "malloc,512m"]
    quiet = "vsl_mask=" + ",".join(f"-{tag}" for tag in VARNISH_TAGS)
    for setting in (quiet, "thread_pools=1", "thread_pool_min=100", "timeout_idle=3600"):
        arguments += ["-p", setting]
    return Server("varnish", arguments, port, SERVER_CORES, origin)


ALL = (nginx, haproxy, varnish)
