"""The cocotb module of every simulation: reads job.json in the run's folder, carries out its requests, leaves
requests.json. tb/launch.py prepares the one and reads the other."""

from __future__ import annotations

from pathlib import Path

import cocotb
import pyuvm
from pyuvm import uvm_test

from tb.bench import Bench
from tb.env import Environment
from tb.job import JOB, load_job
from tb.outcome import save_outcomes
from tb.sequences import RequestSequence
from tb.variants import find_config


@pyuvm.test()
class Requests(uvm_test):
    """Every request of the job, one after the other, on one accelerator that is reset once."""

    def build_phase(self) -> None:
        """Read the job, make the environment."""
        self.folder = Path.cwd()
        self.job = load_job(self.folder / JOB)
        config = find_config(self.job.variant, self.job.config)
        control = cocotb.top.control
        bench = Bench(control, self.folder, config.memory_bytes, self.job.memory_words, config.tap_bytes)
        self.env = Environment("env", self, bench, self.job.timing, self.job.seed)

    async def run_phase(self) -> None:
        """Carry out the requests; failures are in the results, not exceptions."""
        self.raise_objection()
        self.env.host.patience = self.job.patience
        await self.env.bench.reset()
        outcomes = []
        for request in self.job.requests:
            outcomes.append(await RequestSequence(self.env, self.job, request, self.folder).body())
            save_outcomes(self.folder, outcomes)
        self.drop_objection()
