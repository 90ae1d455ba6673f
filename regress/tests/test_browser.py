"""report.html in headless Chromium: it loads without an error and without a network; filter, sorting, links and the
comparison work; nothing is wider than a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regress.history.store import Run, record
from regress.job import Result, Verdict
from regress.report.page import write_page
from regress.tests.test_page import FACTS, GROUP, LAYER, result

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE = {"width": 390, "height": 844}


def results() -> list[Result]:
    """Jobs of every kind, some of them with layers."""
    return [
        result("net/b", cycles=900, wall_seconds=3.0, layers=[LAYER, {**LAYER, "name": "conv2"}], checked=7),
        result("net/a", cycles=1000, wall_seconds=2.0, checked=70),
        result("random/c", Verdict.FAIL, "a long message " * 20, cycles=20_000, wall_seconds=1.0),
        result("random/d", Verdict.SKIP, "no models"),
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page, from a file, in a browser that is offline; it must not complain."""
    for number, cycles in ((1, 1000), (2, 1100)):
        listed = [result("net/a", cycles=cycles, wall_seconds=2.0), *results()[2:]]
        record(Run(f"run{number}", number, "ci", 1, True, "abc", 1.0, 0), listed)
    folder = tmp_path / "jobs/net.a"
    folder.mkdir(parents=True)
    (folder / "output.log").write_text("the log")
    path = write_page(tmp_path, {**FACTS, "groups": [GROUP]}, results())
    context = browser.new_context(offline=True)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert complaints == []
    context.close()


def shown(page: Any, selector: str = "tr.job") -> list[str]:
    """The first words of the rows that can be seen."""
    rows = page.locator(f"{selector}:visible")
    return [text.split()[0] for text in rows.all_inner_texts()]


def test_the_filter_leaves_what_holds_its_text(opened: Any) -> None:
    assert len(shown(opened)) == 4
    opened.fill("#filter", "NET/")
    assert shown(opened) == ["net/b", "net/a"]
    assert opened.inner_text("#shown") == "2 shown"
    opened.fill("#filter", "")
    opened.select_option("#verdict", "fail")
    assert shown(opened) == ["random/c"]


def test_columns_sort_by_number_and_by_name_both_ways(opened: Any) -> None:
    opened.click("#job-table th:nth-child(4)")
    assert shown(opened) == ["random/d", "net/b", "net/a", "random/c"]
    opened.click("#job-table th:nth-child(4)")
    assert shown(opened)[0] == "random/c"
    assert opened.get_attribute("#job-table th:nth-child(4)", "aria-sort") == "descending"
    opened.click("#job-table th:nth-child(1)")
    assert shown(opened) == ["net/a", "net/b", "random/c", "random/d"]


def test_links_lead_to_sections_and_logs(opened: Any) -> None:
    for link in opened.locator("nav a").all():
        target = link.get_attribute("href")
        assert opened.locator(target).count() == 1
    opened.click("text=net/a")
    assert opened.inner_text("body") == "the log"


def test_two_runs_are_compared(opened: Any) -> None:
    assert opened.inner_text("#differences") == "1 jobs differ in verdict or cycles"
    rows = opened.locator("#compare-table tbody tr").all_inner_texts()
    assert rows[0].split() == ["net/a", "pass", "pass", "1,000", "1,100", "2", "2"]
    opened.select_option("#run-a", "1")
    assert opened.inner_text("#differences") == "0 jobs differ in verdict or cycles"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(opened: Any, scheme: str) -> None:
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size(PHONE)
    assert opened.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    colours = opened.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(*colours) > 7


def contrast(first: str, second: str) -> float:
    """Of two colours `rgb(r, g, b)`, as the WCAG defines it."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
