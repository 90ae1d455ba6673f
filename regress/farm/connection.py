"""Connects to a Dask cluster, and looks whether it can be used before any job runs."""

from __future__ import annotations

import logging
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distributed import Client
from rich.console import Console

from regress.farm.choice import Choice
from regress.farm.cluster import PATIENCE_SECONDS, Cluster
from regress.farm.place import FarmError, Place
from regress.farm.shared import check_shared, overview

CONNECT_SECONDS = 10.0


def connected(choice: Choice, folder: Path, console: Console, stack: ExitStack) -> Place:
    """The cluster; closed with `stack`. Raises FarmError."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told in results
    client = stack.enter_context(
        _own(choice, console, stack) if choice.cluster else _running(choice.scheduler)
    )
    folder.mkdir(parents=True, exist_ok=True)
    check_shared(client, folder)
    console.print(f"cluster: {overview(client.nthreads())}", highlight=False)
    cluster = Cluster(client, choice.jobs, math.inf if choice.cluster else PATIENCE_SECONDS)
    stack.callback(cluster.close)
    return cluster


def _running(address: str) -> Client:
    """A client of a scheduler that runs already, with at least one worker."""
    client = _client(address, address)
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        client.close()
        raise FarmError(f"the scheduler {address} has no worker") from None
    return client


def _own(choice: Choice, console: Console, stack: ExitStack) -> Client:
    """A client of a cluster of batch jobs, made now, once the first of them runs."""
    from regress.farm.batch import ask_for_workers, batch_cluster

    cluster = stack.enter_context(batch_cluster(choice.cluster))
    client = _client(cluster, choice.cluster)
    ask_for_workers(cluster, choice.cluster, choice.jobs)
    console.print(f"cluster: waiting for the first worker of {choice.cluster}", highlight=False)
    client.wait_for_workers(1)
    return client


def _client(target: Any, name: str) -> Client:
    try:
        return Client(target, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise FarmError(f"the scheduler {name} cannot be reached: {said[0]}") from error
