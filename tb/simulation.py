"""The cocotb module of every simulation: reads job.json in the run's folder, carries out its requests, leaves
requests.json. tb/launch.py prepares the one and reads the other."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import cocotb
import pyuvm
from pyuvm import uvm_test

from compiler.program import Program
from regress.simulators.files import write_whole
from tb.bench import Bench
from tb.contract import ContractSequence
from tb.env import Environment
from tb.finding import to_plain
from tb.heartbeat import keep_beating
from tb.job import CONTRACT, JOB, load_job
from tb.outcome import hopeless, save_outcomes
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
        top: Any = cocotb.top
        control = top.control
        bench = Bench(control, self.folder, config.memory_bytes, self.job.memory_words, config.tap_bytes)
        self.env = Environment("env", self, bench, self.job.timing, self.job.seed)

    async def run_phase(self) -> None:
        """Carry out the requests; failures are in the results, not exceptions."""
        self.raise_objection()
        cocotb.start_soon(keep_beating(self.env.bench, self.folder))
        gc.freeze()  # all that was imported stays: there is no use in looking through it again and again
        self.env.host.patience = self.job.patience
        self.env.bench.control.seed.value = self.job.seed  # of the stalls of the control port, taken in reset
        await self.env.bench.reset()
        if self.job.contract:
            await self.check_contract()
        outcomes = []
        for request in self.job.requests:
            outcomes.append(await RequestSequence(self.env, self.job, request, self.folder).body())
            save_outcomes(self.folder, outcomes)
            if hopeless(outcomes):
                break
        self.drop_objection()

    async def check_contract(self) -> None:
        """The contract's own checks; what they found stands in contract.json."""
        own, foreign = (Program.load(self.folder / name) for name in self.job.contract)
        config = find_config(self.job.variant, self.job.config)
        sequence = ContractSequence(self.env, own, foreign, config.hash, self.job.seed)
        await sequence.body()
        found = {"checked": sequence.checked, "failures": [to_plain(one) for one in sequence.failures]}
        write_whole(self.folder / CONTRACT, json.dumps(found))
        await self.env.bench.reset()
