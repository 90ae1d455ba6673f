"""Failures that are known: each with an id, a reason and a day on which it must be gone or be looked at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase

from regress.job import Result, Verdict
from regress.testplan import Known
from regress.triage.signature import failures


def judged(result: Result, known: Sequence[Known], today: date) -> Result:
    """The result, KNOWN if every failure in it is known and none of them is expired."""
    if result.verdict is not Verdict.FAIL:
        return result
    found = [
        covering(result, failure.finding.kind, str(failure.finding), known) for failure in failures(result)
    ]
    entries = [entry for entry in found if entry is not None]
    if not entries or len(entries) < len(found):
        return result
    late = next((entry for entry in entries if entry.expires < today), None)
    if late:
        return replace(result, message=f"known failure {late.id} expired on {late.expires}: {result.message}")
    first = entries[0]
    return replace(
        result, verdict=Verdict.KNOWN, message=f"{first.id}, until {first.expires}: {result.message}"
    )


def covering(result: Result, kind: str, text: str, known: Iterable[Known]) -> Known | None:
    """The entry that speaks of a failure."""
    for entry in known:
        if fnmatchcase(result.name, entry.job) and fnmatchcase(kind, entry.kind) and entry.text in text:
            return entry
    return None


def gone(results: Iterable[Result], known: Iterable[Known]) -> Iterator[str]:
    """A line for each entry whose jobs all ran and passed: it can be taken out."""
    listed = list(results)
    for entry in known:
        mine = [result for result in listed if fnmatchcase(result.name, entry.job)]
        if mine and all(result.verdict is Verdict.PASS for result in mine):
            yield f"known failure {entry.id} does not fail any more: {entry.file} can do without it"
