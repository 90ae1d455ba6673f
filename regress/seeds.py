"""One master seed gives every run its own."""

from __future__ import annotations

import hashlib


def run_seed(master: int, test: str, variant: str, index: int) -> int:
    """Seed of item `index` of a test, in 1 .. 2^31 - 1; config and simulator share it, so results compare."""
    text = f"{master}/{test}/{variant}/{index}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) % (2**31 - 1) + 1
