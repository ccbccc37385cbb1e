"""The HTML form in a real browser: keyboard only, closed half-way, reopened, finished, imported; and hostile
surroundings.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftbench.review.ledger import current, read_ledger
from tests.review.conftest import Sweep, new_sweep, truth

TUNED = "0000000002"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEYS = {"left": "ArrowLeft", "right": "ArrowRight", "tie": "t", "both bad": "b"}


@pytest.fixture(scope="module")
def playwright() -> Iterator:
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright for Python")
    if CHROMIUM is None:
        pytest.skip("needs the browser chromium (Debian: apt install chromium)")
    with api.sync_playwright() as started:
        yield started


def open_form(playwright, profile: Path, form: Path, **options):
    context = playwright.chromium.launch_persistent_context(
        str(profile),
        executable_path=CHROMIUM,
        args=["--no-sandbox", *options.pop("args", [])],
        accept_downloads=True,
        **options,
    )
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "blob:")) else page.errors.append(request.url),
    )
    page.goto(form.as_uri())
    return context, page


def judge(page, sweep: Sweep, items: list[str]) -> None:
    for item in items:
        page.keyboard.press(KEYS[truth(sweep.key, item, TUNED)])


@pytest.mark.slow
def test_by_keyboard_closed_half_way_reopened_finished_and_imported(playwright, tmp_path: Path) -> None:
    sweep = new_sweep(tmp_path)
    out = sweep.make(tmp_path / "out", "--n", "10", "--raters", "1")
    form = out / "rater-1.html"
    order = [
        entry["item"]
        for entry in json.loads(form.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0])["items"]
    ]
    context, page = open_form(playwright, tmp_path / "profile", form)
    judge(page, sweep, order[:4])
    page.keyboard.press("b")  # a slip, taken back
    page.keyboard.press("u")
    page.keyboard.press("c")
    page.keyboard.type("left or right? n")  # letters are text while a comment is written
    page.keyboard.press("Escape")
    assert page.locator("#count").inner_text() == f"4 of {len(order)}"
    assert not page.errors
    context.close()

    context, page = open_form(playwright, tmp_path / "profile", form)
    assert page.locator("#count").inner_text() == f"4 of {len(order)}" and page.locator(
        "#where"
    ).inner_text().startswith("Question 5 ")
    judge(page, sweep, order[4:])
    assert "All done" in page.locator("#status").inner_text()
    with page.expect_download() as download:
        page.keyboard.press("s")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert not page.errors
    context.close()

    assert saved.name == "rater-1-verdicts.json" and sweep.take(saved) == 0
    held = {(one.item, one.dimension): one.value for _, one in current(read_ledger(sweep.folder))}
    assert held == {(item, "overall"): truth(sweep.key, item, TUNED) for item in order} | {
        (order[4], "comment"): "left or right? n"
    }


@pytest.mark.slow
def test_without_storage_the_form_says_so_and_goes_on_from_a_saved_file(playwright, tmp_path: Path) -> None:
    sweep = new_sweep(tmp_path)
    form = sweep.make(tmp_path / "out", "--n", "8", "--raters", "1", "--mode", "rating") / "rater-1.html"
    context, page = open_form(playwright, tmp_path / "profile", form)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError');"
        " } });"
    )
    page.reload()
    assert "Save to a file before you close" in page.locator("#warning").inner_text()
    page.keyboard.type("54321")  # five dimensions, then the next item
    assert page.locator("#where").inner_text().startswith("Question 2 ")
    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    download.value.save_as(tmp_path / "saved.json")
    page.reload()
    assert page.locator("#count").inner_text().startswith("0 of")
    page.locator("#open").set_input_files(tmp_path / "saved.json")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('1 of')")
    assert sweep.take(tmp_path / "saved.json") == 0
    assert sorted(one.value for _, one in current(read_ledger(sweep.folder))) == list("12345")
    context.close()


@pytest.mark.slow
def test_hostile_text_stays_text(playwright, tmp_path: Path) -> None:
    hostile = (
        "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    )
    sweep = new_sweep(tmp_path, systems=("plain", "hostile"), texts={"hostile": hostile})
    form = sweep.make(tmp_path / "out", "--n", "4", "--raters", "1") / "rater-1.html"
    context, page = open_form(playwright, tmp_path / "profile", form)
    assert hostile in page.locator(".answers .text").all_inner_texts()
    assert page.title() != "owned" and page.locator("img, b").count() == 0 and not page.errors
    context.close()
