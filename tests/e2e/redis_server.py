# SPDX-License-Identifier: MIT
"""A real redis-server in a process of its own, without persistence, and a small client for it."""

import os
import signal
import socket
import subprocess

from simulator import wait_until

DEADLINE = 120  # seconds


class RedisError(Exception):
    """An error reply."""


class RedisClient:
    """One connection: client("SET", "k", "v"). Texts go out as UTF-8; bulk strings come back as bytes, errors are raised."""

    def __init__(self, address):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(DEADLINE)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address, DEADLINE)
        self._file = self.sock.makefile("rb")

    def __call__(self, *words):
        self.send(*words)
        return self.reply()

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.sock.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))

    def reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        assert kind == b"*", line
        return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]

    def close(self):
        self._file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    """One that the kernel has just given, and whose neighbour 10000 further (a cluster's bus) is free too."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 55000:
                continue
            try:
                other.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
            return port


class Redis:
    """`options` as in redis.conf: {"maxmemory": "10mb"}. `unix`: a socket in `folder` instead of a port."""

    program = "redis-server"

    def __init__(self, folder, options=None, unix=False, password=None):
        self.folder, self.password = folder, password
        self.options = {"save": "", "appendonly": "no", "daemonize": "no", "dir": str(folder), "loglevel": "notice",
                        "logfile": str(folder / "redis.log")}
        if unix:
            self.address = str(folder / "redis.sock")
            self.options |= {"port": 0, "unixsocket": self.address}
            self.url = f"unix:{self.address}" if password is None else f"unix://:{password}@{self.address}"
        else:
            self.port = free_port()
            self.address = ("127.0.0.1", self.port)
            self.options |= {"port": self.port, "bind": "127.0.0.1"}
            self.url = f"redis://127.0.0.1:{self.port}" if password is None else f"redis://:{password}@127.0.0.1:{self.port}"
        if password is not None:
            self.options["requirepass"] = password
        self.options |= options or {}
        self.process = None

    # Its life.

    def start(self):
        self.launch()
        wait_until(self._answers, "redis to answer")
        return self

    def launch(self):
        """Starts it; it may take a while to answer."""
        config = self.folder / "redis.conf"
        if not config.exists():  # a cluster or a sentinel writes into its own
            config.write_text("".join(f'{name} {value if value != "" else chr(34) * 2}\n' for name, value in self.options.items()))
        self.process = subprocess.Popen([self.program, str(config), *self.arguments()], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True)

    def arguments(self):
        return []

    def stop(self):
        """SIGSTOP: the kernel still takes connections for it, but nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def restart(self):
        """The same address, and nothing in it but what was saved."""
        if self.process.poll() is None:
            self.kill()
        if isinstance(self.address, str) and os.path.exists(self.address):
            os.unlink(self.address)
        return self.start()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "redis.log").read_text()
        try:
            with self.client() as client:
                return client("PING") == "PONG"
        except (OSError, RedisError):
            return False

    # Asking it.

    def client(self):
        client = RedisClient(self.address)
        if self.password is not None:
            client("AUTH", self.password)
        return client

    def __call__(self, *words):
        """One command on a connection of its own."""
        with self.client() as client:
            return client(*words)

    def info(self, section):
        """{name: text}"""
        lines = self("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def commandstats(self):
        """{"get": calls}"""
        found = {}
        for name, text in self.info("commandstats").items():
            facts = dict(fact.split("=") for fact in text.split(","))
            found[name.removeprefix("cmdstat_")] = int(facts["calls"])
        return found


class RedisCluster:
    """Masters with a replica each, on one machine, each master with an equal share of the slots."""

    SLOTS = 16384
    NODE_TIMEOUT = 1000  # ms

    def __init__(self, make_folder, masters=3, replicas=True):
        options = {"cluster-enabled": "yes", "cluster-node-timeout": self.NODE_TIMEOUT, "cluster-replica-validity-factor": 0,
                   "cluster-require-full-coverage": "no", "repl-diskless-sync-delay": 0}
        self._make = lambda: Redis(make_folder("redis-cluster"), options=options)
        self.masters = [self._make() for _ in range(masters)]
        self.replicas = [self._make() for _ in range(masters)] if replicas else []
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.masters)

    @property
    def nodes(self):
        return self.masters + self.replicas

    def start(self):
        for node in self.nodes:
            node.start()
        for number, node in enumerate(self.masters):
            first, last = (self.SLOTS * at // len(self.masters) for at in (number, number + 1))
            node("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
            node("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        wait_until(lambda: all(self._knows_all(node) for node in self.nodes), "the cluster's nodes to know each other")
        for master, replica in zip(self.masters, self.replicas):
            replica("CLUSTER", "REPLICATE", self.id_of(master))
        wait_until(self.is_well, "the cluster to be well")
        return self

    def _knows_all(self, node):
        lines = node("CLUSTER", "NODES").decode().splitlines()
        return len(lines) == len(self.nodes) and all("handshake" not in line for line in lines)

    def is_well(self):
        """Every slot is served as all who live see it, and every replica is in step."""
        alive = [node for node in self.nodes if node.process.poll() is None]
        for node in alive:
            facts = dict(line.split(":") for line in node("CLUSTER", "INFO").decode().split())
            if facts["cluster_state"] != "ok" or facts["cluster_slots_ok"] != str(self.SLOTS):
                return False
        return all(node("ROLE")[3] == b"connected" for node in alive if node("ROLE")[0] == b"slave")

    def id_of(self, node):
        return node("CLUSTER", "MYID").decode()

    def alive(self):
        return [node for node in self.nodes if node.process.poll() is None]

    def serving(self):
        """The masters of now."""
        return [node for node in self.alive() if node("ROLE")[0] == b"master"]

    def keys(self):
        return sorted(key for node in self.serving() for key in node("KEYS", "*"))

    def close(self):
        for node in self.nodes:
            node.close()


class Sentinel(Redis):
    program = "redis-sentinel"

    def __init__(self, folder, monitored):
        super().__init__(folder)
        name = SentinelFleet.NAME
        self.options = {setting: self.options[setting] for setting in ("port", "bind", "dir", "logfile", "loglevel", "daemonize")}
        self.options |= {
            "sentinel monitor": f"{name} 127.0.0.1 {monitored.port} 2",
            "sentinel down-after-milliseconds": f"{name} 2000",
            "sentinel failover-timeout": f"{name} 3000",
        }

    def facts(self):
        """What it knows of the master: {name: text}."""
        words = [word.decode() for word in self("SENTINEL", "MASTER", SentinelFleet.NAME)]
        return dict(zip(words[::2], words[1::2]))


class SentinelFleet:
    """A master with two replicas, and three sentinels that watch it."""

    NAME = "mine"

    def __init__(self, make_folder):
        self.servers = [Redis(make_folder("redis"), options={"repl-diskless-sync-delay": 0})]
        for _ in range(2):
            options = {"repl-diskless-sync-delay": 0, "replicaof": f"127.0.0.1 {self.servers[0].port}"}
            self.servers.append(Redis(make_folder("redis"), options=options))
        self.sentinels = [Sentinel(make_folder("sentinel"), self.servers[0]) for _ in range(3)]
        self.url = f"redis+sentinel://{','.join(f'127.0.0.1:{one.port}' for one in self.sentinels)}/{self.NAME}"

    def start(self):
        for one in self.servers + self.sentinels:
            one.start()
        wait_until(self.is_well, "the sentinels to know each other and all servers")
        return self

    def is_well(self):
        """All sentinels know all, and name the same master, which has its replicas in step."""
        for sentinel in self.sentinels:
            facts = sentinel.facts()
            if (facts["num-other-sentinels"], facts["num-slaves"], facts["flags"]) != ("2", "2", "master"):
                return False
        master = self.master()
        return master is not None and all(server is master or server("ROLE")[3] == b"connected" for server in self.servers)

    def master(self):
        """The server that all sentinels name; None: they do not agree."""
        ports = {sentinel.facts()["port"] for sentinel in self.sentinels}
        found = [server for server in self.servers if {str(server.port)} == ports]
        return found[0] if found else None

    def switch(self):
        """Another server is made the master, while the one of now is well."""
        def accepted():
            try:
                return self.sentinels[0]("SENTINEL", "FAILOVER", self.NAME) == "OK"
            except RedisError:  # INPROG: the last one is not over; NOGOODSLAVE: nobody is in step yet
                return False
        wait_until(accepted, "a switch that the sentinel accepts")

    def close(self):
        for one in self.sentinels + self.servers:
            one.close()
