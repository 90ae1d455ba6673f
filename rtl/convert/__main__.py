"""`python -m rtl.convert MODULE:FUNCTION --out DIR`: one conversion in a process of its own."""

from __future__ import annotations

import sys

from rtl.convert.process import main

if __name__ == "__main__":
    sys.exit(main())
