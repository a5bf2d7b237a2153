# SPDX-License-Identifier: MIT
"""The dashboard in a real browser: its numbers are those of /status and /metrics and follow the traffic; nothing is asked of anybody
else, nothing from outside can run in it. Screenshots are kept in build/screenshots."""

import base64
import hashlib
import re
import signal

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from gateway import ROOT, SEARCH
from secrecy import MARK, made_up
from simulator import DEADLINE, wait_until

SCREENSHOTS = ROOT / "build/screenshots"
ARGUMENTS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
             "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars").split()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in [*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    made.set_page_load_timeout(DEADLINE)
    made.set_script_timeout(DEADLINE)
    yield made
    made.quit()


class Page:
    def __init__(self, driver, gateway):
        self.driver, self.gateway = driver, gateway
        self.url = "http://%s:%d/" % gateway.admin
        self.complaints()  # of the page before
        self.size(1280, 900)
        driver.get(self.url)
        self.wait_poll()

    def polls(self):
        return int(self.driver.execute_script("return document.body.dataset.polls || 0"))

    def wait_poll(self):
        """Until the page has shown an answer of /status that it asked for from now on."""
        before = self.polls()
        wait_until(lambda: self.polls() >= before + (2 if before else 1), "the page to be up to date")

    def text(self, id):
        return self.driver.execute_script("return document.getElementById(arguments[0]).textContent", id)

    def number(self, id):
        """The number behind what is shown."""
        return float(self.driver.execute_script("return document.getElementById(arguments[0]).dataset.value", id))

    def shown(self, id):
        """The number that is shown, which must be the one behind it."""
        number = int(re.sub(r"\D", "", self.text(id)))
        assert number == self.number(id)
        return number

    def clients(self):
        return {row.get_attribute("data-client"): [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
                for row in self.driver.find_elements(By.CSS_SELECTOR, "#clients tr")}

    def column(self, id):
        return [row.find_element(By.TAG_NAME, "td").text for row in self.driver.find_elements(By.CSS_SELECTOR, f"#{id} tr")]

    def size(self, width, height, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def screenshot(self, name, width, dark=False):
        self.size(width, 900, dark)
        self.size(width, self.driver.execute_script("return document.documentElement.scrollHeight"), dark)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(SCREENSHOTS / f"dashboard-{name}.png"))

    def complaints(self):
        return [line["message"] for line in self.driver.get_log("browser")]


@pytest.fixture
def busy(workshop, simulator, driver):
    """A page, and behind it a gateway with something to tell."""
    gateway = workshop.gateway(simulator, {"nexudus.budget": "50/100ms"}, {
        "reports": {"rate": "50/s", "burst": "100", "misses": "10/day"}, "slow": {"rate": "1/day"}})
    with gateway.connect() as connection:
        for client, query, times in (("alpha", "WebHook_Active=true", 30), ("reports", "Id=1", 3), ("reports", "Nobody=1", 2),
                                     ("slow", "Id=1", 3), ("alpha", "webhook_url=https://x.example/" + made_up(), 1)):
            for _ in range(times):
                connection.request(f"{SEARCH}?{query}", fields=gateway.fields(client))
    simulator.fault(status=500)
    assert gateway.search("Id=99", client="reports").status == 503
    simulator.faults()
    yield Page(driver, gateway)
    driver.get("about:blank")  # before the gateway ends


OUTCOMES = {"hit": ("hit",), "miss": ("miss",), "failed": ("failed",), "refused": ("invalid", "over_rate")}


def agree(page):
    """What the page, /status and /metrics say of the same moment; the page has to be up to date."""
    status = page.gateway.ask_admin("/status").json()
    metrics, outcomes = page.gateway.metrics(), page.gateway.outcomes()
    assert page.shown("total") == status["requests"]["total"] == sum(outcomes.values())
    for group, members in OUTCOMES.items():
        number = sum(outcomes[name] for name in members)
        assert page.shown("outcome-" + group) == number == sum(status["requests"]["outcomes"][name] for name in members)
    assert page.shown("searches") == status["upstream"]["searches"] == metrics["nexgate_upstream_searches_total"]
    assert page.shown("store-entries") == status["store"]["entries"] == metrics["nexgate_store_entries"]
    assert page.shown("logins") == status["token"]["logins"] == metrics['nexgate_token_grants_total{grant="password"}']
    for name, cells in page.clients().items():
        mine = sum(count for key, count in metrics.items() if key.startswith(f'nexgate_requests_total{{client="{name}",'))
        told, = (client for client in status["clients"] if client["name"] == name)
        assert int(cells[1]) == told["requests"] == mine
    assert page.clients()["reports"][7].split()[0] == str(metrics['nexgate_quota_misses_left{client="reports"}'])
    return status


def test_the_page_tells_what_status_and_metrics_tell(busy):
    assert busy.driver.title == "nexgate" and busy.text("state") == "serving" and busy.text("token") == "good"
    agree(busy)
    assert busy.shown("total") == 40 and busy.shown("outcome-hit") == 32 and busy.shown("outcome-miss") == 3
    with busy.gateway.connect() as connection:
        for number in range(25):
            assert connection.request(f"{SEARCH}?Id=1&size={number + 1}", fields=busy.gateway.fields()).status == 200
    busy.wait_poll()
    agree(busy)
    assert busy.shown("total") == 65 and busy.shown("outcome-hit") == 57
    assert busy.text("ratio") == f"{57 / 60 * 100:.1f} %"
    assert busy.text("p50").endswith((" µs", " ms", " s")) and busy.text("p99") != "–"
    assert busy.driver.execute_script("return document.querySelectorAll('#chart rect.hit').length") >= 1
    assert busy.complaints() == []


def test_queries_troubles_and_quotas_are_shown(busy):
    assert busy.column("hottest")[0] == "webhooks?WebHook_Active=true"
    assert set(busy.column("slowest")) == {"webhooks?WebHook_Active=true", "webhooks?WebHook_URL=***", "webhooks?Id=1", "webhooks?Id=99"}
    troubles = [item.text for item in busy.driver.find_elements(By.CSS_SELECTOR, "#troubles li")]
    assert len(troubles) == 1 and "a search at Nexudus failed" in troubles[0]
    clients = busy.clients()
    assert list(clients)[0] == "alpha" and set(clients) == {"alpha", "beta", "reports", "slow"}
    assert clients["alpha"][6:] == ["no limit", "no limit"] and clients["slow"][6].split() == ["0", "of", "1"]
    assert MARK not in busy.driver.page_source
    assert busy.complaints() == []


def test_a_search_is_explained(busy):
    def explain(query, client=""):
        for id, value in (("explain-query", query), ("explain-client", client)):
            busy.driver.execute_script("document.getElementById(arguments[0]).value = arguments[1]", id, value)
        busy.driver.execute_script("document.getElementById('explained').replaceChildren()")
        busy.driver.find_element(By.CSS_SELECTOR, "#explain button").click()
        wait_until(lambda: busy.text("explained"), "an explanation")
        return busy.text("explained")

    before = busy.gateway.outcomes()
    assert "200, hit" in explain("?webhook_active=TRUE&size=3", "alpha")
    assert "200, miss" in explain("Id=12345", "reports")
    assert "429, over rate" in explain("Id=1", "slow")
    assert "400, invalid" in explain("WebHook_Nmae=<b>x</b>")
    assert "no client has this name" in explain("", "<script>alert(1)</script>")
    assert busy.gateway.outcomes() == before
    assert busy.driver.execute_script("return document.querySelectorAll('#explained b, #explained script').length") == 0


def test_nothing_from_outside_runs_in_the_page(busy):
    """Texts of others that find their way to the page stay texts, and the policy lets nothing else run."""
    evil = "%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D1%3E"
    assert busy.gateway.search(f"WebHook_Name={evil}").status == 200
    forged = {"hottest": [{"query": "<img src=x onerror=document.title=1><script>document.title=2</script>", "count": 1, "error": 0}]}
    busy.driver.execute_script("show(Object.assign({}, samples[samples.length - 1].status, arguments[0]))", forged)
    assert busy.column("hottest") == [forged["hottest"][0]["query"]]
    busy.driver.execute_script(
        "const made = document.createElement('script'); made.textContent = 'document.title = 3'; document.body.append(made);"
        "document.body.insertAdjacentHTML('beforeend', '<i onclick=\"document.title = 4\" id=evil style=\"color:red\">x</i>');"
        "document.getElementById('evil').click();")
    assert busy.driver.title == "nexgate"
    assert all("Content Security Policy" in line for line in busy.complaints())


def test_the_page_needs_nobody_else(busy):
    answer = busy.gateway.ask_admin("/")
    policy = answer.fields["Content-Security-Policy"]
    page = answer.body.decode()
    for name, directive in (("script", "script-src"), ("style", "style-src")):
        content, = re.findall(f"<{name}>(.*?)</{name}>", page, re.S)
        named = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{named}';" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page) and not re.search(r"\son\w+=", page.partition("<script>")[0])
    asked = set(re.findall(r'"url":"(http[^"]*)"', " ".join(
        line["message"] for line in busy.driver.get_log("performance") if "Network.requestWillBeSent" in line["message"])))
    assert asked and all(url.startswith("http://127.0.0.1:") for url in asked), asked
    assert answer.fields["Content-Type"] == "text/html; charset=utf-8" and answer.fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name, width, dark", [
    ("desktop", 1280, False), ("desktop-dark", 1280, True), ("phone", 390, False), ("phone-dark", 390, True), ("small", 320, False)])
