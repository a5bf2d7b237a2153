# SPDX-License-Identifier: MIT
"""What nexgate is deployed with. There is no Docker daemon and no cluster here: files are read and held against what they must say, and
all that can run without them does, with the files' own options, users and configurations."""

import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from gateway import ROOT, Gateway, command, digest
from redis_server import Redis, RedisError
from simulator import wait_until

SECRETS = ["nexudus_password", "admin_key", "reports_key", "token_key", "redis_url", "redis_quota_url"]
ENVIRONMENT = {"NEXUDUS_URL": "https://spaces.nexudus.com", "NEXUDUS_USERNAME": "gateway@example.com"}
HEALTH = ["/usr/bin/nexgate", "health", "-c", "/etc/nexgate/nexgate.conf"]


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", str(text))[1])


def make_secrets(folder, password="p"):
    """Where they are, and the two keys that were printed."""
    said = run(str(ROOT / "conf/docker/secrets.sh"), str(folder / "secrets"), env=os.environ | {"NEXUDUS_PASSWORD": password})
    return folder / "secrets", re.search("admin key: +(nxg_.*)", said)[1], re.search("client reports: +(nxg_.*)", said)[1]


# The image.

def dockerfile():
    """[(instruction, rest)]"""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and not line.startswith("#")]


def stages():
    found = []
    for name, rest in dockerfile():
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def packages(stage):
    installed = [rest for name, rest in stage if name == "RUN" and "apt-get install" in rest]
    assert len(installed) == 1
    words = installed[0].split("apt-get install")[1].split("&&")[0].split()
    return {word for word in words if not word.startswith("-")}


@functools.cache
def owners():
    """{path: package}, as dpkg -S tells, but read once."""
    found = {}
    for listing in pathlib.Path("/var/lib/dpkg/info").glob("*.list"):
        found |= dict.fromkeys(listing.read_text().splitlines(), listing.stem.split(":")[0])
    return found


def package_of(path):
    spellings = (path, path.removeprefix("/usr"), "/usr" + path)
    return next(owners()[spelling] for spelling in spellings if spelling in owners())


def closure(names):
    """What is installed along with them, by what the packages of this machine say."""
    rows = run("dpkg-query", "-W", "-f=${Package}\t${Essential}\t${Depends}, ${Pre-Depends}\t${Provides}\n").splitlines()
    depends, provides, queue = {}, {}, list(names)
    for row in rows:
        package, essential, wanted, provided = row.split("\t")
        depends[package] = [[re.split(r"[ :(]", one.strip())[0] for one in item.split("|")] for item in wanted.split(",") if item.strip()]
        for one in provided.split(","):
            provides.setdefault(one.strip().split(" ")[0], package)
        queue += [package] if essential == "yes" else []
    found = set()
    while queue:
        package = queue.pop()
        package = package if package in depends else provides.get(package)
        if package is None or package in found:
            continue
        found.add(package)
        queue += [next((one for one in choice if one in depends or one in provides), choice[0]) for choice in depends[package]]
    return found


def test_the_image_holds_exactly_the_libraries_that_the_binary_needs():
    binary = str(ROOT / "build/nexgate")
    where = dict(re.findall(r"(\S+) => (/\S+)", run("ldd", binary)))
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", binary))
    direct = {package_of(os.path.realpath(where[name])) for name in needed if name != "ld-linux-x86-64.so.2"}
    named = packages(stages()[-1])
    assert direct - {"libc6"} == named - {"ca-certificates"}
    assert {package_of(os.path.realpath(path)) for path in where.values()} <= closure(named)


