"""The stream of CONFIGURE into the memories, and requests between the run queue and memory."""

import random

import pytest

from rtl.bcnn.config import stream_bits
from rtl.bcnn.requests import STORES
from rtl.bcnn.tests.designs import IMAGE, LAST_LAYER, LOADED, SCORES
from rtl.bcnn.tests.driving import START, drive, pack, run, unpack
from rtl.lib.tests.agents import Source, Wires
from rtl.lib.tests.replay import RESET_CYCLES, Agent


def section(entries, bits):
    """256-bit words of entries of `bits` bits, low bits first, the last word filled up."""
    whole = pack(entries, bits)
    count = -(-len(entries) * bits // 256)
    return [(word,) for word in unpack(whole, 256, count)]


class Parameters(Agent):
    """The parameters that are written, in order: (layer, filter, entry)."""

    def __init__(self, ports):
        self.p, self.written = ports, []

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        bits, offset = int(self.p["parameters_data"]), 0
        for n, layer in enumerate(LOADED):
            width = max(1, (layer.filters - 1).bit_length())
            if int(self.p["parameters_valid"]) >> n & 1:
                field = bits >> offset
                address, data = field & (1 << width) - 1, field >> width & (1 << layer.parameter_bits) - 1
                self.written.append((n, address, data))
            offset += width + layer.parameter_bits


def addresses(number):
    """The same address of every weight memory, or its last one."""
    bus, offset = 0, 0
    for layer in LOADED:
        bus |= min(number, layer.weight_words - 1) << offset
        offset += max(1, (layer.weight_words - 1).bit_length())
    return bus


@pytest.mark.parametrize("pause", [0, 0.5])
def test_sections_are_loaded_in_order_and_again(pause, tmp_path):
    """Two loads behind each other; the second is what stays, read back from the memories."""
    rng, words, expected, agents = random.Random(1), [], [], []
    for _ in range(2):
        steps = []
        for n, layer in enumerate(LOADED):
            steps.append([rng.getrandbits(layer.step_bits) for _ in range(layer.weight_words)])
            # What is above an entry's own bits in its place may be anything.
            noise = stream_bits(layer.step_bits) - layer.step_bits
            words += section([e | rng.getrandbits(64) % (1 << noise) << layer.step_bits for e in steps[-1]],
                             stream_bits(layer.step_bits))  # fmt: skip
            entries = [rng.getrandbits(layer.parameter_bits) for _ in range(layer.filters)]
            words += section(entries, layer.parameter_bits)
            expected += [(n, number, entry) for number, entry in enumerate(entries)]
    assert len(words) == 2 * sum(sum(layer.stream_words) for layer in LOADED)
    depth = max(layer.weight_words for layer in LOADED)
    loading = 200 + 8 * len(words)
    reads = [{"read_address": 0, "enable": 0}] * loading + [
        {"read_address": addresses(n), "enable": 1} for n in range(depth + 3)
    ]

    def make(ports):
        agents.append(Parameters(ports))
        return [*agents, Source(ports, "words", words, pause=pause), Wires(ports, reads)]

    seen = drive("loaded_all", make, len(reads), tmp_path, settle=loading + 2)
    assert agents[0].written == expected
    for address in range(depth):
        bits = seen[loading + address + 2]["weights"]
        for n, layer in enumerate(LOADED):
            if address < layer.weight_words:
                assert bits & (1 << layer.step_bits) - 1 == steps[n][address], (n, address)
            bits >>= layer.step_bits


class Pipeline(Agent):
    """What stands behind the requests: reads images when there is room, gives their scores some time later."""

    def __init__(self, ports, given, seed, kind):
        self.p, self.given, self.random, self.kind = ports, given, random.Random(seed), kind
        self.loads, self.stores, self.done, self.images = [], [], 0, []
        self.reading, self.inside, self.stored, self.taken, self.completed = False, 0, [], 0, 0
        self.next, self.most, self.full, self.unanswered = {}, 0, False, 0
        self.complete, self.draining = 0, 0  # images with scores: not asked for yet; asked for, not drained

    def drive(self, cycle):
        chance, room, eager = self.random.random, cycle > START, self.kind == "eager"
        computed, answered = (cycle > 400, cycle > 700) if self.kind == "late" else (True, True)
        opens = room and not self.reading and len(self.loads) > len(self.images) and bool(self.p["feed_room"])
        opens = opens and chance() < 0.5
        ends = room and self.reading and not opens and chance() < (0.6 if eager else 0.2)
        done = room and answered and len(self.stores) > self.done and chance() < (0.9 if eager else 0.2)
        self.draining -= self.draining > 0 and chance() < 0.5
        filled = computed and self.inside > 0 and self.complete + self.draining < 2
        filled = filled and chance() < (0.5 if eager else 0.1)
        self.next = {"feed_opens": opens, "feed_ends": ends, "store_done": done, "filled": filled}
        self.next |= {f"{name}_command_ready": chance() < 0.5 for name in ("load", "store")}
        self.next |= {"halt": chance() < 0.05, "input_bytes": 104, "output_bytes": 32}
        for name, value in self.next.items():
            self.p[name].next = value

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        for name, log in (("load", self.loads), ("store", self.stores)):
            port = {field: int(self.p[f"{name}_command_{field}"]) for field in ("address", "length", "layer", "valid")}
            if port["valid"] and self.p[f"{name}_command_ready"]:
                assert not self.next["halt"]
                log.append((port["address"], port["length"], port["layer"]))
        self.count()
        self.most = max(self.most, len(self.images) - self.done)
        self.unanswered = max(self.unanswered, len(self.stores) - self.done)
        self.full |= not self.p["feed_room"]

    def count(self):
        outstanding = len(self.images) - self.done
        assert bool(self.p["busy"]) == (outstanding > 0)
        sent = int(self.p["store_command_valid"] and self.p["store_command_ready"])
        assert not self.p["store_command_valid"] or self.complete > 0
        self.complete += self.next["filled"] - sent
        self.draining += sent
        self.completed += int(self.p["request_done"])
        assert not self.p["request_done"] or self.next["store_done"]
        self.done += self.next["store_done"]
        counts = [count for *_, count in self.given]
        assert self.completed == sum(sum(counts[: n + 1]) <= self.done for n in range(len(counts)))
        if self.next["feed_opens"]:
            self.reading = True
            self.images.append(int(self.p["feed_image"]))
        if self.next["feed_ends"]:
            self.reading = False
            self.inside += 1
            self.taken += int(self.p["request_ready"])
            finished = sum(sum(counts[: n + 1]) <= self.inside_total() for n in range(len(counts)))
            assert self.taken == finished
        else:
            assert not self.p["request_ready"]
        self.inside -= self.next["filled"]

    def inside_total(self):
        """Images read so far."""
        return len(self.images) - self.reading


@pytest.mark.parametrize("kind", ["slow", "eager", "late"])
def test_requests_pass_in_order_several_in_flight(kind, tmp_path):
    """Addresses of all images, numbers from 0 in each request, a completion with each request's last store."""
    rng, agents = random.Random(2), []
    given = [(rng.getrandbits(28), rng.getrandbits(28), count) for count in (1, 1, 3, 7, 1, 2, 5)]
    given.append((0xFFFFFF80, 0xFFFFFFF0, 3))  # addresses wrap

    def make(ports):
        agents.append(Pipeline(ports, given, 3, kind))
        return [*agents, Source(ports, "request", given, ("input_address", "output_address", "count"), pause=0.2)]

    drive("requests_16", make, 1500, tmp_path, settle=30)
    pipe, end = agents[0], 1 << 32
    assert pipe.loads == [((source + 104 * n) % end, IMAGE, 0) for source, _, count in given for n in range(count)]
    assert pipe.stores == [
        ((result + 32 * n) % end, SCORES, LAST_LAYER) for _, result, count in given for n in range(count)
    ]
    assert pipe.images == [n for *_, count in given for n in range(count)]
    assert pipe.completed == pipe.taken == len(given)
    # With nothing computed the buffer is full; with nothing answered no more stores are sent than may wait.
    assert {"slow": 3 < pipe.most < 16, "eager": pipe.most > 1, "late": pipe.most >= 16 and pipe.full}[kind]
    assert kind != "late" or pipe.unanswered == STORES


@pytest.mark.parametrize("words", [1, 3])
def test_room_is_made_by_the_last_word_of_an_image(words, tmp_path):
    rng = random.Random(words)
    traffic = [{"valid": 0, "ready": 0}] * START
    traffic += [{"valid": rng.randrange(2), "ready": rng.randrange(2)} for _ in range(90)]
    seen = run(f"drained_words {words}", traffic, tmp_path)
    left = 0
    for cycle, now in enumerate(traffic):
        taken = now["valid"] and now["ready"]
        assert bool(seen[cycle]["drained"]) == bool(taken and left % words == words - 1), cycle
        left += taken
    assert left > 15
