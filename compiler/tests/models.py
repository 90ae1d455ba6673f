"""Real models for tests, where the machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def assay_model(name: str) -> Path:
    """A file below the folder ASSAY_MODELS; the test is skipped, with the reason, where there is none."""
    folder = os.environ.get("ASSAY_MODELS")
    if not folder:
        pytest.skip("ASSAY_MODELS is not set")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"ASSAY_MODELS has no {name}")
    return path
