"""The life of a pipeline: words once at CONFIGURE, then requests; against what a host and a fetch may see."""

import random

from rtl.lib.tests.agents import Sink, Source
from rtl.lib.tests.designs import LOADED_WORDS
from rtl.lib.tests.replay import RESET_CYCLES, Agent, check

CHECKED, FETCHED = 2, 3  # cycles after the header is taken: it has been checked, its words are fetched
RESET = 150  # the cycle that ends a failure


class Life(Agent):
    """Configures again and again, with right and wrong headers, a fetch that takes its time, and failures."""

    def __init__(self, ports, seed, fail_in=None):
        self.p, self.random, self.fail_in = ports, random.Random(seed), fail_in
        self.expected, self.since, self.events = "idle", 0, []
        self.configured, self.fetching, self.address, self.next, self.failed = False, 0, 0, {}, False

    def drive(self, cycle):
        rng, phase = self.random, self.expected
        self.failed |= (phase, self.since) == self.fail_in and cycle > RESET_CYCLES + 1
        self.next = {
            # The shell refuses CONFIGURE while requests wait, and the first comes at once.
            "configure": phase == "idle"
            and not self.p["waiting_valid"].next
            and (cycle == RESET_CYCLES + 1 or (cycle > RESET_CYCLES and rng.random() < 0.1)),
            "header_taken": phase == "header" and rng.random() < 0.3,
            "header_accepted": rng.random() < (0.8 if self.checking else 0.5),
            "fetch_ended": self.fetching == 0,
            "prog_addr": rng.getrandbits(32),
            "first_word": rng.getrandbits(32),
            "halt": self.failed and cycle < RESET,
        }
        if phase == "header":  # a header stays as it was read until the next is taken
            self.next["header_instructions"] = rng.choice([LOADED_WORDS] * 5 + [LOADED_WORDS - 1, 0, 1 << 31])
        for name, value in self.next.items():
            self.p[name].next = value

    @property
    def checking(self):
        return self.expected == "taken" and self.since == CHECKED

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        self.compare(cycle)
        if self.p["rst"]:
            self.expected, self.configured, self.fetching, self.events = "idle", False, 0, []
        elif self.next["halt"]:
            self.expected = "failed"
        else:
            self.advance()
        if self.p["fetch_start"] and not self.p["rst"]:
            self.fetching = self.random.randint(1, 9)  # the fetch sees the start, and is active from now on
        elif self.fetching:
            self.fetching -= 1

    def compare(self, cycle):
        """What shows in a cycle follows from the phase."""
        phase, seen = self.expected, {name: int(self.p[name]) for name in SHOWN}
        fresh = self.since == 1
        pulses = {
            "fetch_start": fresh and phase in ("header", "loading"),
            "mismatch": fresh and phase == "idle" and self.events[-1:] == ["refused"],
            "configured_now": fresh and phase == "idle" and self.events[-1:] == ["loaded"],
        }
        state = {"takes_header": phase == "header", "running": phase == "loading" and not fresh}
        engaged = bool(self.p["in_flight"] or self.p["waiting_valid"])
        alive = engaged and not self.next["halt"]
        state |= {"idle": phase == "idle" and not engaged}
        state |= {"busy": phase not in ("idle", "failed") or alive, "configured": self.configured}
        assert {name: seen[name] for name in pulses | state} == pulses | state, (cycle, phase, self.since)
        if pulses["fetch_start"]:
            count = 1 if phase == "header" else LOADED_WORDS
            assert (seen["fetch_address"], seen["fetch_count"]) == (self.address, count)
        assert phase != "header" or seen["base"] == self.address
        self.since += 1

    def advance(self):
        phase, given = self.expected, self.next
        if phase == "idle" and given["configure"]:
            self.address, self.configured = given["prog_addr"], False
            self.enter("header")
        elif phase == "header" and given["header_taken"]:
            self.words = int(self.p["header_instructions"])
            self.enter("taken")
        elif phase == "taken" and self.since == FETCHED:
            right = given["header_accepted"] and self.words == LOADED_WORDS
            self.address = given["first_word"]
            self.events += [] if right else ["refused"]
            self.enter("loading" if right else "idle")
        elif phase == "loading" and self.since > 2 and given["fetch_ended"]:
            self.configured = True
            self.events.append("loaded")
            self.enter("idle")

    def enter(self, phase):
        self.expected, self.since = phase, 1


