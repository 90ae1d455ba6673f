"""The line that tells how a network ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regress.job import Result


def network_lines(results: Sequence[Result]) -> Iterator[str]:
    """One line for each network of a regression."""
    for result in results:
        if "fps" in result.details:
            yield f"{result.name}: {speed_line(result.details)}"


def speed_line(details: Mapping[str, Any]) -> str:
    """Cycles, speed at the variant's clock, use of the multipliers, traffic and, where labels are known,
    accuracy."""
    speed = f"{details['cycles']:,} cycles, {details['fps']:.1f} images/s, {details['gops']:.2f} GOPS"
    executed = f"{details['executed_gops']:.2f} executed, {details['utilisation']:.1%} of the multipliers"
    traffic = f"{details['bytes_read']:,} bytes read, {details['bytes_written']:,} written"
    return ", ".join([f"{speed} ({executed})", traffic, *accuracy(details)])


def accuracy(details: Mapping[str, Any]) -> Iterator[str]:
    """Share of right answers of RTL and golden, where there are labels."""
    found = details.get("accuracy")
    if found:
        rtl = "unknown" if found["rtl"] is None else f"{found['rtl']:.1%}"
        yield f"accuracy on {found['images']} images: RTL {rtl}, golden {found['golden']:.1%}"
