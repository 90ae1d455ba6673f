"""A simulator for the runner's own tests: it answers at once with what the run's environment asks for."""

from __future__ import annotations

from pathlib import Path

from regress.simulators.base import Build, BuildError, Outcome, Run, SimulatorError


class Fake:
    """Does what FAKE_VERDICT says: pass (the default), fail, nothing, timeout or die."""

    name = "fake"

    def available(self) -> tuple[bool, str]:
        """Always."""
        return True, ""

    def version(self) -> str:
        """A fixed line."""
        return "Fake 1.0"

    def environment(self) -> dict[str, str]:
        """None needed."""
        return {}

    def build(self, build: Build) -> Path:
        """A folder holding the sources' names; a missing source is refused."""
        folder = build.build_dir or Path("build/fake")
        folder.mkdir(parents=True, exist_ok=True)
        missing = [source for source in build.sources if not source.exists()]
        if missing:
            raise BuildError(f"{missing[0]}: no such source", folder / "build.log")
        return folder

    def run(self, run: Run) -> Outcome:
        """The outcome that was ordered."""
        verdict = run.environment.get("FAKE_VERDICT", "pass")
        if verdict == "die":
            raise SimulatorError("the simulator ended with status -11 and no results")
        return outcome(verdict, run)


def outcome(verdict: str, run: Run) -> Outcome:
    """The outcome of a verdict."""
    run.run_dir.mkdir(parents=True, exist_ok=True)
    log = run.run_dir / "run.log"
    log.write_text(f"{run.test_module} seed {run.seed}: {verdict}\n")
    failures = {"fail": ("check: expected 1, got 0",), "timeout": ("time-out",)}.get(verdict, ())
    tests = 0 if verdict in ("nothing", "timeout") else 1
    return Outcome(tests, failures, log, run.run_dir / "results.xml", 0.0, timed_out=verdict == "timeout")
