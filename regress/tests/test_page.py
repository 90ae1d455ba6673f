"""report.html: one file that shows what the results say, whatever stands in them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from regress.history.store import Run, record
from regress.job import Job, Result, Verdict, job_folder
from regress.report.code.report import LINES, TOGGLES
from regress.report.page import FILE, write_page
from regress.report.page.bars import layer_bars
from regress.report.page.page import CLOSURE, CODE, FUNCTIONAL
from regress.report.page.source import annotated
from regress.report.page.trend import HEIGHT, sparkline

FACTS: dict[str, Any] = {"suite": "ci", "seed": 1, "wall_seconds": 61.0, "groups": []}
LAYER = {
    "name": "conv1", "cycles": 100, "compute_cycles": 60, "stalls": {"read": 30, "write": 0, "dependency": 5},
    "equal": True, "utilisation": 0.5,
}  # fmt: skip
GROUP = {
    "name": "systolic / convolution / sign", "jobs": ["a/b"], "repeat": "again --item 3",
    "signatures": [{"variant": "systolic", "operator": "convolution", "kind": "sign", "count": 2}],
    "first": {
        "kind": "sign", "text": "wrong <b>here</b>", "layer": "conv1", "operator": "convolution 3x3",
        "coordinate": [0, 1, 2, 3], "expected": 5, "got": -5, "cycle": 12345, "writer": "instruction 7",
    },
    "again": {"ending": "fails alone", "save": "build/x.gtkw"},
}  # fmt: skip


class Text(HTMLParser):
    """The words of a page, and whether its elements are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "polyline":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)


def result(name: str = "a/b", verdict: Verdict = Verdict.PASS, message: str = "", **details: Any) -> Result:
    job = Job(name, "a", "m:f", "systolic", "tiny", "icarus", 0, (5,), 60.0)
    return Result(
        name, verdict, message, 2.0, "", "the line" if verdict is Verdict.FAIL else "", asdict(job), details
    )


def page(folder: Path, *results: Result, **facts: Any) -> str:
    text = write_page(folder, {**FACTS, **facts}, results).read_text()
    parsed = Text(text)
    assert not parsed.open and list(folder.glob(f".{FILE}*")) == []
    return text


def words(text: str) -> str:
    return " ".join(" ".join(Text(text).words).split())


def test_a_green_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = page(tmp_path, result(cycles=1000, wall_seconds=2.0, checked=77))
    assert "all 1 jobs passed" in words(text) and "Failures" not in words(text)
    assert "1,000" in text and ">500<" in text
    assert re.findall(r"(?:src|href)=\"(?!#|data:|jobs/)", text) == []
    assert "http" not in text


def test_a_group_tells_where_and_how_to_repeat(tmp_path: Path) -> None:
    text = page(tmp_path, result(verdict=Verdict.FAIL, message="wrong"), groups=[GROUP])
    told = words(text)
    assert "1 of 1 jobs did not pass" in told and "wrong <b>here</b>" in told
    for part in (
        "conv1 (convolution 3x3)",
        "0, 1, 2, 3",
        "5, -5",
        "12,345",
        "instruction 7",
        "gtkwave build/x.gtkw",
        "again --item 3",
    ):
        assert part in told
    assert "the line" in told


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({}, False),
        ({"worker": "hostA tcp://x:1"}, True),
        ({"worker": "hostA tcp://x:1", "attempts": 2}, True),
    ],
)
def test_a_job_of_a_cluster_tells_its_worker(details: dict[str, Any], told: bool, tmp_path: Path) -> None:
    text = words(page(tmp_path, result(**details)))
    assert ("on hostA tcp://x:1" in text) is told
    assert ("on hostA tcp://x:1, attempt 2" in text) is ("attempts" in details)