SHOWN = (
    "fetch_start", "mismatch", "configured_now", "takes_header", "running", "idle", "busy", "configured",
    "fetch_address", "fetch_count", "base",
)  # fmt: skip


class Traffic(Agent):
    """Runs, completions and what is in flight, at random; what is counted and passed on."""

    def __init__(self, ports, seed):
        self.p, self.random, self.done, self.counting = ports, random.Random(seed), 0, False
        self.pulse, self.passed = False, 0

    def drive(self, cycle):
        for name, chance in (("run", 0.1), ("request_done", 0.2), ("in_flight", 0.5)):
            self.p[name].next = cycle > RESET_CYCLES and self.random.random() < chance

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        p = {name: int(signal) for name, signal in self.p.items()}
        assert (p["completed"], p["completed_runs"]) == (self.pulse, self.done)
        assert p["counting"] == self.counting
        opened = p["configured"] and not p["halt"]
        assert p["request_valid"] == (p["waiting_valid"] and opened)
        assert p["waiting_ready"] == (p["request_ready"] and opened)
        if p["request_valid"] and p["request_ready"]:
            self.passed += 1
            fields = ("input_address", "output_address", "count")
            assert all(p[f"request_{name}"] == p[f"waiting_{name}"] for name in fields)
        if p["rst"]:
            self.pulse, self.done, self.counting = False, 0, False
            return
        self.pulse, self.done = bool(p["request_done"]), self.done + p["request_done"]
        if p["run"]:
            self.counting = True
        elif p["halt"] or not (p["in_flight"] or p["waiting_valid"]):
            self.counting = False


class Runs(Source):
    """Requests that the host makes once it has configured, and no more after an error."""

    def drive(self, cycle):
        self.pause = 0.8 if self.ports["configured"] and not self.ports["halt"] else 1
        if self.ports["rst"]:
            self.offered = None
        super().drive(cycle)


def live(folder, cycles, seed, fail_in=None):
    """The agents after so many cycles."""
    agents, fields = {}, ("input_address", "output_address", "count")

    def make(ports):
        rng = random.Random(seed)
        items = [tuple(rng.getrandbits(32) for _ in fields) for _ in range(cycles)]
        source = Runs(ports, "waiting", items, fields)
        source.ports = ports
        agents.update(life=Life(ports, seed, fail_in), traffic=Traffic(ports, seed + 1))
        return [source, *agents.values(), Sink(ports, "request", fields, pause=0.4)]

    resets = () if fail_in is None else (RESET,)
    check("loading_7", make, cycles, folder, resets, settle=RESET_CYCLES + 3)
    return agents["life"], agents["traffic"]


def test_words_are_loaded_when_the_header_is_right(tmp_path):
    life, traffic = live(tmp_path, 3000, 1)
    assert min(life.events.count("loaded"), life.events.count("refused")) > 10
    assert traffic.passed > 100


def test_an_error_halts_until_reset(tmp_path):
    """In whatever phase it comes: nothing is busy, fetched or passed on after it."""
    for phase, since in (
        ("idle", 3),
        ("header", 1),
        ("header", 3),
        ("taken", 2),
        ("loading", 1),
        ("loading", 4),
    ):
        folder = tmp_path / f"{phase}{since}"
        folder.mkdir()
        life, _ = live(folder, 500, 1, fail_in=(phase, since))
        assert life.failed and "loaded" in life.events
