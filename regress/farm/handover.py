"""What the client sends along with a job, and what it does with what an attempt has left."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from regress.execute import RESULT
from regress.farm.attempt import MARK, OURS, Attempt
from regress.farm.place import Ended
from regress.job import Job
from regress.simulators.process import clean_environment


def sent_environment(job: Job, cache: Path) -> dict[str, str]:
    """The variables that a job reads, from this process's environment."""
    ours = {name: value for name, value in clean_environment().items() if name.startswith(OURS)}
    needs = {name: os.environ[name] for name in job.needs}
    return {**ours, **needs, "ASSAY_CACHE": str(cache)}


def settle(done: Attempt, folder: Path) -> Ended:
    """Move what an attempt has left to the job's folder, and remove what others have; tells how many there were."""
    place = Path(done.folder)
    result = place / RESULT
    if result.exists():
        result.write_text(result.read_text().replace(place.name, folder.name))
    place.rename(folder)
    others = list(folder.parent.glob(f"{folder.name}{MARK}*"))
    for other in others:
        shutil.rmtree(other, ignore_errors=True)
    return replace(done.ended, details={**done.ended.details, "attempts": 1 + len(others)})
