"""Functional coverage of a whole regression: which bins of the crosses were hit, and by how many seeds.

A variant declares its crosses as data (tb/<variant>/coverage.py: CROSSES) and each item's bins as records;
a bin counts when two items with different seeds hit it. The same samples go through pyvsc covergroups, which
write UCIS.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import vsc

from rtl.variants import homes, optional_part, part

RECORDS = "coverage.json"
SEEDS_NEEDED = 2
MOST_EXCLUDED = 0.05
TESTPLAN = Path(__file__).parents[1] / "testplan"
SHOWN = 20

Values = tuple[str, ...]
Bin = tuple[str, Values]  # of the cross with that name


@dataclass(frozen=True)
class Cross:
    """axes: (name, values) each. possible: the combinations that exist, () for all."""

    name: str
    axes: tuple[tuple[str, Values], ...]
    possible: tuple[Values, ...] = ()

    @property
    def bins(self) -> tuple[Values, ...]:
        """Every bin."""
        return self.possible or tuple(product(*(values for _, values in self.axes)))


@dataclass(frozen=True)
class Hit:
    """What one item with a seed covered: (cross, bin) each."""

    seed: int
    bins: tuple[tuple[str, Values], ...]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"seed": self.seed, "bins": [[name, *values] for name, values in self.bins]}


@dataclass(frozen=True)
class Exclusion:
    """A bin that cannot be reached, until somebody looks again; '*' stands for any value."""

    cross: str
    values: Values
    reason: str
    expires: date

    def covers(self, name: str, values: Values) -> bool:
        """Whether it excludes that bin."""
        pairs = zip(self.values, values, strict=False)
        return name == self.cross and all(mine in ("*", given) for mine, given in pairs)


@dataclass(frozen=True)
class Coverage:
    """The merged result. seeds: of each bin that was hit."""

    crosses: tuple[Cross, ...]
    seeds: Mapping[tuple[str, Values], frozenset[int]]
    exclusions: tuple[Exclusion, ...]

    def missing(self, cross: Cross) -> list[Values]:
        """Bins that fewer than two seeds hit, excluded ones left out."""
        return [
            values
            for values in cross.bins
            if len(self.seeds.get((cross.name, values), ())) < SEEDS_NEEDED
            and not self.excluded(cross, values)
        ]

    def excluded(self, cross: Cross, values: Values) -> bool:
        """Whether the testplan says that the bin cannot be reached."""
        return any(exclusion.covers(cross.name, values) for exclusion in self.exclusions)

    def failures(self) -> list[str]:
        """Missing bins, too many exclusions, exclusions that were hit all the same."""
        lost = [
            f"{cross.name}: {', '.join(values)}" for cross in self.crosses for values in self.missing(cross)
        ]
        found = [f"{bin_name}: not hit by two seeds" for bin_name in lost]
        total = sum(len(cross.bins) for cross in self.crosses)
        left_out = [(c, values) for c in self.crosses for values in c.bins if self.excluded(c, values)]
        if len(left_out) > MOST_EXCLUDED * total:
            found.append(f"{len(left_out)} of {total} bins are excluded, at most {MOST_EXCLUDED:.0%} may be")
        wrong = [(c.name, values) for c, values in left_out if (c.name, values) in self.seeds]
        found += [f"{name}: {', '.join(values)}: excluded, but was hit" for name, values in wrong]
        late = [each for each in self.exclusions if each.expires < date.today()]
        return found + [
            f"{each.cross}: {', '.join(each.values)}: the exclusion expired on {each.expires}"
            for each in late
        ]

    def as_data(self, variant: str) -> Iterator[dict[str, Any]]:
        """For each cross its axes, its bins, those hit, left out and missing."""
        for cross in self.crosses:
            missing = self.missing(cross)
            left_out = sum(self.excluded(cross, values) for values in cross.bins)
            yield {
                "variant": variant,
                "name": cross.name,
                "axes": [name for name, _ in cross.axes],
                "bins": len(cross.bins) - left_out,
                "hit": len(cross.bins) - left_out - len(missing),
                "excluded": left_out,
                "missing": [list(values) for values in missing],
            }

    def text(self) -> str:
        """One line for each cross, then what is missing and what is excluded."""
        return "\n".join([*(self._line(cross) for cross in self.crosses), *self._details()])

    def _line(self, cross: Cross) -> str:
        left_out = sum(self.excluded(cross, values) for values in cross.bins)
        wanted = len(cross.bins) - left_out
        hit = wanted - len(self.missing(cross))
        return f"{cross.name:12} {hit:4} of {wanted:4} bins hit by {SEEDS_NEEDED} seeds, {left_out} excluded"

    def _details(self) -> Iterator[str]:
        for cross in self.crosses:
            for values in self.missing(cross)[:SHOWN]:
                yield f"  missing  {cross.name}: {', '.join(values)}"
        for exclusion in self.exclusions:
            yield f"  excluded {exclusion.cross}: {', '.join(exclusion.values)}: {exclusion.reason}"


def variants() -> list[str]:
    """Those that have crosses."""
    return sorted(name for name in homes() if optional_part(name, "coverage"))


def merge(variant: str, records: Iterable[Mapping[str, Any]]) -> Coverage:
    """All items' records together. Raises ValueError for a bin that no cross has."""
    crosses: tuple[Cross, ...] = part(variant, "coverage").CROSSES
    known = {(cross.name, values) for cross in crosses for values in cross.bins}
    seeds: dict[tuple[str, Values], set[int]] = {}
    for record in records:
        for name, *values in record["bins"]:
            place = (str(name), tuple(values))
            if place not in known:
                raise ValueError(f"coverage: {name} has no bin {', '.join(values)}")
            seeds.setdefault(place, set()).add(int(record["seed"]))
    frozen = {place: frozenset(found) for place, found in seeds.items()}
    own = homes()[variant].testplan or TESTPLAN / f"{variant}.toml"
    return Coverage(crosses, frozen, exclusions(own))


