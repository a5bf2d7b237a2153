#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Nexudus that fits on a desk.

It answers searches (GET /api/sys/webhooks, GET /api/spaces/coworkers) and logins (POST /api/token) as the vendor's documentation
describes them, from records that are made up and the same in every run with the same seed. When it is ready it prints one line:

    listening http://127.0.0.1:40001 control http://127.0.0.1:40002

Try it:

    token=$(curl -s -d 'grant_type=password&username=demo@example.com&password=demo' URL/api/token | jq -r .access_token)
    curl -s -H "Authorization: Bearer $token" 'URL/api/sys/webhooks?size=2&WebHook_Active=true'

The control URL counts every call, holds calls back, and makes the simulator fail in every way a server can fail:

    curl -s CONTROL/counters
    curl -s -d '[{"kind": "search", "count": 1, "action": {"status": 503, "headers": {"Retry-After": "2"}}}]' CONTROL/faults

control.py and faults.py say what else it takes.
"""

import argparse
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from sim.control import Control  # noqa: E402
from sim.nexudus import Nexudus  # noqa: E402
from sim.server import Server  # noqa: E402


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, default=0, help="port of the API; 0 takes a free one")
    option("--control-port", type=int, default=0, help="port of the control path")
    option("--records", type=int, default=1000, help="how many records each entity has")
    option("--seed", type=int, default=1, help="another seed, other records")
    option("--username", default="demo@example.com")
    option("--password", default="demo")
    option("--totp-secret", help="base32; logins then need a one-time code")
    option("--expires-in", type=int, default=604_799, metavar="SECONDS", help="lifetime of an access token")
    option("--token-mark", default="", metavar="TEXT", help="every token carries it, so that who looks for leaks knows tokens of later")
    option("--throttle", metavar="N/TIME", help="like 10/100ms: more searches than that are answered 409")
    option("--size-cap", type=int, default=0, metavar="N", help="never more than N records on a page")
    option("--extra-members", action="store_true", help="envelopes have members that nobody knows")
    return parser.parse_args()


def main():
    options = read_options()
    sys.setswitchinterval(0.001)  # many short answers, few long computations
    nexudus = Nexudus(options)
    server = Server(options.host, options.port, nexudus.handle)
    control = Server(options.host, options.control_port, Control(nexudus, server).handle)
    print(f"listening {server.url()} control {control.url()}", flush=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


if __name__ == "__main__":
    main()