def test_the_image_is_built_with_what_the_tests_install():
    build = packages(stages()[0])
    known = set(re.findall(r"[a-z][a-z0-9.+-]+", (ROOT / "tests/deps.sh").read_text()))
    assert build <= known | {"libc6-dev"}
    for package in build | packages(stages()[-1]):
        assert run("dpkg-query", "-W", "-f=${Status}", package) == "install ok installed", package
    modules = re.search(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    for module in modules:
        folder = run("pkg-config", "--variable=pcfiledir", module).strip()
        assert package_of(os.path.realpath(f"{folder}/{module}.pc")) in closure(build), module
    assert package_of(os.path.realpath("/usr/include/stdio.h")) in closure(build)


def test_what_the_image_copies_exists_and_is_let_through():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    def sent(path):  # the last rule that covers the path or a folder above it
        covering = [".", *[str(parent) for parent in pathlib.PurePath(path).parents if str(parent) != "."], path]
        verdict = True
        for rule in rules:
            pattern = rule.removeprefix("!")
            if any(one != "." and pathlib.PurePath("/" + one).match("/" + pattern) for one in covering):
                verdict = rule.startswith("!")
        return verdict

    copies = [rest.split() for name, rest in stages()[0] if name == "COPY"]
    for *sources, _ in copies:
        for source in sources:
            assert (ROOT / source).exists() and sent(source), source
    assert {words[0] for words in copies} == {"Makefile", "include", "gateway", "conf/entities"}
    for secret in ("secrets/token_key", ".env", ".git", "conf/docker", "build", "tests"):
        assert not sent(secret), secret


def test_the_image_runs_without_rights():
    final = dict(stages()[-1])
    assert [rest.split()[0] for name, rest in dockerfile() if name == "FROM"] == ["debian:12-slim"] * 2
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final["USER"])
    assert final["STOPSIGNAL"] == "SIGTERM" and final["EXPOSE"].split() == ["8080", "9180"]
    assert json.loads(final["HEALTHCHECK"].split(" CMD ")[1]) == HEALTH
    assert json.loads(final["ENTRYPOINT"]) == ["/usr/bin/nexgate"]
    assert json.loads(final["CMD"]) == ["serve", "-c", "/etc/nexgate/nexgate.conf"]


# Compose.

def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_accepts_the_file():
    said = run("docker-compose", "-f", str(ROOT / "docker-compose.yml"), "--profile", "demo", "config",
               env=os.environ | {"NEXUDUS_USERNAME": "u", "HOME": "/nonexistent"}, cwd=ROOT)
    assert set(yaml.safe_load(said)["services"]) == {"gateway-1", "gateway-2", "redis-cache", "redis-quota", "simulator"}


