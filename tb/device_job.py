"""What a simulation that serves as somebody's accelerator has to know, handed to it as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

DEVICE_JOB = "device.json"


@dataclass(frozen=True)
class DeviceJob:
    """built: folder of the simulator's executable; memory_words: size of the simulated DRAM; socket: path of the
    Unix socket at which the host listens."""

    variant: str
    config: str
    simulator: str
    built: str
    seed: int
    memory_words: int
    socket: str

    def save(self, folder: Path) -> None:
        """Write as JSON."""
        (folder / DEVICE_JOB).write_text(json.dumps(asdict(self), indent=1))


def load_device_job(folder: Path) -> DeviceJob:
    """Read what DeviceJob.save wrote."""
    return DeviceJob(**json.loads((folder / DEVICE_JOB).read_text()))
