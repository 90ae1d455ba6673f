"""What a failure looks like, so that failures of one cause are found together: variant, operator, kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regress.job import Result, Verdict
from tb.finding import Finding, Kind, from_plain


@dataclass(frozen=True, order=True)
class Signature:
    """operator: without a kernel's size, '' where nothing tells it."""

    variant: str
    operator: str
    kind: str

    def __str__(self) -> str:
        return " / ".join(part for part in (self.variant, self.operator, self.kind) if part)


@dataclass(frozen=True)
class Failure:
    """What one item of a job found first: all else that it found may come of that."""

    result: Result
    finding: Finding

    @property
    def signature(self) -> Signature:
        """Of variant, operator and kind."""
        words = [word for word in self.finding.operator.split() if "x" not in word or not word[0].isdigit()]
        return Signature(str(self.result.job.get("variant", "")), " ".join(words), str(self.finding.kind))


def failures(result: Result) -> Iterator[Failure]:
    """The first finding of each item of a job that did not pass, those left out that are not run for others; one that
    only its message tells where there is no finding."""
    found = [from_plain(raw) for raw in result.details.get("findings", ())]
    found = [finding for finding in found if finding.kind is not Kind.NOT_RUN] or found
    first: dict[tuple[int | None, str], Finding] = {}
    for finding in found or [untold(result)]:
        first.setdefault((finding.item, finding.request), finding)
    yield from (Failure(result, finding) for finding in first.values())


def untold(result: Result) -> Finding:
    """What a result without findings says of itself."""
    kind = Kind.BROKEN if result.verdict in (Verdict.BROKEN, Verdict.BAD_INPUT) else Kind.CHECK
    return Finding(kind, result.message)
