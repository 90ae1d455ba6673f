"""Dask clusters whose workers are jobs of a batch system: `--cluster slurm` or `lsf`."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import Any

import dask
import dask_jobqueue
from distributed import Status

from regress.farm.place import FarmError
from regress.simulators.cache import ROOT

KINDS = {"slurm": "SLURMCluster", "lsf": "LSFCluster"}
COMMANDS = {"slurm": "sbatch", "lsf": "bsub"}
LOGS = ROOT / "build" / "cluster"


def batch_cluster(kind: str) -> Any:
    """A scheduler in this process, and no worker yet. Queue, cores, memory and wall time are those of Dask's own
    configuration (jobqueue.yaml). Raises FarmError."""
    if shutil.which(COMMANDS[kind]) is None:
        raise FarmError(f"--cluster {kind}: there is no {COMMANDS[kind]} on PATH")
    known = dask.config.get(f"jobqueue.{kind}")
    for name in ("cores", "memory"):
        if not known[name]:
            raise FarmError(f"--cluster {kind}: Dask's configuration does not say jobqueue.{kind}.{name}")
    return getattr(dask_jobqueue, KINDS[kind])(**_defaults(known))


def _defaults(known: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration need not say: where logs go, and a port of Dask's dashboard that nobody else has."""
    options = {"dashboard_address": ":0", **(known["scheduler-options"] or {})}
    return {"log_directory": known["log-directory"] or str(LOGS), "scheduler_options": options}


def ask_for_workers(cluster: Any, kind: str, jobs: int) -> None:
    """Submit as many batch jobs as have so many cores together, one if jobs is 0. Raises FarmError if they are
    refused."""
    wanted = max(1, math.ceil(jobs / int(dask.config.get(f"jobqueue.{kind}.cores"))))

    for _ in range(wanted):
        cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        cluster.sync(cluster._correct_state)  # cluster.scale() would log a refusal, and wait for ever
    except RuntimeError as error:
        for worker in cluster.workers.values():
            worker.status = Status.failed  # else the cluster cannot be closed
        said = " ".join(str(error).split())
        raise FarmError(f"--cluster {kind}: {COMMANDS[kind]} refuses a batch job: {said}") from error
