"""Tests leave no trace in the history of the tree."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history of each test's own."""
    monkeypatch.setenv("ASSAY_HISTORY", str(tmp_path / "history.sqlite"))