def test_it_fits_every_screen(busy, name, width, dark):
    busy.screenshot(name, width, dark)
    assert busy.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert contrast_too_low(busy.driver) == []


# WCAG 2.1, 1.4.3: 4.5 to 1 for texts of this size.
CONTRAST = """
const channels = color => color.match(/[\\d.]+/g).map(Number);
const luminance = color => {
  const [r, g, b] = channels(color).map(value => value / 255).map(value => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = element => {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor, parts = channels(color);
    if (parts.length === 3 || parts[3] > 0) return color;
  }
};
return [...document.querySelectorAll("h1, h2, dt, dd, td, th, p, li, label, span, button, a")].filter(element =>
  element.textContent.trim() && element.children.length === 0).map(element => {
    const [high, low] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => b - a);
    return [element.textContent, (high + .05) / (low + .05)];
  }).filter(([, ratio]) => ratio < 4.5);
"""


def contrast_too_low(driver):
    return driver.execute_script(CONTRAST)


def test_a_gateway_that_was_started_anew_is_not_compared_with_what_it_was(busy):
    busy.driver.execute_script("samples[samples.length - 1].status.uptime_s = 1e9")
    busy.wait_poll()
    assert busy.driver.execute_script("return samples.every(sample => sample.status.uptime_s < 1e9)")


def test_a_gateway_that_hangs_is_told(busy):
    busy.gateway.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: busy.text("state") == "no answer", "the page to notice")
    finally:
        busy.gateway.process.send_signal(signal.SIGCONT)
    wait_until(lambda: busy.text("state") != "no answer", "the page to notice that it is back")


def test_an_outage_of_the_gateway_is_told(busy):
    busy.gateway.terminate()
    busy.gateway.process.wait(DEADLINE)
    wait_until(lambda: busy.text("state") == "no answer", "the page to notice")
