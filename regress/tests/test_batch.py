"""Clusters of batch jobs: what a batch system is asked for, and a run on one that starts what it is given at once."""

from __future__ import annotations

import io
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dask
import pytest
from rich.console import Console

from regress import endings
from regress.farm import batch
from regress.farm.choice import Choice, opened
from regress.farm.place import FarmError
from regress.job import Verdict
from regress.runner import Runner
from regress.tests.test_runner import job

CONSOLE = Console(file=io.StringIO(), width=200)
SETTINGS = {"cores": 2, "memory": "3GiB", "processes": 1, "queue": "short", "walltime": "00:40"}
LINES = {
    "slurm": ["#SBATCH -p short", "#SBATCH --cpus-per-task=2", "#SBATCH --mem=3G", "#SBATCH -t 00:40"],
    "lsf": ["#BSUB -q short", "#BSUB -n 2", "#BSUB -W 00:40"],
}
# Starts a batch job at once, on this machine; its number is that of the process group.
SBATCH = """#!/bin/sh
cp "$1" {folder}/batch.sh  # the script is removed as soon as it is submitted
setsid sh {folder}/batch.sh >{folder}/batch.log 2>&1 &
echo $! >>{folder}/started
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -9 -- "-$1"
echo $1 >>{folder}/cancelled
"""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH with the commands of a batch system."""
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL, "bsub": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("kind", ["slurm", "lsf"])
def test_a_batch_job_is_what_the_configuration_says(kind: str, commands: Path) -> None:
    logs = {"log-directory": str(commands / "logs")}
    with dask.config.set({f"jobqueue.{kind}": {**dask.config.get(f"jobqueue.{kind}"), **SETTINGS, **logs}}):
        cluster = batch.batch_cluster(kind)
        script = cluster.job_script()
        cluster.close()
    assert [line for line in LINES[kind] if line not in script.splitlines()] == []
    assert "distributed.cli.dask_worker tcp://" in script and "--nthreads 2" in script
    assert str(commands / "logs") in script


@pytest.mark.parametrize("kind", ["slurm", "lsf"])
def test_without_the_batch_system_it_is_the_machine_s_fault(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert endings.guarded(lambda: opened(Choice(cluster=kind), tmp_path, CONSOLE).__enter__()) == 3
    command = {"slurm": "sbatch", "lsf": "bsub"}[kind]
    assert capsys.readouterr().err == f"assay: --cluster {kind}: there is no {command} on PATH\n"


def test_a_configuration_without_cores_is_told(commands: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert endings.guarded(lambda: opened(Choice(cluster="slurm"), commands, CONSOLE).__enter__()) == 3
    told = capsys.readouterr().err
    assert told == "assay: --cluster slurm: Dask's configuration does not say jobqueue.slurm.cores\n"


def configured(folder: Path) -> AbstractContextManager[Any]:
    """Batch jobs of one core; what the batch system prints goes to the folder."""
    known = {
        **dask.config.get("jobqueue.slurm"),
        **SETTINGS,
        "cores": 1,
        "log-directory": str(folder / "logs"),
    }
    made: AbstractContextManager[Any] = dask.config.set({"jobqueue.slurm": known})
    return made


def test_jobs_run_in_batch_jobs_which_end_with_the_run(commands: Path) -> None:
    with configured(commands), opened(Choice(jobs=1, cluster="slurm"), commands, CONSOLE) as place:
        runner = Runner(commands / "run", 2, lambda one: "", place=place)
        found = runner.run([job(), job("nothing")], lambda result: None)
    assert [result.verdict for result in found] == [Verdict.PASS, Verdict.FAIL]
    assert all(result.details["worker"] for result in found)
    assert (commands / "cancelled").read_text() == (commands / "started").read_text()


def test_a_batch_job_that_is_refused_is_the_machine_s_fault(commands: Path) -> None:
    (commands / "sbatch").write_text("#!/bin/sh\necho 'no such partition' >&2\nexit 1\n")
    with configured(commands), pytest.raises(FarmError, match=r"sbatch refuses .*no such partition"):
        opened(Choice(cluster="slurm"), commands, CONSOLE).__enter__()
