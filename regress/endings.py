"""How a command ends: every error becomes one line and the exit code of its kind."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from compiler.errors import AssayError
from regress.farm.place import FarmError
from regress.simulators import BuildError, SimulatorError
from rtl.convert.errors import ConvertError
from rtl.variants import VariantError

DESIGN, INPUT, MACHINE, INTERRUPTED = 1, 2, 3, 130


def guarded(command: Callable[[], object]) -> int:
    """Exit code of a command that raises SystemExit or an error. What nobody foresaw keeps its traceback."""
    try:
        command()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0
    except (BuildError, ConvertError) as error:
        return told(error, DESIGN)
    except (AssayError, VariantError) as error:
        return told(error, INPUT)
    except (SimulatorError, FarmError, OSError, MemoryError) as error:
        return told(error, MACHINE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        traceback.print_exc()
        return MACHINE
    return 0


def told(error: BaseException, code: int) -> int:
    """Print the error in one line to stderr; the code."""
    print(f"assay: {error or type(error).__name__}", file=sys.stderr)
    return code
