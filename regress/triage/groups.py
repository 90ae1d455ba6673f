"""Failures that are likely of one cause.

Failures of one variant belong together if they share the operator or the kind, or are linked by others that do: a bug
in what convolutions and additions have in common shows itself in both, and in one operator it can look in many ways.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from regress.job import Result, Verdict
from regress.parts import is_whole
from regress.plan import REPORT
from regress.triage.signature import Failure, Signature, failures
from tb.finding import Checker


@dataclass(frozen=True)
class Group:
    """The failures, the one that tells most first."""

    members: tuple[Failure, ...]

    @property
    def first(self) -> Failure:
        """The one to look at."""
        return self.members[0]

    @property
    def signatures(self) -> Counter[Signature]:
        """What they look like, and how many do."""
        return Counter(member.signature for member in self.members)

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that failed so."""
        return tuple(dict.fromkeys(member.result.name for member in self.members))

    @property
    def name(self) -> str:
        """Its variant, operators and kinds, the most frequent first."""
        listed = [signature for signature, _ in self.signatures.most_common()]
        operators = dict.fromkeys(signature.operator for signature in listed if signature.operator)
        kinds = dict.fromkeys(signature.kind for signature in listed)
        return " / ".join(filter(None, (listed[0].variant, ", ".join(operators), ", ".join(kinds))))


def grouped(results: Iterable[Result]) -> list[Group]:
    """The groups of all results that did not pass, the largest first. A report, or the whole of a
    network's parts, that fails beside a test is left out: it tells of the same."""
    bad = [result for result in results if result.bad and result.verdict is not Verdict.STOPPED]
    tests = [result for result in bad if not (result.name.startswith(REPORT) or is_whole(result))]
    found = [failure for result in tests or bad for failure in failures(result)]
    groups = [Group(tuple(sorted(members, key=telling))) for members in linked(found)]
    return sorted(groups, key=lambda group: -len(group.members))


def linked(found: Sequence[Failure]) -> list[list[Failure]]:
    """Connected by operator or kind within a variant."""
    components: list[tuple[set[tuple[str, str, str]], list[Failure]]] = []
    for failure in found:
        mark = failure.signature
        marks = {(mark.variant, "operator", mark.operator), (mark.variant, "kind", mark.kind)}
        touched = [component for component in components if component[0] & marks]
        components = [component for component in components if not component[0] & marks]
        joined = [member for _, members in touched for member in members]
        components.append((marks.union(*(known for known, _ in touched)), [*joined, failure]))
    return [members for _, members in components]


def telling(failure: Failure) -> tuple[bool, bool, bool, float]:
    """A wrong value that is located comes first; then what is located in time; of equals the one that took the least
    time."""
    finding = failure.finding
    located = finding.kind.checker is Checker.DATA and bool(finding.coordinate) and finding.cycle is not None
    return not located, finding.cycle is None, not finding.layer, failure.result.seconds
