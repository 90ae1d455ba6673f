"""Failures of one cause are one group; its first one is run again, alone and with waves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from compiler.errors import BadData
from regress import regression
from regress.job import Job, Result, Verdict
from regress.plan import Selection, of_item
from regress.regression import repeat_line
from regress.report.results import write_results
from regress.simulators import find
from regress.simulators.cache import ROOT
from regress.testplan import Known, PlanError, load_testplan
from regress.triage import show
from regress.triage.groups import grouped
from regress.triage.known import gone, judged
from regress.triage.rerun import AFTER, BEFORE, MOST, Ending, narrowed, rerun, saved, with_waves
from regress.triage.signature import failures
from regress.waves.fst import Wave
from regress.waves.labels import Labels
from tb.finding import Finding, Kind, to_plain
from tb.systolic.random_layers import run
from tb.tracks import LAYER_SHIFT, TILE_SHIFT

WRONG = Finding(
    Kind.OFF_BY_ONE, "conv1: expected 1, got 2", "conv1", "convolution 3x3", "conv1", (0, 1, 2, 3), 1, 2,
    0x40, 5000, "instruction 7", 1, 100,
)  # fmt: skip
HANG = Finding(Kind.HANG, "no interrupt", "fc", "fully connected", cycle=9000)


def job(name: str = "random", variant: str = "systolic", **changes: Any) -> Job:
    fields: dict[str, Any] = {
        "test": name,
        "function": "m:f",
        "config": "tiny",
        "simulator": "fake",
        "first": 0,
    }
    return Job(
        **{"name": name, "variant": variant, "seeds": (5, 6, 7), "timeout_seconds": 9.0, **fields, **changes}
    )


def failed(*findings: Finding, of: Job | None = None, verdict: Verdict = Verdict.FAIL) -> Result:
    made = of or job()
    details = {"findings": [to_plain(finding) for finding in findings]}
    return Result(
        made.name, verdict, "message", 1.0, job=json.loads(json.dumps(asdict(made))), details=details
    )


def test_only_the_first_finding_of_an_item_counts() -> None:
    first, second = replace(WRONG, item=0), replace(WRONG, item=1, kind=Kind.SIGN)
    counter = replace(HANG, item=0, kind=Kind.COUNTER)
    assert [each.finding for each in failures(failed(first, counter, second))] == [first, second]


def test_what_was_not_run_for_others_is_left_out() -> None:
    not_run = Finding(Kind.NOT_RUN, "not run", request="later")
    assert [each.finding for each in failures(failed(WRONG, not_run))] == [WRONG]
    assert [each.finding for each in failures(failed(not_run))] == [not_run]


def test_a_result_without_findings_is_told_by_its_message() -> None:
    (broken,) = failures(failed(verdict=Verdict.BROKEN))
    assert (broken.finding.kind, str(broken.finding)) == (Kind.BROKEN, "message")
    (check,) = failures(failed())
    assert check.finding.kind is Kind.CHECK


def test_a_kernel_s_size_is_no_part_of_the_signature() -> None:
    (failure,) = failures(failed(WRONG))
    assert str(failure.signature) == "systolic / convolution / off by one"


def other(finding: Finding, **changes: Any) -> Finding:
    return replace(finding, **changes)


@pytest.mark.parametrize(
    ("findings", "sizes"),
    [
        ((WRONG, other(WRONG, item=1)), [2]),
        ((WRONG, other(WRONG, item=1, kind=Kind.SIGN)), [2]),  # the operator links them
        ((WRONG, other(WRONG, item=1, operator="add")), [2]),  # the kind does
        ((WRONG, other(HANG, item=1)), [1, 1]),  # nothing does
        ((WRONG, other(HANG, item=1), other(HANG, item=2, operator="convolution 1x1")), [3]),
    ],
)
def test_failures_that_share_operator_or_kind_are_one_group(
    findings: Sequence[Finding], sizes: list[int]
) -> None:
    assert [len(group.members) for group in grouped([failed(*findings)])] == sizes


def test_variants_are_kept_apart() -> None:
    first, second = grouped([failed(WRONG), failed(WRONG, of=job("x", "bcnn"))])
    assert {first.name, second.name} == {
        "systolic / convolution / off by one",
        "bcnn / convolution / off by one",
    }


def test_the_first_of_a_group_is_located() -> None:
    (group,) = grouped([failed(other(WRONG, cycle=None, coordinate=()), other(WRONG, item=3), of=job("a"))])
    assert group.first.finding.item == 3


def test_reports_are_not_counted_beside_tests() -> None:
    report = failed(of=job("report/coverage", ""))
    assert [group.jobs for group in grouped([failed(WRONG), report])] == [("random",)]
    assert [group.jobs for group in grouped([report])] == [("report/coverage",)]
    assert grouped([Result("a", Verdict.STOPPED, "", 0.0), Result("b", Verdict.PASS, "", 0.0)]) == []


class Bench:
    """Performs jobs: `fails` says which fail, and how."""

    def __init__(self, *findings: Finding | None) -> None:
        self.answers, self.jobs = list(findings), list[Job]()

    def perform(self, jobs: Sequence[Job]) -> list[Result]:
        self.jobs += jobs
        answers = [self.answers.pop(0) for _ in jobs]
        return [
            failed(answer, of=one) if answer else Result(one.name, Verdict.PASS, "", 1.0)
            for one, answer in zip(jobs, answers, strict=True)
        ]


def test_an_item_is_run_again_alone_and_with_waves_around_its_own_cycle() -> None:
    alone = other(WRONG, item=2, cycle=3000)
    bench = Bench(alone, alone)
    (again,) = rerun(grouped([failed(other(WRONG, item=2))]), bench.perform)
    assert (again.ending, again.finding) == (Ending.ALONE, alone)
    plain, traced = bench.jobs
    assert (plain.first, plain.seeds, plain.trace) == (2, (7,), False)
    assert (traced.first, traced.seeds, traced.trace) == (2, (7,), True)
    assert traced.options["window"] == [3000 - BEFORE, 3000 + AFTER]


def test_what_passes_alone_depends_on_state() -> None:
    bench = Bench(None, other(WRONG, item=2), other(WRONG, item=2))
    (again,) = rerun(grouped([failed(other(WRONG, item=2))]), bench.perform)
    assert again.ending is Ending.STATE
    assert [len(one.seeds) for one in bench.jobs] == [1, 3, 3]


def test_what_does_not_fail_again_is_told() -> None:
    (again,) = rerun(grouped([failed(other(WRONG, item=2))]), Bench(None, None).perform)
    assert (again.ending, again.wave) == (Ending.GONE, "")


def test_only_so_many_groups_are_run_again() -> None:
    results = [failed(WRONG, of=job(f"j{number}", f"v{number}")) for number in range(MOST + 2)]
    bench = Bench(*[WRONG] * 2 * MOST)
    endings = [again.ending for again in rerun(grouped(results), bench.perform)]
    assert endings == [Ending.ALONE] * MOST + [Ending.NOT_RUN] * 2


def test_of_a_network_the_layer_is_run_alone_unless_it_is_a_pipeline() -> None:
    network = job(options={"network": "n"}, seeds=(1,))
    assert narrowed(network, WRONG).options["layers"] == "conv1"
    assert narrowed(replace(network, variant="bcnn"), WRONG).options == {"network": "n"}
    assert narrowed(network, other(WRONG, layer="")).options == {"network": "n"}


def test_without_a_cycle_all_is_recorded() -> None:
    assert with_waves(job(), other(WRONG, cycle=None)).options["window"] == []


def test_a_wave_that_was_not_written_is_not_named(tmp_path: Path) -> None:
    result = failed(WRONG)
    assert saved(result, WRONG) == ("", "")
    assert saved(replace(result, details={"trace": str(tmp_path / "no.fst")}), WRONG) == ("", "")


def repeat(one: Job, item: int | None) -> str:
    return repeat_line(Selection("ci", seed=3, item=item, trace=True), one)


def test_groups_are_told_with_a_line_that_repeats_the_first() -> None:
    groups = grouped([failed(other(WRONG, item=2), other(WRONG, item=0, cycle=None))])
    reruns = rerun(groups, Bench(other(WRONG, item=2), WRONG).perform)
    told = list(show.lines(groups, reruns, repeat))
    assert told[0] == "group 1: systolic / convolution / off by one (failures: 2, jobs: 1)"
    assert told[1:3] == [f"    {WRONG}", "    fails alone"]
    assert told[3].endswith("assay regress --suite ci --seed 3 --test random --item 2 --waves")
    (data,) = show.as_data(groups, reruns, repeat)
    assert json.loads(json.dumps(data))["first"]["coordinate"] == [0, 1, 2, 3]
    assert data["signatures"] == [
        {"variant": "systolic", "operator": "convolution", "kind": "off by one", "count": 2}
    ]


def test_one_item_of_a_job_is_chosen() -> None:
    first, second = job("a"), job("b", first=3)
    (found,) = of_item([first, second], 4)
    assert (found.name, found.first, found.seeds) == ("b", 4, (6,))
    with pytest.raises(PlanError, match="item 9"):
        of_item([first, second], 9)


LATER, EARLIER = date(2099, 1, 31), date(2020, 1, 31)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.KNOWN),
        ({"kind": "off *", "text": "expected 1"}, Verdict.KNOWN),
        ({"kind": "sign"}, Verdict.FAIL),
        ({"job": "other*"}, Verdict.FAIL),
        ({"text": "expected 9"}, Verdict.FAIL),
        ({"expires": EARLIER}, Verdict.FAIL),
    ],
)
def test_a_known_failure_is_one_until_its_day(changes: dict[str, Any], verdict: Verdict) -> None:
    entry = Known(**{"id": "K1", "job": "rand*", "reason": "slow adder", "expires": LATER, **changes})
    result = judged(failed(WRONG), [entry], date(2026, 1, 1))
    assert result.verdict is verdict
    assert ("expired on 2020-01-31" in result.message) == ("expires" in changes)
    assert result.bad == (verdict is Verdict.FAIL)


def test_what_is_not_known_beside_what_is_fails() -> None:
    entry = Known("K1", "rand*", "r", LATER, kind="off by one")
    result = judged(failed(WRONG, other(HANG, item=1)), [entry], date(2026, 1, 1))
    assert result.verdict is Verdict.FAIL


def test_a_known_failure_that_passes_is_told() -> None:
    entry = Known("K1", "rand*", "r", LATER, file="testplan/x.toml")
    (line,) = gone([Result("random", Verdict.PASS, "", 1.0)], [entry])
    assert line == "known failure K1 does not fail any more: testplan/x.toml can do without it"
    assert list(gone([failed(WRONG)], [entry])) == list(gone([], [entry])) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('id = "K1"\njob = "a"\nreason = "r"', "expires"),
        ('id = "K1"\njob = "a"\nreason = "r"\nexpires = "soon"', "must be a date"),
        ('id = "K1"\njob = "a"\nreason = ""\nexpires = 2099-01-31', "no reason"),
    ],
)
def test_a_known_failure_needs_reason_and_day(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "x.toml").write_text(f"[[known]]\n{text}\n")
    with pytest.raises(PlanError, match=rule):
        load_testplan(tmp_path)


def test_what_failed_is_chosen_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "ROOT", tmp_path)
    with pytest.raises(BadData, match="no run before"):
        regression.failed_selection(False)
    folder = tmp_path / "build/regress/latest"
    folder.mkdir(parents=True)
    passed, report = Result("a", Verdict.PASS, "", 1.0), Result("report/x", Verdict.FAIL, "", 1.0)
    write_results(folder, {"suite": "smoke", "seed": 7}, [passed, report])
    with pytest.raises(BadData, match="no test failed"):
        regression.failed_selection(False)
    write_results(folder, {"suite": "smoke", "seed": 7}, [passed, failed(WRONG), report])
    chosen = regression.failed_selection(True)
    assert (chosen.suite, chosen.seed, chosen.names, chosen.trace) == ("smoke", 7, ("random",), True)
    assert not chosen.whole


def test_waves_of_a_failing_run_open_at_the_mismatch(tmp_path: Path) -> None:
    usable, reason = find("icarus").available()
    if not usable:
        pytest.skip(reason)
    details = run(
        variant="systolic", config="tiny", simulator="icarus", seeds=(3,), first=0, folder=tmp_path, trace=True,
        window=[100, 400],
    )  # fmt: skip
    made = job(function="tb.systolic.random_layers:run", seeds=(3,))
    result = replace(failed(of=made), details=details)
    finding = replace(WRONG, request="item0", cycle=250)
    wave, save = (ROOT / name for name in saved(result, finding))
    marker = next(line for line in save.read_text().splitlines() if line.startswith("*")).split()[1]
    assert int(marker) == Wave(wave).time(250)
    assert ".filter" in save.read_text()


def test_the_tile_of_a_wrong_value_is_its_instruction_and_what_the_write_holds() -> None:
    wrong = other(WRONG, writer="instruction 7", address=0x40, node="conv1")
    key = 2 << LAYER_SHIFT | 7 << TILE_SHIFT | 0x40
    words = Labels(tiles={7: "POST rows=4"}, elements={key: "conv1 (y 3, x 0, c 16 to 31)"}, layer=2)
    assert words.tile(wrong) == "instruction 7: POST rows=4, conv1 (y 3, x 0, c 16 to 31)"
    assert replace(words, tiles={}).tile(wrong) == "instruction 7: conv1 (y 3, x 0, c 16 to 31)"
    assert words.tile(other(wrong, node="pool1")) == "instruction 7: POST rows=4"
    assert replace(words, layer=None).tile(wrong) == words.tile(other(wrong, writer="")) == ""
