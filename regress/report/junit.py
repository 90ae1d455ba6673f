"""JUnit XML, as CI servers read it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict
from regress.reading import LOG
from regress.simulators.cache import ROOT
from regress.simulators.files import write_whole

TAGS = {Verdict.FAIL: "failure", Verdict.SKIP: "skipped", Verdict.KNOWN: "skipped"}
NOT_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]")


def write_junit(
    file: Path, suite: str, results: Sequence[Result], groups: Iterable[Mapping[str, Any]] = ()
) -> None:
    """One test case a result; what is neither a pass, a failure nor a skip is an error. groups: as results.json has
    them."""
    waves = waves_of(groups)
    count = {tag: sum(tag_of(result) == tag for result in results) for tag in ("failure", "error", "skipped")}
    numbers = {"tests": len(results), "failures": count["failure"], "errors": count["error"]}
    attributes = {**numbers, "skipped": count["skipped"], "time": sum(result.seconds for result in results)}
    root = ElementTree.Element("testsuites")
    element = ElementTree.SubElement(
        root, "testsuite", {"name": suite, **{key: f"{value:g}" for key, value in attributes.items()}}
    )
    for result in results:
        add_case(element, result, waves.get(result.name, ()))
    text = ElementTree.tostring(root, encoding="unicode")
    write_whole(file, f"<?xml version='1.0' encoding='utf-8'?>\n{text}")


def add_case(suite: ElementTree.Element, result: Result, files: Sequence[str]) -> None:
    """One test case; when it did not pass with message, repeat line, log and waves (files: those of its group), in the
    form that Jenkins and GitLab take attachments in."""
    test, _, place = result.name.partition("/")
    attributes = {"classname": test, "name": place or test, "time": f"{result.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    tag = tag_of(result)
    if tag:
        note = ElementTree.SubElement(case, tag, {"message": clean(result.message)})
        note.text = clean(f"repeat with: {result.repeat}") if result.repeat else None
        output = ElementTree.SubElement(case, "system-out")
        output.text = clean("\n".join(f"[[ATTACHMENT|{path}]]" for path in attachments(result, files)))


def attachments(result: Result, files: Sequence[str]) -> Iterator[Path]:
    """The files of a result that are there, absolute."""
    named = [f"{result.folder}/{LOG}" if result.folder else "", *files, str(result.details.get("trace", ""))]
    paths = [ROOT / name for name in named if name]
    yield from (path for path in dict.fromkeys(paths) if path.is_file())


def waves_of(groups: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """For the first job of each group the waves that were recorded when it was run again."""
    return {
        str(group["first"]["job"]): [group["again"]["wave"], group["again"]["save"]]
        for group in groups
        if group["again"]["wave"]
    }


def tag_of(result: Result) -> str:
    """The element that tells a verdict; a pass has none."""
    return "" if result.verdict is Verdict.PASS else TAGS.get(result.verdict, "error")


def clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return NOT_XML.sub("?", text)