def exclusions(path: Path) -> tuple[Exclusion, ...]:
    """The [[exclusion]] entries of a testplan file."""
    entries = tomllib.loads(path.read_text()).get("exclusion", []) if path.exists() else []
    return tuple(
        Exclusion(entry["cross"], tuple(entry["bin"]), entry["reason"], entry["expires"]) for entry in entries
    )


def write_records(folder: Path, variant: str, hits: Iterable[Hit]) -> None:
    """Leave the items' records in a job's folder."""
    items = [hit.record() for hit in hits]
    (folder / RECORDS).write_text(json.dumps({"variant": variant, "items": items}))


def read_records(folder: Path, variant: str) -> list[dict[str, Any]]:
    """Every record of a variant's items under a regression's folder."""
    found = [json.loads(file.read_text()) for file in sorted(folder.rglob(RECORDS))]
    return [record for job in found if job["variant"] == variant for record in job["items"]]


@vsc.covergroup
class CrossGroup:
    """A pyvsc covergroup with a coverpoint for each axis and their cross."""

    with_sample: Any
    sample: Any
    options: Any

    def __init__(self, cross: Cross) -> None:
        self.with_sample({name: vsc.uint8_t() for name, _ in cross.axes})
        points = []
        for name, values in cross.axes:
            bins = {value: vsc.bin(number) for number, value in enumerate(values)}
            points.append(vsc.coverpoint(getattr(self, name), bins=bins, name=name))
            setattr(self, f"{name}_point", points[-1])
        if len(points) > 1:
            self.all = vsc.cross(points, name=cross.name)
        self.options.name = cross.name


def write_ucis(crosses: Sequence[Cross], records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Sample every record through pyvsc and write the UCIS file."""
    groups = {cross.name: (cross, CrossGroup(cross)) for cross in crosses}
    for record in records:
        for name, *values in record["bins"]:
            cross, group = groups[name]
            group.sample(*(known.index(value) for value, (_, known) in zip(values, cross.axes, strict=True)))
    vsc.write_coverage_db(str(path))


def report(*, variant: str = "", regression: str, folder: Path, **_: Any) -> Mapping[str, Any]:
    """Regression report over every variant that left records: fails when a bin is missing or an exclusion is wrong."""
    del variant
    records = {name: read_records(Path(regression), name) for name in variants()}
    if not any(records.values()):
        return {"verdict": "skip", "message": "no test of this run collects functional coverage"}
    there = [name for name in records if records[name]]
    merged = [merge(name, records[name]) for name in there]
    for name, found in zip(there, merged, strict=True):
        (folder / f"{name}.txt").write_text(found.text() + "\n")
        write_ucis(found.crosses, records[name], folder / f"{name}.xml")
    failures = [failure for found in merged for failure in found.failures()]
    return {
        "verdict": "fail" if failures else "pass",
        "checked": sum(len(cross.bins) for found in merged for cross in found.crosses),
        "failures": failures,
        "text": [line for found in merged for line in found.text().splitlines()],
        "crosses": [
            cross for name, found in zip(there, merged, strict=True) for cross in found.as_data(name)
        ],
    }
