"""The report in real headless Chromium: every page of the demo's own sweep, the sent file without a network, and
hostile text everywhere.

Skipped where Playwright or Chromium (Debian: ``apt install chromium``) is missing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ftbench.cost.ownership import SECONDS_PER_MONTH, Load
from ftbench.report.draw import ownership
from ftbench.report.send.page import html
from ftbench.report.view.compared_costs import choices_of, stated
from ftbench.report.view.decision import COST, decisions
from ftbench.report.view.ownership import owned
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.store.store import Store
from tests.analysis.conftest import Matrix
from tests.conftest import ROOT
from tests.report.test_send import STORED, hostile_matrix

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright for Python")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")]


@pytest.fixture(scope="module")
def folder(built_once) -> Path:
    """What ``make demo`` runs; about a minute and a half."""
    words = ("-m", "+recipes=demo", "hydra.sweep.dir=sweep")

    def run(place: Path) -> None:
        known = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "ftbench", *words]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=known, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return built_once("demo", run) / "sweep"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    patch = pytest.MonkeyPatch()
    hostile_matrix(Matrix(Store(place / "store")), place / "sweep", patch)
    patch.undo()
    return place / "sweep"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Watched:
    """A page that remembers what must not happen: errors, dialogs, requests that leave the machine."""

    def __init__(self, browser, **options) -> None:
        self.wrong: list[str] = []
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000}, **options)
        self.context.route("**/*", self._route)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on(
            "console",
            lambda message: self.wrong.append(f"console: {message.text}") if message.type == "error" else None,
        )
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _route(self, route) -> None:
        url = route.request.url
        if url.startswith(("http://localhost:", "http://127.0.0.1:", "file:", "data:", "blob:")):
            route.continue_()
        else:
            self.wrong.append(f"request: {url}")
            route.abort()

    def inert(self) -> None:
        assert self.page.evaluate("typeof window.pwned") == "undefined"
        assert (
            self.page.locator(
                ".ft iframe, .ft form, .ft img, .ft script, .ft style, .ft link, .ft base, .ft object, .ft math,"
                " [onerror], [onmouseover], [onload], a[href^='javascript']"
            ).count()
            == 0
        )
        assert not self.wrong


@pytest.fixture
def watched(browser):
    found = Watched(browser)
    yield found
    found.context.close()
    assert not found.wrong


def _served(folder: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "ftbench", "report", str(folder), "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://localhost:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, "the app ended"
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def address(folder):
    yield from _served(folder)


@pytest.fixture(scope="module")
def hostile_address(hostile):
    yield from _served(hostile)


def test_decision_filters_constrains_and_leads_to_the_cell(watched, address) -> None:
    page = watched.page
    page.goto(address)
    page.wait_for_selector(".ft-say")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("method", exact=True).click()
    page.get_by_role("option", name="none", exact=True).click()
    page.get_by_text("5 hidden by the filters").wait_for()
    page.goto(address)
    page.wait_for_selector(".ft-say")
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"]'
    )  # a page still being drawn swallows a slider's key
    page.get_by_role("button", name="Constraints").click()
    slider, broken = page.get_by_role("slider", name="p95 latency at most, ms"), page.get_by_text("breaks:").first
    for _ in range(5):  # a slider that is drawn anew at this moment swallows the key
        slider.focus()
        page.keyboard.press("Home")
        with contextlib.suppress(playwright.TimeoutError):
            broken.wait_for(timeout=8000)
            break
    broken.wait_for()
    page.keyboard.press("Escape")
    page.locator("svg.ft-wide-chart a[data-cell] .ft-point").last.click()  # drawn last, so that none lies over it
    page.get_by_role("heading", name="What it cost").wait_for()
    assert "cell=" in page.url


def test_sliders_rank_by_total_cost_and_move_the_break_even_marks(watched, address, folder) -> None:
    """After each move the ranked table, the sentence on top and the marks are those that ``ftbench.report`` tells for
    that load.
    """
    page, ranked = watched.page, table([open_sweep(folder)])
    page.goto(address)
    page.get_by_text("over 12 months at 20,000,000 requests a month").first.wait_for()
    page.get_by_label("Ranking ordered by").click()
    page.get_by_role("option", name="cost", exact=True).click()
    page.get_by_text("by cost", exact=True).wait_for()
    own = stated(ranked)
    times = round(own.peak_per_request * SECONDS_PER_MONTH, 1)
    seen = [_shows(page, ranked, own)]
    for name, key, load in (
        ("Requests a month", "End", Load(12.0, 5e8, times * 5e8 / SECONDS_PER_MONTH, 0.0)),
        ("Months", "End", Load(48.0, 5e8, times * 5e8 / SECONDS_PER_MONTH, 0.0)),
        ("Peak load", "Home", Load(48.0, 5e8, 5e8 / SECONDS_PER_MONTH, 0.0)),
    ):
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press(key)
        seen.append(_shows(page, ranked, load))
    assert len(set(seen)) == len(seen)
    page.get_by_label("Cost means").click()
    page.get_by_role("option", name="1,000 requests as measured").click()
    page.get_by_text("per 1,000 requests, log scale").first.wait_for()
    assert page.get_by_role("slider", name="Months").count() == 0


def _shows(page, ranked, load) -> str:
    """Waits until the first page shows the family at a load, cheapest first, and returns the totals."""
    (one,) = decisions(ranked, load=load, order=COST)
    totals = [group.cost for group in one.groups]
    assert totals == sorted(totals) and len(totals) == 8
    drawn = re.search(
        r"<svg[^>]*ft-wide-chart.*?</svg>", ownership.chart(owned(one, choices_of(ranked), load), {})
    ).group()
    marks = re.findall(r'x1="([\d.]+)"[^>]*class="ft-mark"', drawn)
    names, costs = [line.row.label for line in one.cells], [line.cost_text for line in one.cells]
    wanted = {"names": names, "totals": costs, "marks": marks, "say": one.headline.sentence}
    page.wait_for_function(
        """(wanted) => {
          const texts = (query) => [...document.querySelectorAll(query)].map((part) => part.textContent.trim());
          const own = (root) => [...root.querySelectorAll('svg.ft-wide-chart .ft-mark')];
          const inner = (root) => [...root.querySelectorAll('*')].filter((part) => part.shadowRoot);
          const marks = (root) => own(root).map((part) => part.getAttribute('x1'))
            .concat(...inner(root).map((part) => marks(part.shadowRoot)));
          const seen = {
            names: texts('.ft-rank .ft-name'),
            totals: texts('.ft-rank [data-name^=total]'),
            marks: marks(document),
            say: texts('.ft-say')[0],
          };
          return JSON.stringify(seen) === JSON.stringify(wanted);
        }""",
        arg=wanted,
    )
    return ",".join(wanted["totals"])


def test_cell_shows_curve_findings_masked_example_and_command(watched, address, folder) -> None:
    sweep = open_sweep(folder)
    cell = next(cell for cell, row in sweep.rows.items() if row.trains)
    page = watched.page
    page.goto(f"{address}/?page=cell&cell={cell}")
    page.get_by_text("python -m ftbench -m").first.wait_for()
    assert f"method={sweep.cells[cell]['choices']['method']}" in page.locator(".ft-code").first.inner_text()
    page.get_by_text("One training row as the loss sees it").wait_for()
    page.locator("svg .ft-thin").first.wait_for()
    assert page.locator(".ft-masked .ft-on").count() > 0


def test_outputs_choose_two_cells_find_one_example_and_link_to_it(watched, address, folder) -> None:
    sweep = open_sweep(folder)
    cells = list(sweep.rows)
    page = watched.page
    page.goto(f"{address}/?page=outputs&cells={cells[0]},{cells[-1]}")
    page.locator("article").first.wait_for()
    assert page.locator("article").first.locator(".ft-answer").count() == 2
    page.get_by_label("Search").fill("test-0007")
    page.keyboard.press("Enter")
    page.get_by_text("1 example", exact=True).wait_for()
    page.locator("article a", has_text="test-0007").click()
    page.get_by_role("button", name="All examples").wait_for()
    assert page.locator("article").count() == 1
    assert "example=test-0007" in page.url
    assert page.locator("article").get_attribute("data-example") == "test-0007"


def test_statistics_plan_and_review(watched, address) -> None:
    page = watched.page
    page.goto(f"{address}/?page=statistics")
    for words in ("Comparisons", "Seeds apart from sampling", "Do the metrics agree?"):
        page.get_by_role("heading", name=words, exact=True).wait_for()
    page.get_by_text("longest").first.wait_for()
    page.goto(f"{address}/?page=plan")
    page.locator("svg .ft-node").first.wait_for()
    assert page.locator("svg .ft-done").count() > 10
    page.goto(f"{address}/?page=review")
    page.get_by_text("Nobody has reviewed these answers yet.").wait_for()


@pytest.fixture(scope="module")
def files(folder, hostile, tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("sent")
    found = {"real": place / "real.html", "hostile": place / "hostile.html"}
    found["real"].write_text(html([open_sweep(folder)], 24), encoding="utf-8")
    found["hostile"].write_text(html([open_sweep(hostile)], len(STORED)), encoding="utf-8")
    return found


def test_the_sent_file_works_from_disk_with_the_network_cut(browser, files) -> None:
    watched = Watched(browser, offline=True)
    page = watched.page
    page.goto(files["real"].as_uri())
    shown = page.locator(".ft-metric:visible")
    assert shown.count() == 1 and shown.get_attribute("data-metric") == "bleu"
    page.select_option("#ft-metric", label="exact_match")
    assert page.locator(".ft-metric:visible").get_attribute("data-metric") == "exact_match"
    rows = page.locator(".ft-metric:visible .ft-rank details")
    cost, kept = "(rows) => rows.map((row) => Number(row.dataset.cost))", "(rows) => rows.map((row) => row.id)"
    by_rank = rows.evaluate_all(kept)
    page.locator(".ft-metric:visible [data-sort=cost]").click()
    assert rows.evaluate_all(cost) == sorted(rows.evaluate_all(cost)) and rows.evaluate_all(kept) != by_rank
    page.locator(".ft-metric:visible [data-sort=rank]").press("Enter")
    assert rows.evaluate_all(kept) == by_rank
    page.fill("#ft-cells", "lora")
    assert page.locator(".ft-metric:visible .ft-rank details:visible").count() == 3
    page.fill("#ft-search", page.locator("article .ft-id a").nth(7).text_content())
    assert page.locator("article:visible").count() == 1
    page.fill("#ft-search", "")
    page.select_option("#ft-marks", "reference")
    assert page.locator("article ins").count() > 0
    page.select_option("#ft-order", "gain")
    page.select_option("#ft-kind", "win")
    counted = page.locator("#ft-shown").text_content()
    assert counted == f"{page.locator('article:visible').count()} of 24 examples"
    page.select_option("#ft-metric", label="bleu")
    page.locator(
        ".ft-metric:visible svg.ft-wide-chart a[data-cell] .ft-point"
    ).last.click()  # drawn last: no other point lies over it
    page.locator(
        ".ft-metric:visible .ft-rank details[open]"
    ).first.wait_for()  # the address changes first, then the page hears of it
    assert page.locator(".ft-metric:visible .ft-rank details[open]").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    watched.context.close()
    assert not watched.wrong


def test_the_sent_file_reads_with_scripts_off_on_a_phone_and_prints(browser, files) -> None:
    watched = Watched(browser, offline=True, java_script_enabled=False)
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(files["real"].as_uri())
    assert page.locator(".ft-metric:visible").count() == 1
    assert page.locator("article:visible").count() == 24
    assert page.locator("svg.ft-narrow:visible").count() == 2
    assert not page.locator(".ft-tools:visible").count()
    page.get_by_role("heading", name="Comparisons", exact=True).wait_for()
    assert page.pdf()[:5] == b"%PDF-"
    watched.context.close()
    assert not watched.wrong


def test_hostile_text_is_inert_in_the_sent_file(browser, files) -> None:
    watched = Watched(browser, offline=True)
    page = watched.page
    page.goto(files["hostile"].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    page.select_option("#ft-marks", "reference")
    page.select_option("#ft-only", "every")
    page.mouse.move(400, 400)
    assert page.locator("article:visible").count() == len(STORED)
    assert page.evaluate("document.scripts.length") == 1
    watched.inert()
    watched.context.close()


def test_hostile_text_is_inert_on_every_page_of_the_app(watched, hostile_address, hostile) -> None:
    page = watched.page
    cells = list(open_sweep(hostile).rows)
    for place, ready in (
        ("", ".ft-say"),
        (f"?page=cell&cell={cells[0]}", ".ft-code"),
        (f"?page=cell&cell={cells[-1]}", ".ft-code"),
        (f"?page=outputs&cells={','.join(cells[:3])}", "article"),
        ("?page=statistics", ".ft-heat"),
        ("?page=plan", ".ft-node"),
        ("?page=review", ".ft-empty"),
    ):
        page.goto(f"{hostile_address}/{place}")
        page.locator(ready).first.wait_for(state="attached")
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
        watched.inert()
    page.goto(f"{hostile_address}/?page=outputs&cells={','.join(cells[:2])}")
    page.locator("article a").first.click()
    page.get_by_role("button", name="All examples").wait_for()
    watched.inert()