def test_what_stands_in_a_message_is_text(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    record(Run("past", 1.0, "ci", 1, True, evil, 1.0, 0), [result(evil)])
    text = page(tmp_path, result(verdict=Verdict.FAIL, message=evil))
    assert text.count("<script") == 2 and "alert(1)" in words(text)


def test_layers_are_bars(tmp_path: Path) -> None:
    text = page(
        tmp_path,
        result(layers=[LAYER, {**LAYER, "name": "conv2", "cycles": 50, "equal": False}], cycles=150, fps=9.5),
    )
    assert "9.5 images/s" in words(text)
    assert 'class="layer wrong">conv2' in text and "width:50.00%" in text


def test_parts_of_a_bar_are_all_of_it() -> None:
    (bar,) = layer_bars([LAYER])
    assert [(part["kind"], part["cycles"]) for part in bar["parts"]] == [
        ("compute", 60), ("read", 30), ("dependency", 5), ("other", 5),
    ]  # fmt: skip
    assert sum(part["share"] for part in bar["parts"]) == pytest.approx(100)
    (waiting,) = layer_bars([{**LAYER, "stalls": {"read": 0, "write": 0, "dependency": 300}}])
    assert sum(part["share"] for part in waiting["parts"]) == pytest.approx(100)


def test_coverage_is_shown_with_the_source(tmp_path: Path) -> None:
    cross = {
        "variant": "systolic",
        "name": "layer",
        "axes": ["kernel", "stride"],
        "bins": 4,
        "hit": 3,
        "excluded": 1,
        "missing": [["3x3", "2"]],
    }
    counts = {"hit": 2, "all": 3}
    report = result(
        CODE, files={"rtl/lib/fifo.py": {"line": counts, "branch": counts, "missed": ["9 line block"]}}
    )
    folder = job_folder(tmp_path, CODE)
    folder.mkdir(parents=True)
    (folder / LINES).write_text(
        json.dumps({"rtl/lib/fifo.py": {"1": {"line": 4, "missed": []}, "2": {"line": 0, "missed": []}}})
    )
    text = page(tmp_path, result(FUNCTIONAL, crosses=[cross]), report)
    told = words(text)
    assert "75.0%" in told and "3x3, 2" in told and "2/3 lines" in told
    assert text.count('class="line hit"') == 1 and text.count('class="line missed"') == 1


def test_closure_has_a_row_for_each_entry_and_an_item_for_a_missing_bin(tmp_path: Path) -> None:
    entry = {
        "name": "random_layers", "goal": "every layer is right", "jobs": 4, "ran": 3, "passed": 2, "checked": 1234,
        "covers": ["layer"], "bins": 4, "hit": 3,
    }  # fmt: skip
    missing = {
        "variant": "systolic", "cross": "layer", "bin": ["3x3", "2"], "item": "random_layers/x/740",
        "text": "convolution on 14x14x2",
    }  # fmt: skip
    cross = {
        "variant": "systolic", "name": "layer", "axes": ["kernel", "stride"], "bins": 4, "hit": 3, "excluded": 0,
        "missing": [["3x3", "2"]],
    }  # fmt: skip
    ranking = {"items": 9, "of": 154, "file": "ranking.json"}
    report = result(CLOSURE, entries=[entry], missing=[missing], ranking=ranking)
    told = words(page(tmp_path, result(FUNCTIONAL, crosses=[cross]), report))
    for part in (
        *("every layer is right", "4 (1 skipped)", "67%", "1,234", "3 of 4", "9 of 154 random items"),
        *("3x3, 2 random_layers/x/740: convolution on 14x14x2", "the 1 bins that are missing"),
    ):
        assert part in told


def test_signals_that_do_not_toggle_are_listed_the_widest_first(tmp_path: Path) -> None:
    counts = {"hit": 2, "all": 3}
    file = {"line": counts, "branch": counts, "toggle": {"hit": 1, "all": 4}, "missed": []}
    signals = [
        {"name": f"fifo.{name}", "line": 7, "bits": bits, "toggled": 1, "missed": "7:4 never rise"}
        for name, bits in (("narrow", 2), ("wide", 8))
    ]
    folder = job_folder(tmp_path, CODE)
    folder.mkdir(parents=True)
    (folder / TOGGLES).write_text(json.dumps({"rtl/lib/fifo.py": signals}))
    told = words(page(tmp_path, result(CODE, files={"rtl/lib/fifo.py": file})))
    assert "25.0% of toggles" in told and "7:4 never rise" in told
    assert told.index("fifo.wide") < told.index("fifo.narrow")


def test_lines_say_whether_they_were_reached(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a\nb\nc\nd\n")
    counts = {
        "1": {"line": 3, "missed": []},
        "2": {"line": 0, "missed": []},
        "3": {"line": 3, "missed": ["else"]},
    }
    assert [line["style"] for line in annotated(tmp_path / "x.py", counts)] == ["hit", "missed", "partly", ""]
    assert annotated(tmp_path / "gone.py", counts) == []


def test_past_runs_are_drawn_and_can_be_compared(tmp_path: Path) -> None:
    for number in (1, 2):
        run = Run(f"run{number}", number, "ci", 1, True, "abc", 1.0, 0)
        record(run, [result(cycles=1000 * number, wall_seconds=2.0)])
    text = page(tmp_path, result())
    assert text.count("<polyline") == 3 and "2,000" in words(text)
    found = re.search(r'id="past">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    assert [run["jobs"]["a/b"][2] for run in json.loads(found[1])] == [1000, 2000]


def test_a_sparkline_goes_from_left_to_right_and_up() -> None:
    points = [tuple(map(float, point.split(","))) for point in sparkline([1.0, 3.0, 2.0]).split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[1][1] < points[2][1] < points[0][1]
    assert sparkline([5.0, 5.0]).endswith(f",{HEIGHT / 2:.1f}")
