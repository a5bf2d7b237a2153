# SPDX-License-Identifier: MIT
"""What end-to-end tests are made of: simulators and gateways, ended (and judged) when the test is over."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
pytest.register_assert_rewrite("gateway", "http_client", "simulator", "envelopes", "certificates", "redis_server", "redis_load",
                               "secrecy", "service")

from gateway import Gateway  # noqa: E402
from redis_server import Redis, RedisCluster, SentinelFleet  # noqa: E402
from simulator import Simulator  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "concurrency: many threads at work at once; also run with the thread sanitizer")


class Workshop:
    """Makes simulators and gateways, and ends them in the opposite order."""

    def __init__(self, folders):
        self._folders, self._made = folders, []

    def simulator(self, **options):
        return self._keep(Simulator(**options))

    def gateway(self, simulator, settings=None, clients=None, variables=None, descriptors=None, service=None):
        """Started and ready."""
        made = self._keep(Gateway(self._folders.mktemp("gateway"), simulator, settings, clients, variables, descriptors, service))
        return made.start()

    def redis(self, **options):
        """A redis-server, started; its URL is `url`."""
        return self._keep(Redis(self._folders.mktemp("redis"), **options)).start()

    def redis_cluster(self, **options):
        return self._keep(RedisCluster(self._folders.mktemp, **options)).start()

    def redis_sentinels(self):
        return self._keep(SentinelFleet(self._folders.mktemp)).start()

    def close(self):
        failure = None
        while self._made:
            try:
                self._made.pop().close()
            except BaseException as first:  # end the others too, then say it
                failure = failure or first
        if failure:
            raise failure

    def _keep(self, thing):
        self._made.append(thing)
        return thing


@pytest.fixture
def workshop(tmp_path_factory):
    made = Workshop(tmp_path_factory)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_workshop(tmp_path_factory):
    made = Workshop(tmp_path_factory)
    yield made
    made.close()


@pytest.fixture
def simulator(workshop):
    return workshop.simulator(records=1000)


@pytest.fixture
def gateway(workshop, simulator):
    """A gateway with nothing special about it."""
    return workshop.gateway(simulator)