def test_compose_gives_every_service_as_little_as_it_needs():
    file = compose()
    for name, service in file["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD" and service["pids_limit"] and service["mem_limit"], name
        assert not {"privileged", "cap_add", "network_mode"} & set(service), name
        for published in service.get("ports", []):
            assert published.startswith("127.0.0.1:"), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in file["volumes"] or ((ROOT / source).exists() and volume.endswith(":ro")), volume
        for secret in service.get("secrets", []):
            assert file["secrets"][secret]["file"] == f"./secrets/{secret}"
    gateways = [file["services"][f"gateway-{number}"] for number in (1, 2)]
    for gateway in gateways:
        assert gateway["healthcheck"]["test"] == ["CMD", *HEALTH] and gateway["secrets"] == SECRETS
        assert seconds(gateway["stop_grace_period"]) > 30  # drain_timeout
        assert set(gateway["depends_on"]) == {"redis-cache", "redis-quota"}
    assert not {port.split(":")[1] for port in gateways[0]["ports"]} & {port.split(":")[1] for port in gateways[1]["ports"]}
    assert file["networks"]["redis"]["internal"] is True
    for name in ("redis-cache", "redis-quota"):
        assert file["services"][name]["networks"] == ["redis"] and file["services"][name]["secrets"] == ["redis_acl"]
    assert file["services"]["simulator"]["profiles"] == ["demo"] and "secrets" not in file["services"]["simulator"]


def redis_options(name):
    words = compose()["services"][name]["command"]
    assert words[0] == "redis-server"
    return {flag.removeprefix("--"): value for flag, value in zip(words[1::2], words[2::2], strict=True)}


def test_the_redis_servers_evict_what_they_may():
    cache, quota = redis_options("redis-cache"), redis_options("redis-quota")
    assert (cache["maxmemory-policy"], quota["maxmemory-policy"]) == ("volatile-lru", "noeviction")
    assert (cache["appendonly"], quota["appendonly"]) == ("no", "yes")
    for name, options in (("redis-cache", cache), ("redis-quota", quota)):
        limit = compose()["services"][name]["mem_limit"]
        assert int(options["maxmemory"].removesuffix("mb")) * 1.25 < int(limit.removesuffix("m"))


class Contained(Gateway):
    """A gateway on the configuration that the containers have, but for what is different on this machine."""

    def __init__(self, folder, simulator, secrets, reports):
        self.secrets_folder = secrets
        variables = {"NEXUDUS_URL": simulator.url, "NEXUDUS_USERNAME": simulator.username}
        super().__init__(folder, simulator, variables=variables)
        self.key_of = {"alpha": reports}
        self.secrets += [reports, *((secrets / name).read_text().strip() for name in ("token_key", "redis_url", "redis_quota_url"))]

    def _configuration(self, settings, clients):
        text = (ROOT / "conf/docker/nexgate.conf").read_text()
        for ours, here in {"0.0.0.0:8080": "127.0.0.1:0", "0.0.0.0:9180": "127.0.0.1:0", "/run/secrets": str(self.secrets_folder),
                           "format = json": "format = logfmt", "[redis]\n": "[redis]\ntimeout = 10s\n"}.items():
            assert ours in text
            text = text.replace(ours, here)
        return text


def test_two_gateways_work_on_what_compose_gives_them(workshop, simulator, tmp_path):
    secrets, admin, reports = make_secrets(tmp_path, simulator.password)
    acl = tmp_path / "acl"
    acl.write_text((secrets / "redis_acl").read_text() + "user tester on nopass ~* &* +@all\n")
    servers = {}
    with contextlib.ExitStack() as stack:
        for name in ("redis-cache", "redis-quota"):
            (tmp_path / name).mkdir()
            servers[name] = Redis(tmp_path / name, redis_options(name) | {"aclfile": str(acl)})
            stack.enter_context(contextlib.closing(servers[name])).start()
        for file in ("redis_url", "redis_quota_url"):
            url = (secrets / file).read_text()
            for name, server in servers.items():
                url = url.replace(f"{name}:6379", f"127.0.0.1:{server.port}")
            (secrets / file).write_text(url)
        gateways = []
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            gateways.append(Contained(tmp_path / str(number), simulator, secrets, reports))
            stack.enter_context(contextlib.closing(gateways[-1])).start()
        first, second = gateways
        for gateway in gateways:
            wait_until(lambda: gateway.metrics()["nexgate_shared_link"] == 1, "the channel to be heard")
        assert first.search("size=3").cache_status()["fwd"] == "uri-miss"
        stored = 'nexgate_shared_stores_total{result="stored"}'
        wait_until(lambda: first.metrics()[stored] == 1, "the window in Redis")
        assert second.search("size=3").cache_status().get("hit") is True
        counters = simulator.counters()
        assert (counters["searches"], counters["logins"]) == (1, 1)

        # The admin listener's key, and the health check.
        assert first.ask_admin("/purge?all=1", "POST").status == 401
        def purged():
            return first.ask_admin("/purge?all=1", "POST", {"Authorization": f"Bearer {admin}"}).status == 200
        wait_until(purged, "a purge that both confirm")
        assert second.search("size=3").cache_status().get("hit") is None
        asked = first.config.read_text().replace("admin = 127.0.0.1:0", "admin = %s:%d" % first.admin)
        (tmp_path / "health.conf").write_text(asked)
        code, out, err = command("health", "-c", str(tmp_path / "health.conf"), NEXUDUS_URL=simulator.url, NEXUDUS_USERNAME="u")
        assert code == 0, out + err

        # Redis did all that was asked, let nobody else in, and keeps what must be kept.
        for gateway in gateways:
            for why in ("error", "away"):
                assert gateway.metrics()[f'nexgate_redis_failures_total{{reason="{why}"}}'] == 0
            assert not gateway.logged("Redis may evict the counters of quotas when its memory is full; give them a server with noeviction")
        for name, server in servers.items():
            with server.client() as client:
                with pytest.raises(RedisError, match="NOPERM"):
                    client("GET", "nexgate:x")
                client("AUTH", "tester", "any")
                assert client("ACL", "LOG") == [] or all(b"default" in entry for entry in client("ACL", "LOG")), name
                quotas = client("KEYS", "nexgate:quota:*")
                assert bool(quotas) == (name == "redis-quota")


def test_secrets_are_made_once(tmp_path):
    folder, admin, reports = make_secrets(tmp_path)
    assert {path.name for path in folder.iterdir()} == {*SECRETS, "redis_acl"} == set(compose()["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert before["admin_key"].strip() == digest(admin) and before["reports_key"].strip() == digest(reports) and admin != reports
    done = subprocess.run([str(ROOT / "conf/docker/secrets.sh"), str(folder)], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"NEXUDUS_PASSWORD": "other"})
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert before == {path.name: path.read_text() for path in folder.iterdir()}


# Kubernetes.

def kubernetes():
    found = {}
    for thing in yaml.safe_load_all((ROOT / "conf/kubernetes.yaml").read_text()):
        assert thing["apiVersion"] and thing["kind"] not in found
        found[thing["kind"]] = thing
    return found


def test_the_parts_of_the_kubernetes_example_fit_together():
    things = kubernetes()
    assert {kind: thing["apiVersion"] for kind, thing in things.items()} == {
        "ConfigMap": "v1", "Deployment": "apps/v1", "Service": "v1", "PodDisruptionBudget": "policy/v1",
        "NetworkPolicy": "networking.k8s.io/v1"}
    deployment = things["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [deployment["selector"]["matchLabels"], things["Service"]["spec"]["selector"],
                 things["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                 things["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]]
    assert selectors == [labels] * 4
    assert deployment["replicas"] == 2 and things["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    pod = deployment["template"]["spec"]
    container, = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"public": 8080, "admin": 9180}
    assert things["Service"]["spec"]["ports"][0]["targetPort"] in ports
    for rule in things["NetworkPolicy"]["spec"]["ingress"]:
        assert all(port["port"] in ports for port in rule["ports"])
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(mounts) == set(volumes) and all(mount["readOnly"] for mount in mounts.values())
    assert volumes["conf"]["configMap"]["name"] == things["ConfigMap"]["metadata"]["name"]
    assert [item["key"] for item in volumes["secrets"]["secret"]["items"]] == SECRETS
    conf = things["ConfigMap"]["data"]["nexgate.conf"]
    paths = {f"{mounts['secrets']['mountPath']}/{item['path']}" for item in volumes["secrets"]["secret"]["items"]}
    assert set(re.findall(r"_file = (\S+)", conf)) == paths
    assert container["args"] == ["serve", "-c", mounts["conf"]["mountPath"] + "/nexgate.conf"]
    drain = seconds(re.search("drain_timeout = (.*)", conf)[1])
    assert pod["terminationGracePeriodSeconds"] > drain + container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert int(re.search(r"workers = (\d+)", conf)[1]) == int(container["resources"]["limits"]["cpu"])


def test_the_pods_have_no_rights():
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    container, = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    user = pod["securityContext"]["runAsUser"]
    assert f"{user}:{pod['securityContext']['runAsGroup']}" == dict(stages()[-1])["USER"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert {"cpu", "memory"} == set(container["resources"]["requests"]) == set(container["resources"]["limits"])


def test_the_probes_ask_what_is_answered(gateway):
    container, = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        with {"public": gateway.connect, "admin": gateway.connect_admin}[asked["port"]]() as connection:
            assert connection.request(asked["path"], "GET", {}).status == 200, probe


@pytest.mark.parametrize("where", ["docker", "kubernetes"])
def test_the_configurations_are_good(tmp_path, where):
    secrets, _, _ = make_secrets(tmp_path)
    if where == "docker":
        text, mounted = (ROOT / "conf/docker/nexgate.conf").read_text(), "/run/secrets"
    else:
        text, mounted = kubernetes()["ConfigMap"]["data"]["nexgate.conf"], "/run/secrets/nexgate"
    assert mounted + "/admin_key" in text
    (tmp_path / "nexgate.conf").write_text(text.replace(mounted, str(secrets)))
    code, out, err = command("check", "-c", str(tmp_path / "nexgate.conf"), **ENVIRONMENT)
    assert code == 0 and "warning" not in out + err, out + err


# The Debian package.

def build_package(folder):
    run(str(ROOT / "packaging/deb.sh"), str(folder))
    package, = folder.glob("*.deb")
    return package


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build_package(tmp_path_factory.mktemp("deb"))


def test_the_package_says_what_it_is(package):
    version = re.search('NEXGATE_VERSION "(.*)"', (ROOT / "include/app.h").read_text())[1]
    control = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", str(package)).splitlines() if re.match(r"\S+: ", line))
    assert (control["Package"], control["Version"]) == ("nexgate", version)
    assert control["Architecture"] == run("dpkg", "--print-architecture").strip()
    depends = {re.split("[ (]", one)[0] for one in control["Depends"].split(", ")}
    assert depends == packages(stages()[-1]) | {"libc6"}
    assert f"nexgate_{version}_" in package.name


def test_the_package_holds_what_it_must(package, tmp_path):
    files = {}
    for line in run("dpkg-deb", "-c", str(package)).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        assert owner == "root/root" and mode[5] == "-" and mode[8] == "-", line  # nobody else may write
        files[path.removeprefix(".")] = mode
    wanted = ["/usr/bin/nexgate", "/etc/nexgate/nexgate.conf", "/usr/share/doc/nexgate/copyright", "/usr/share/doc/nexgate/changelog.gz"]
    wanted += [f"/usr/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in (ROOT / "docs").glob("man/*.[1-9]")]
    wanted += [f"/lib/systemd/system/{unit.name}" for unit in (ROOT / "conf").glob("systemd/*.s[eo]*")]
    wanted += re.findall(r"^Documentation=file://(.*)$", (ROOT / "conf/systemd/nexgate.service").read_text(), re.M)
    wanted += ["/usr/share/doc/nexgate/examples/nexgate.conf"]  # which the configuration names
    assert set(wanted) <= set(files), files
    assert files["/usr/bin/nexgate"] == "-rwxr-xr-x"
    run("dpkg-deb", "-R", str(package), str(tmp_path / "root"))
    root = tmp_path / "root"
    assert (root / "DEBIAN/conffiles").read_text().split() == ["/etc/nexgate/nexgate.conf"]
    run("md5sum", "--check", "--quiet", "DEBIAN/md5sums", cwd=root)
    assert run(str(root / "usr/bin/nexgate"), "version").startswith("nexgate ")


def edited(text, password):
    """The packaged configuration after an administrator's work."""
    told = re.search(r"^LoadCredential=(\S+?):/etc/nexgate/(\S+)$", (ROOT / "conf/systemd/nexgate.service").read_text(), re.M)
    handed = f"/run/credentials/nexgate.service/{told[1]}"
    assert text.count(handed) == 1 and f"/etc/nexgate/{told[2]}" in text
    return text.replace("username =\n", "username = me@example.com\n").replace(handed, str(password))


def test_the_packaged_configuration_must_be_filled_in(package, tmp_path):
    run("dpkg-deb", "-x", str(package), str(tmp_path / "root"))
    shipped = tmp_path / "root/etc/nexgate/nexgate.conf"
    code, out, err = command("check", "-c", str(shipped))
    assert code == 1 and "username: is needed to log in" in out + err
    (tmp_path / "password").write_text("p\n")
    shipped.write_text(edited(shipped.read_text(), tmp_path / "password"))
    code, out, err = command("check", "-c", str(shipped))
    assert code == 0, out + err


class Debian:
    """A root folder that dpkg works on; its scripts run outside of it, told where it is (DPKG_ROOT)."""

    def __init__(self, folder):
        self.root = folder
        for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc/systemd/system"):
            (folder / name).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()

    def dpkg(self, *words):
        return run("dpkg", f"--root={self.root}", "--force-depends", "--force-script-chrootless", "--force-not-root", "--force-bad-path",
                   f"--log={self.root}/log", *words, stdin=subprocess.DEVNULL)

    def enable(self):
        run("systemctl", f"--root={self.root}", "enable", "nexgate.service", "nexgate.socket")

    def left(self):
        """What is there beside dpkg's own."""
        files = [path for path in self.root.rglob("*") if not path.is_dir() or path.is_symlink()]
        return {"/" + str(path.relative_to(self.root)) for path in files if path.name != "log" and "dpkg" not in path.parts}

    def enabled(self):
        return {path for path in self.left() if ".wants/" in path and path.startswith("/etc/")}


LINKS = {"/etc/systemd/system/multi-user.target.wants/nexgate.service", "/etc/systemd/system/sockets.target.wants/nexgate.socket"}


def test_the_package_comes_stays_and_goes(package, tmp_path):
    system = Debian(tmp_path / "root")
    configuration, password = system.root / "etc/nexgate/nexgate.conf", system.root / "etc/nexgate/nexudus-password"
    system.dpkg("--install", str(package))
    assert (system.root / "usr/bin/nexgate").exists() and not system.enabled()  # there is no login yet
    password.write_text("p\n")
    configuration.write_text(configuration.read_text().replace("username =", "username = me@example.com"))
    system.enable()
    assert system.enabled() == LINKS
    mine = configuration.read_text()
    system.dpkg("--install", str(package))
    assert configuration.read_text() == mine and system.enabled() == LINKS
    system.dpkg("--remove", "nexgate")
    assert not (system.root / "usr/bin/nexgate").exists()
    assert configuration.read_text() == mine and password.exists()
    system.dpkg("--install", str(package))
    assert configuration.read_text() == mine and system.enabled() == LINKS
    (system.root / "etc/nexgate/certificate.pem").touch()
    system.dpkg("--purge", "nexgate")
    assert system.left() == {"/etc/nexgate/certificate.pem"}  # not ours
    assert system.dpkg("--list").count("nexgate") == 0


def test_the_scripts_are_sound():
    for script in ("postinst", "prerm", "postrm"):
        text = (ROOT / "packaging/debian" / script).read_text()
        assert text.startswith("#!/bin/sh\n") and "\nset -e\n" in text
        run("sh", "-n", str(ROOT / "packaging/debian" / script))


def test_lintian_finds_no_error(package):
    run("lintian", "--allow-root", "--fail-on", "error", str(package))


def test_the_same_binary_gives_the_same_package(package, tmp_path):
    assert build_package(tmp_path).read_bytes() == package.read_bytes()
