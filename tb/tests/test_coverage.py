"""Functional coverage: two seeds make a bin, exclusions are limited and must be true, UCIS agrees."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import date
from pathlib import Path

import pytest

from tb.coverage import Coverage, Cross, Exclusion, Hit, exclusions, merge, write_ucis
from tb.systolic.coverage import CROSSES

SMALL = Cross("size", (("height", ("one", "two")), ("width", ("one", "two"))))
ALL = frozenset({1, 2})
LATER = date(2099, 1, 31)


def coverage(hit: dict[tuple[str, ...], frozenset[int]], *excluded: Exclusion) -> Coverage:
    return Coverage((SMALL,), {("size", values): seeds for values, seeds in hit.items()}, excluded)


def test_a_bin_needs_two_seeds() -> None:
    hit: dict[tuple[str, ...], frozenset[int]] = dict.fromkeys(
        [("one", "one"), ("one", "two"), ("two", "one")], ALL
    )
    found = coverage({**hit, ("two", "two"): frozenset({1})})
    assert found.missing(SMALL) == [("two", "two")]
    assert found.failures() == ["size: two, two: not hit by two seeds"]


def test_everything_hit_passes() -> None:
    assert coverage(dict.fromkeys(SMALL.bins, ALL)).failures() == []


def test_too_many_exclusions_fail() -> None:
    excluded = Exclusion("size", ("two", "*"), "no reason", LATER)
    assert any("2 of 4 bins are excluded" in line for line in coverage({}, excluded).failures())


def test_an_exclusion_that_was_hit_fails() -> None:
    found = coverage({("two", "one"): ALL}, Exclusion("size", ("two", "one"), "cannot happen", LATER))
    assert "size: two, one: excluded, but was hit" in found.failures()


def test_bins_of_one_seed_in_two_items_do_not_count() -> None:
    record = {"seed": 5, "bins": [["reset", "later"]]}
    assert len(merge("systolic", [record, record]).seeds["reset", ("later",)]) == 1


def test_an_unknown_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="no bin"):
        merge("systolic", [{"seed": 1, "bins": [["reset", "never"]]}])


def test_exclusions_are_read(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[exclusion]]\ncross = "size"\nbin = ["two", "*"]\nreason = "too large"\nexpires = 2099-01-31\n'
    )
    assert exclusions(plan) == (Exclusion("size", ("two", "*"), "too large", LATER),)


def test_an_exclusion_that_has_expired_fails() -> None:
    found = coverage(
        dict.fromkeys(SMALL.bins[1:], ALL), Exclusion("size", SMALL.bins[0], "x", date(2020, 1, 1))
    )
    assert "size: one, one: the exclusion expired on 2020-01-01" in found.failures()


def test_every_possible_bin_lies_on_the_axes() -> None:
    for cross in CROSSES:
        for values in cross.bins:
            pairs = zip(values, cross.axes, strict=True)
            assert all(value in known for value, (_, known) in pairs), (cross.name, values)


def test_ucis_has_the_hits(tmp_path: Path) -> None:
    record = Hit(1, (("size", ("two", "one")),)).record()
    write_ucis((SMALL,), [record, record], tmp_path / "coverage.xml")
    counts = [
        int(node.get("coverageCount", "0")) for node in ElementTree.parse(tmp_path / "coverage.xml").iter()
    ]
    assert 2 in counts
