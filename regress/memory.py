"""Jobs that passed before with the very same inputs are not run again: their results are remembered.

Inputs are the sources that a job of its variant can read, the versions of the tools, real models, and the job itself
with its seeds. What reports read of a job (results, coverage) is kept with it in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from regress.execute import JOB, RESULT
from regress.job import COVERAGE, Job, Result, Verdict
from regress.simulators import find
from regress.simulators.cache import ROOT, cache_root, digest, get_or_build, intact, locked, remove_damaged
from regress.simulators.files import write_whole
from regress.testplan import NO_SIMULATOR
from rtl.variants import homes
from tb.coverage import RECORDS

FOLDERS = ("compiler", "golden", "host", "rtl", "tb", "regress/simulators")
FILES = ("regress/execute.py", "regress/job.py", "requirements.lock")
SUFFIXES = {".py", ".sv", ".svh", ".v", ".vh", ".vlt", ".cpp", ".npz", ".json", ".toml", ".gz"}
REMEMBERED = "remembered.json"
MODELS = "ASSAY_MODELS"
TESTS = "tests"  # option of a job: files that it reads beside the sources
OF_THE_PLACE = ("worker", "attempts")  # where it ran then, which says nothing of now
SINCE = "unchanged since it passed in "


@dataclass(frozen=True)
class Memory:
    """run: the name of the regression, told of what is remembered of it."""

    run: str

    def recall(self, job: Job, folder: Path) -> Result | None:
        """The result of an equal job that passed, as if it had run in `folder`; None if there is none."""
        kept = place(job)
        if not kept.exists():
            return None
        if not intact(kept):
            forget(kept)
            return None
        try:
            raw = json.loads((kept / REMEMBERED).read_text())
            result = Result.read(raw["result"])
            files = {name: (kept / "files" / name).read_bytes() for name in raw["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(kept, ignore_errors=True)  # sealed, and yet of no use
            return None
        job.save(made(folder / JOB))
        for name, content in files.items():
            made(folder / name).write_bytes(content)
        details = {name: value for name, value in result.details.items() if name not in OF_THE_PLACE}
        details |= {"trace": "", "log": "", "remembered": raw["run"]}
        found = replace(
            result, name=job.name, message=SINCE + raw["run"], folder=os.path.relpath(folder, ROOT),
            job=asdict(job), details=details,
        )  # fmt: skip
        write_whole(folder / RESULT, json.dumps(asdict(found), indent=1))
        return found

    def keep(self, job: Job, result: Result, folder: Path) -> None:
        """Remember a job that has passed, unless a source was changed while it ran."""
        if result.verdict is not Verdict.PASS or job.trace:
            return
        if sources(job.variant) == hash_sources(job.variant):
            get_or_build(place(job), lambda scratch: self._write(scratch, result, folder))

    def _write(self, scratch: Path, result: Result, folder: Path) -> None:
        files = [name for name in (RECORDS, *result.details.get(COVERAGE, ())) if (folder / name).exists()]
        for name in files:
            shutil.copy(folder / name, made(scratch / "files" / name))
        raw = {"run": self.run, "files": files, "result": asdict(result)}
        (scratch / REMEMBERED).write_text(json.dumps(raw))


def forget(kept: Path) -> None:
    """Remove what is damaged, unless another process has just mended it."""
    with locked(kept.with_suffix(".lock")):
        if not intact(kept):
            remove_damaged(kept)


def made(file: Path) -> Path:
    """A file's path, its folder made if it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def place(job: Job) -> Path:
    """Where the result of a job with these inputs is kept."""
    fields = {name: value for name, value in asdict(job).items() if name not in ("name", "timeout_seconds")}
    simulator = "" if job.simulator == NO_SIMULATOR else find(job.simulator).version()
    named = [digest(ROOT / name) for name in job.options.get(TESTS, ())]
    facts = [fields, simulator, sys.version, sources(job.variant), named, models(os.environ.get(MODELS, ""))]
    text = json.dumps(facts, sort_keys=True, default=str)
    return cache_root() / "passed" / hashlib.sha256(text.encode()).hexdigest()[:24]


@cache
def sources(variant: str) -> str:
    """hash_sources, as it was when it was first asked for."""
    return hash_sources(variant)


def hash_sources(variant: str) -> str:
    """Hash of every source that a job of a variant can read: those of other variants and tests are none."""
    known = homes()
    others = {name for name in known if name != variant}
    files = [ROOT / name for name in FILES]
    for name in FOLDERS:
        files += _read(ROOT / name, others)
    if variant in known and known[variant].outside:
        files += _read(known[variant].folder, set())
    listed = [(os.path.relpath(file, ROOT), digest(file)) for file in sorted(set(files))]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _read(folder: Path, others: set[str]) -> list[Path]:
    """The sources below a folder, without tests and other variants."""
    left_out = {"tests", *others}
    found = (file for file in folder.rglob("*") if file.suffix in SUFFIXES)
    return [file for file in found if not left_out & set(file.relative_to(folder).parts)]


@cache
def models(folder: str) -> str:
    """What there is of real models: names, sizes and times."""
    if not folder:
        return ""
    found = [(str(file), file.stat()) for file in sorted(Path(folder).rglob("*")) if file.is_file()]
    return json.dumps([(name, stat.st_size, stat.st_mtime_ns) for name, stat in found])
