"""Where the modules of a variant are: inside the tree, or in a folder of its own that ASSAY_VARIANTS leads to.

Plain data: standard library only. Every look-up of a variant's module goes through `part`. Inside, a variant is a
folder in rtl/, compiler/ and tb/. Outside it is one Python package, `<path>/<variant>/`, for each path in
ASSAY_VARIANTS; docs/guide-bring-your-own.md tells how to write one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

VARIABLE = "ASSAY_VARIANTS"
RTL = Path(__file__).parent
# What a module is called inside; outside it is `<variant>.<part>`.
PARTS = {
    "config": "rtl.{}.config",
    "top": "rtl.{}.top",
    "compiler": "compiler.{}",
    "choose": "compiler.{}.choose",
    "estimate": "compiler.{}.estimate",
    "programs": "tb.{}.programs",
    "coverage": "tb.{}.coverage",
    "waves": "tb.{}.waves",
    "stages": "tb.{}.stages",
}
NEEDED = ("config", "compiler", "programs")  # beside top.py, or VERILOG in config.py
TESTPLAN = "testplan.toml"
SOURCES = frozenset({".py", ".v", ".sv", ".vh", ".svh"})


class VariantError(ValueError):
    """ASSAY_VARIANTS, or a folder that it leads to, breaks a rule; the message names the path and the rule."""


@dataclass(frozen=True)
class Home:
    """folder: of config.py, below rtl/ or outside."""

    name: str
    folder: Path

    @property
    def outside(self) -> bool:
        """Whether ASSAY_VARIANTS led to it."""
        return self.folder.parent != RTL

    @property
    def testplan(self) -> Path | None:
        """The variant's own testplan; one inside has its file in testplan/."""
        file = self.folder / TESTPLAN
        return file if self.outside and file.is_file() else None

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every source file of a variant outside, tests left out; none of one inside."""
        files = self.folder.rglob("*") if self.outside else ()
        found = (file for file in files if "tests" not in file.relative_to(self.folder).parts)
        return tuple(sorted(file for file in found if file.suffix in SOURCES))

    def module(self, part: str) -> str:
        """The full name of one of PARTS."""
        return f"{self.name}.{part}" if self.outside else PARTS[part].format(self.name)


def homes() -> Mapping[str, Home]:
    """Every variant by name. Raises VariantError."""
    return _homes(os.pathsep.join(str(path) for path in outside_paths()))


def outside_paths() -> tuple[Path, ...]:
    """The paths of ASSAY_VARIANTS, made absolute there too: what is started from elsewhere sees the same."""
    told = [entry for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if entry]
    paths = tuple(dict.fromkeys(Path(entry).resolve() for entry in told))
    if told:
        os.environ[VARIABLE] = os.pathsep.join(map(str, paths))
    return paths


def part(variant: str, name: str) -> ModuleType:
    """A module of a variant that there is. Raises VariantError for one that is missing, or outside cannot be
    imported.
    """
    home = _home(variant)
    try:
        return import_module(home.module(name))
    except Exception as error:
        if not home.outside:
            raise
        reason = f"{type(error).__name__}: {error}"
        raise VariantError(f"{home.folder}: {name}.py cannot be imported: {reason}") from error


def optional_part(variant: str, name: str) -> ModuleType | None:
    """A module that a variant may have or not. Raises VariantError."""
    module = _home(variant).module(name)
    found = find_spec(module.rpartition(".")[0]) is not None and find_spec(module) is not None
    return part(variant, name) if found else None


def given_files(variant: str) -> tuple[Path, ...]:
    """The Verilog files that config.py lists in VERILOG; none for a variant in MyHDL. Raises VariantError."""
    names = getattr(part(variant, "config"), "VERILOG", ())
    files = tuple(_home(variant).folder / name for name in names)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise VariantError(
            f"{_home(variant).folder}: VERILOG in config.py names {missing[0]}, which is not there"
        )
    return files


def _home(variant: str) -> Home:
    known = homes()
    if variant not in known:
        raise VariantError(f"no accelerator '{variant}': there are {', '.join(known)}")
    return known[variant]


@cache
def _homes(paths: str) -> Mapping[str, Home]:
    found = {file.parent.name: Home(file.parent.name, file.parent) for file in RTL.glob("*/config.py")}
    for path in filter(None, paths.split(os.pathsep)):
        for home in _homes_in(Path(path)):
            if home.name in found:
                raise VariantError(
                    f"{home.folder}: there is a variant '{home.name}' in {found[home.name].folder}"
                )
            _check(home)
            found[home.name] = home
    return dict(sorted(found.items()))


def _homes_in(path: Path) -> list[Home]:
    """The variants of one path, their packages made importable."""
    if not path.is_dir():
        raise VariantError(f"{VARIABLE}: {path} is no folder")
    made = [Home(file.parent.name, file.parent) for file in sorted(path.glob("*/config.py"))]
    if not made:
        raise VariantError(f"{VARIABLE}: {path} has no variant: no folder in it has a config.py")
    if str(path) not in sys.path:
        sys.path.append(str(path))
    return made


def _check(home: Home) -> None:
    missing = [f"{name}.py" for name in NEEDED if not (home.folder / f"{name}.py").is_file()]
    if not (home.folder / "top.py").is_file() and "VERILOG" not in (home.folder / "config.py").read_text():
        missing.append("top.py (or VERILOG in config.py)")
    if missing:
        raise VariantError(f"{home.folder}: no {', no '.join(missing)}")
    if not home.name.isidentifier():
        raise VariantError(f"{home.folder}: '{home.name}' is no name of a Python package")
    spec = find_spec(home.name)
    places = [Path(place).resolve() for place in (spec.submodule_search_locations or ())] if spec else []
    if home.folder not in places:
        raise VariantError(
            f"{home.folder}: '{home.name}' is the name of another Python package; choose another one"
        )
