"""Rescaling equals TFLite's: recorded in MyHDL, replayed under Icarus and Verilator."""

import random

from rtl.lib.requantiser import REQUANTISER_LATENCY, SCALED_OPERAND_LATENCY
from rtl.lib.tests.replay import Agent, check


def rescale(value, multiplier, shift):
    """TFLite's MultiplyByQuantizedMultiplier with gemmlowp's two roundings, in Python's integers."""
    product = (value << max(shift, 0)) * multiplier
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    high = abs(nudged) >> 31
    high = -high if nudged < 0 else high
    exponent = max(-shift, 0)
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> exponent) + ((high & mask) > threshold)


class Pipeline(Agent):
    """Feeds a pipeline a vector a cycle and compares with a function of it, `latency` cycles later."""

    def __init__(self, ports, names, vectors, expected, latency):
        self.ports, self.names, self.vectors = ports, names, vectors
        self.expected, self.latency, self.compared = expected, latency, 0

    def drive(self, cycle):
        for name, value in zip(self.names, self.vectors[min(cycle, len(self.vectors) - 1)], strict=True):
            self.ports[name].next = value

    def sample(self, cycle):
        if self.latency <= cycle < self.latency + len(self.vectors):
            vector = self.vectors[cycle - self.latency]
            assert int(self.ports["result"]) == self.expected(*vector), vector
            self.compared += 1

    def finish(self):
        assert self.compared == len(self.vectors)


def requantiser_vectors(count):
    """Random and extreme values: all shifts, halves that round either way, the ends of the ranges."""
    rng = random.Random(11)
    corners = (-(1 << 31), (1 << 31) - 1, 0, 1, -1, 1 << 30, -(1 << 30), 3 << 29)
    vectors = []
    for n in range(count):
        shift = n % 63 - 31
        value = rng.choice(
            [rng.randrange(-(1 << 31), 1 << 31), rng.choice(corners), rng.randrange(-3000, 3000)]
        )
        value = value if shift <= 0 else value >> shift
        multiplier = rng.choice(
            [rng.randrange(1 << 30, 1 << 31), (1 << 31) - 1, 1 << 30, rng.getrandbits(31), 0]
        )
        vectors.append((value, multiplier, shift))
    return vectors


def test_requantiser_equals_tflite(tmp_path):
    vectors = requantiser_vectors(2500)
    names = ("value", "multiplier", "shift")
    check(
        "requantiser_32",
        lambda ports: [Pipeline(ports, names, vectors, rescale, REQUANTISER_LATENCY)],
        len(vectors) + REQUANTISER_LATENCY,
        tmp_path,
        settle=REQUANTISER_LATENCY,
    )


def test_scaled_operand_equals_tflite(tmp_path):
    rng = random.Random(12)
    vectors = [
        (
            rng.choice([-256, 255, 0, rng.randint(-256, 255)]),
            rng.choice([(1 << 31) - 1, 0, 1 << 30, rng.getrandbits(31)]),
            rng.randrange(32),
        )
        for _ in range(1500)
    ]
    names = ("operand", "multiplier", "exponent")
    check(
        "scaled_operand_32",
        lambda ports: [
            Pipeline(ports, names, vectors, lambda x, m, e: rescale(x << 20, m, -e), SCALED_OPERAND_LATENCY)
        ],
        len(vectors) + SCALED_OPERAND_LATENCY,
        tmp_path,
        settle=SCALED_OPERAND_LATENCY,
    )
