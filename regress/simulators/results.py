"""Read the JUnit file that cocotb writes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path


def read_results(path: Path) -> tuple[int, tuple[str, ...]]:
    """Number of tests run (skipped ones left out) and the failures, each "test: message".

    Raises OSError when there is no file, and ValueError when it is cut off or something else.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, LookupError, RecursionError) as error:
        raise ValueError(f"no XML: {error}") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError(f"holds {root.tag!r} in place of test suites")
    cases = [case for case in root.iter("testcase") if case.find("skipped") is None]
    failures = [f"{case.get('name')}: {message}" for case in cases for message in messages(case)]
    return len(cases), tuple(failures)


def messages(case: ElementTree.Element) -> list[str]:
    """The messages of a test case's failures and errors."""
    bad = [*case.findall("failure"), *case.findall("error")]
    return [element.get("message") or element.get("error_msg") or element.text or "failed" for element in bad]
