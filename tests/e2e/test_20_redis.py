# SPDX-License-Identifier: MIT
"""The connections to Redis: they are made, lost and made again, whatever becomes of the server."""

import pytest

from gateway import command
from secrecy import made_up
from simulator import wait_until

UP = 'nexgate_redis_connections{state="up"}'
OPEN = 'nexgate_redis_connections{state="breaker_open"}'
WORKERS = 2


def start(workshop, redis, **settings):
    settings = {"server.workers": WORKERS, "redis.url": redis.url, "redis.timeout": "5s"} | settings
    return workshop.gateway(workshop.simulator(records=100), settings)


def wait_up(gateway, connections=WORKERS + 1):
    """One for each worker, and the fetcher's."""
    wait_until(lambda: gateway.metrics()[UP] == connections, "all connections to redis")


@pytest.mark.parametrize("how", ["tcp", "unix", "password"])
def test_every_thread_connects(workshop, how):
    redis = workshop.redis(unix=how == "unix", password=made_up() if how == "password" else None)
    gateway = start(workshop, redis)
    wait_up(gateway)
    assert gateway.search().status == 200


def test_its_death_and_return(workshop):
    redis = workshop.redis()
    gateway = start(workshop, redis)
    wait_up(gateway)
    redis.kill()
    wait_until(lambda: gateway.metrics()[OPEN] == WORKERS + 1, "redis to be away")
    assert gateway.search().status == 200
    assert gateway.logged("redis is away", address=f"127.0.0.1:{redis.port}")
    redis.restart()
    wait_up(gateway)
    assert gateway.metrics()[OPEN] == 0


def test_a_server_that_hangs_is_as_good_as_dead(workshop):
    redis = workshop.redis()
    gateway = start(workshop, redis, **{"redis.timeout": "200ms"})
    wait_up(gateway)
    redis.stop()

    def found_out():
        gateway.move_time(5)  # the next sign of life is asked for
        return gateway.metrics()[UP] == 0
    wait_until(found_out, "redis to be found hanging")
    assert gateway.search().status == 200
    redis.go_on()
    wait_up(gateway)


def test_without_redis_there_is_a_gateway(workshop):
    redis = workshop.redis()
    redis.kill()
    gateway = start(workshop, redis)
    wait_until(lambda: gateway.metrics()[OPEN] == WORKERS + 1, "redis to be away")
    assert gateway.search().status == 200


def test_counters_may_live_elsewhere(workshop):
    redis, other = workshop.redis(), workshop.redis(unix=True)
    gateway = start(workshop, redis, **{"redis.quota_url": other.url})
    wait_up(gateway, 2 * WORKERS + 1)


def test_a_bad_url_is_told_without_its_password(tmp_path):
    path = tmp_path / "nexgate.conf"
    path.write_text("[redis]\nurl = redis://user:sesame-open@host:port\n[nexudus]\nusername = u\npassword = p\n")
    code, out, err = command("check", "-c", str(path))
    assert code == 1 and "nexgate.conf:2: url: expected host:port" in err, err
    assert "sesame" not in out + err
