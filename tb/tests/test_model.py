"""A conversion is kept for the very sources that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regress.simulators import SimulatorError
from tb import model


@pytest.fixture
def conversions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is converted, into a cache of its own."""
    made: list[Path] = []
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setattr(model, "_made", lambda variant, sizes, folder: made.append(folder))
    monkeypatch.setattr(model, "read", lambda folder: folder)
    return made


def keys(monkeypatch: pytest.MonkeyPatch, *given: str) -> None:
    """The key of the sources, each time that somebody looks."""
    left: Iterator[str] = iter(given)

    def key(variant: str, sizes: Any) -> str:
        del variant, sizes
        return next(left)

    monkeypatch.setattr(model, "conversion_key", key)


def test_what_was_made_while_sources_changed_is_made_again_and_not_kept(
    conversions: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys(monkeypatch, "good", "broken", "good", "good", "good")
    found: Any = model.converted("bcnn", "mini")
    assert found == tmp_path / "verilog-bcnn-mini-good" and len(conversions) == 2
    assert model.converted("bcnn", "mini") == found and len(conversions) == 2


def test_sources_that_never_rest_are_told(conversions: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    keys(monkeypatch, *map(str, range(6)))
    with pytest.raises(SimulatorError, match="the sources of bcnn change while they are converted"):
        model.converted("bcnn", "mini")
    assert len(conversions) == 3
