"""Journeys: people in real browsers, in a house that is started once for all of them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

import dev
from marketplace.dev.demo.cast import PASSWORD
from tests.journeys.house import House, open_house

HERE = Path(__file__).parent
# Chromium asks its maker for updates and lists unless it is told not to; nothing may leave this machine.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
)
DESK = {"width": 1280, "height": 800}
PATIENCE = 20_000  # ms; two processors may be shared by everything else that runs.
LONGEST = 240.0  # Seconds, of one journey.


@pytest.hookimpl(tryfirst=True)  # Before the tests are shared out by group.
def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("journey")
            item.add_marker("own_database")
            item.add_marker(pytest.mark.xdist_group("journeys"))  # One worker, and so one house.


@pytest.fixture(scope="package")
def house(fresh_database, tmp_path_factory) -> Iterator[House]:
    with open_house(fresh_database(), tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, dev.BROWSERS)), None)
    if program is None:
        if os.environ.get("SECOND_LIGHT_REQUIRE_BROWSER") == "1":
            pytest.fail("No Chromium was found, and the browser tests are required.")
        pytest.skip("No Chromium was found: the browser tests are skipped.")
    # As root there is no sandbox to be had.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=[*QUIET, *sandbox])
        yield chromium
        with no_longer_than(60):
            chromium.close()


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """
    End the program that drives the browser when what is done inside takes longer: whoever waits for it is told.

    Much of what is asked of a browser waits without a bound: a script on a page, how many there are of something, closing.
    """
    limit = Timer(seconds, end_driver)
    limit.daemon = True
    limit.start()
    try:
        yield
    finally:
        limit.cancel()


def end_driver() -> None:
    """Kill the program of ours through which playwright speaks to the browser; the browser ends with it."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, timeout=30, check=True
    )
    for pid, parent, command in (line.split(maxsplit=2) for line in listed.stdout.splitlines()):
        if int(parent) == os.getpid() and "playwright" in command:
            os.kill(int(pid), signal.SIGKILL)


@pytest.fixture(autouse=True)
def bounded(browser: Browser) -> Iterator[None]:
    """A browser that never answers fails one journey, and those after it; the run goes on."""
    with no_longer_than(LONGEST):
        yield


class Watch:
    """What a page must never do: speak up in the console, break the policy, ask a foreign host, miss a file."""

    def __init__(self, house: House) -> None:
        self._own = {urlsplit(house.address).netloc, urlsplit(house.stripe.base_url).netloc}
        self.complaints: list[str] = []
        self._looks = True

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """Let a tool of ours do what no page of ours may."""
        self._looks = False
        yield
        self._looks = True

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("response", self._answered)
        context.on("weberror", lambda error: self._note(f"script: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))

    def _note(self, complaint: str) -> None:
        if self._looks:
            self.complaints.append(complaint)

    def _said(self, message: ConsoleMessage) -> None:
        # The browser also writes down every page that answers with a refusal; `_answered` looks at the rest of those.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self._note(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500 or (response.status >= 400 and not response.request.is_navigation_request()):
            self._note(f"{response.status}: {response.url}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc not in self._own:
            self._note(f"foreign host: {url}")


@pytest.fixture
def watch(house: House) -> Iterator[Watch]:
    watching = Watch(house)
    yield watching
    assert watching.complaints == [], "\n".join(watching.complaints)


@pytest.fixture
def enter(house: House, browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """A function that gives somebody a browser of their own, signed in, and returns its page."""
    contexts = []

    def open_browser(name: str | None = None, *, sign_in: bool = True, **settings) -> Page:
        settings = {"viewport": DESK, "reduced_motion": "reduce", **settings}
        context = browser.new_context(base_url=house.address, **settings)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watch.over(context)
        page = context.new_page()
        if name is not None and sign_in:
            page.goto("/sign-in")
            sign_in_as(page, house.email(name))
        return page

    yield open_browser
    for context in contexts:
        context.close()


def sign_in_as(page: Page, email: str) -> None:
    """Fill in the sign-in form that the page shows, and send it."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
