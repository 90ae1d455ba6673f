"""Random MyHDL expressions through MyHDL's simulator and, converted, through Icarus or Verilator.

    python -m rtl.convert.tests.fuzz --seed 1 --count 300

Every expression that the converter accepts must give the same values in both. The generator deliberately
writes what authors might: mixed signs and widths, nested conditions, negative and large constants, shifts,
slices, inversions. What is refused is counted, by trap.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from myhdl import Signal, Simulation, delay, instance, intbv, modbv
from myhdl._Signal import _Signal

from rtl.convert import ConvertError, convert_block
from rtl.convert.tests.simulate import icarus, verilator

Simulator = Callable[[Sequence[Path], str, Path], list[str]]

INPUTS: dict[str, str] = {
    "a": "intbv(0)[4:]",
    "b": "intbv(0)[8:]",
    "c": "intbv(0)[13:]",
    "d": "intbv(0)[33:]",
    "e": "intbv(0, min=-5, max=100)",
    "f": "bool(0)",
    "g": "bool(0)",
    "m": "modbv(0)[6:]",
    "p": "intbv(0, min=-2048, max=2048)",
    "q": "intbv(0, min=-2**39, max=2**39)",
    "s": "intbv(0, min=-8, max=8)",
    "t": "intbv(0, min=-128, max=128)",
}
SIGNED = ("e", "p", "q", "s", "t")
VECTORS = ("a", "b", "c", "d", "e", "m", "p", "q", "s", "t")
CONSTANTS = (
    "0",
    "1",
    "2",
    "3",
    "5",
    "-1",
    "-4",
    "-100",
    "255",
    "1000",
    "2**31 - 1",
    "2**31",
    "-2**31",
    "2**35",
    "-7",
)


@dataclass
class Outcome:
    """What became of the expressions of one run."""

    accepted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def make_signal(kind: str) -> _Signal:
    """A Signal from its description in INPUTS."""
    return Signal(eval(kind, {"intbv": intbv, "modbv": modbv}))


class Generator:
    """Random expressions over INPUTS."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def expression(self, depth: int) -> str:
        """An integer expression."""
        if depth == 0:
            return self.leaf()
        forms = (
            self._binary,
            self._binary,
            self._binary,
            self._shift,
            self._conditional,
            self._unary,
            self.leaf,
            self._truth,
        )
        form = self.rng.choice(forms)
        return form() if form == self.leaf else form(depth)

    def leaf(self) -> str:
        choice = self.rng.random()
        if choice < 0.55:
            return self.rng.choice(list(INPUTS))
        if choice < 0.7:
            return self._literal()
        return self.rng.choice((self._slice, self._bit, self._signed, self._concat))()

    def _literal(self) -> str:
        return f"({self.rng.choice(CONSTANTS)})"

    def _width(self, name: str) -> int:
        return len(make_signal(INPUTS[name]))

    def _slice(self) -> str:
        name = self.rng.choice(VECTORS)
        high = self.rng.randint(1, self._width(name))
        return f"{name}[{high}:{self.rng.randrange(high)}]"

    def _bit(self) -> str:
        name = self.rng.choice(VECTORS)
        return f"{name}[{self.rng.randrange(self._width(name))}]"

    def _signed(self) -> str:
        return f"{self.rng.choice((self._slice(), self.rng.choice(VECTORS)))}.signed()"

    def _concat(self) -> str:
        return f"concat({self._slice()}, {self.rng.choice((self._bit(), self._slice(), 'f', 's'))})"

    def _binary(self, depth: int) -> str:
        operator = self.rng.choice("++--**&|^")
        return f"({self.expression(depth - 1)} {operator} {self.expression(depth - 1)})"

    def _shift(self, depth: int) -> str:
        operand = self.rng.choice((self.leaf(), self.expression(depth - 1)))
        distance = self.rng.choice(("1", "2", "7", "a", "b[3:]"))
        return f"({operand} {self.rng.choice(('>>', '>>', '<<'))} {distance})"

    def _unary(self, depth: int) -> str:
        if self.rng.random() < 0.5:
            return f"(~{self.rng.choice((*VECTORS, self._slice()))})"
        return f"(-{self.expression(depth - 1)})"

    def _truth(self, depth: int) -> str:
        return f"({self.condition(depth - 1)})"

    def _conditional(self, depth: int) -> str:
        return (
            f"({self.expression(depth - 1)} if {self.condition(depth - 1)} else {self.expression(depth - 1)})"
        )

    def body(self, depth: int) -> str:
        """Statements that assign y."""
        first, second = (self.expression(self.rng.randint(1, depth)) for _ in range(2))
        return body_of(first, second, self.condition(1), self.rng)

    def condition(self, depth: int) -> str:
        """A boolean expression."""
        choice = self.rng.random()
        if choice < 0.2:
            return self.rng.choice(("f", "g", self._bit(), f"not {self.rng.choice(('f', 'b', 's'))}"))
        if choice < 0.35 and depth > 0:
            joint = self.rng.choice(("and", "or"))
            return f"({self.condition(depth - 1)}) {joint} ({self.condition(depth - 1)})"
        operator = self.rng.choice(("<", "<=", ">", ">=", "==", "!="))
        side = self.leaf if self.rng.random() < 0.7 else lambda: self.expression(max(depth, 1))
        return f"({side()} {operator} {side()})"


HEAD = """from myhdl import Signal, always_comb, block, concat, intbv, modbv

TABLE = (5, -3, 0, 2**33, -2**33, 7, 8, 9, 1, 2, 3, 4, -1, -2, 15, 16)


def larger(x, y):
    if x > y:
        return x + 0
    return y + 0


def signum(x):
    if x < 0:
        return -1
    elif x == 0:
        return 0
    return 1

"""
TEMPLATE = """
@block
def expression_{number}({ports}, y):
    @always_comb
    def compute():
{body}
    return compute
"""


_WIDE = "intbv(0, min=-2**90, max=2**90)"


def body_of(expression: str, other: str, condition: str, rng: random.Random) -> str:
    """Statements around one or two expressions: assignment, branches, variables, loops."""
    forms: tuple[list[str], ...] = (
        [f"y.next = {expression}"],
        [f"if {condition}:", f"    y.next = {expression}", "else:", f"    y.next = {other}"],
        [
            "if a == 3:",
            f"    y.next = {expression}",
            "elif a == 0:",
            f"    y.next = {other}",
            "else:",
            "    y.next = s",
        ],
        [
            "if s == -3:",
            f"    y.next = {expression}",
            "elif s == 7:",
            f"    y.next = {other}",
            "elif s == -8:",
            "    y.next = 5",
            "else:",
            "    y.next = a",
        ],
        [f"v = {_WIDE}", f"v[:] = {expression}", f"y.next = v + ({other})"],
        [
            f"v = {_WIDE}",
            "for i in range(4):",
            "    if b[i]:",
            f"        v[:] = v + ({expression})",
            "        continue",
            "    if c[i + 2]:",
            "        break",
            "    v[:] = v - i",
            "y.next = v",
        ],
        [
            f"v = {_WIDE}",
            f"v[:] = {expression}",
            f"v {rng.choice('+-*|&^')}= {other}",
            "v >>= 3",
            "y.next = v",
        ],
        [
            f"v = {_WIDE}",
            "for i in range(2):",
            f"    v[:] = v + (b[i * 4 + 4:i * 4] ^ ({expression}))",
            "y.next = v",
        ],
        [f"w = {expression}", "y.next = w"],
        [
            f"w = {condition}",
            "if w and not f:",
            f"    y.next = {expression}",
            "else:",
            f"    y.next = {other}",
        ],
        ["if g:", "    y.next = TABLE[a]", "else:", f"    y.next = {expression}"],
        [f"y.next = larger(a, b) + ({expression})"],
        [f"v = {_WIDE}", f"v[:] = {expression}", "y.next = signum(v) * p"],
    )
    return "\n".join(f"        {line}" for line in rng.choice((forms[0], *forms)))


def ports_of(expression: str) -> list[str]:
    """Inputs that an expression reads."""
    found = set(re.findall(r"\b[a-z]\b", expression))
    return [name for name in INPUTS if name in found] or ["a"]


def write_source(path: Path, bodies: list[str]) -> ModuleType:
    """A Python module with one block for each body, imported."""
    blocks = (
        TEMPLATE.format(number=number, ports=", ".join(ports_of(body)), body=body)
        for number, body in enumerate(bodies)
    )
    path.write_text(HEAD + "".join(blocks))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vectors(rng: random.Random, count: int) -> list[dict[str, int]]:
    """Random inputs, corners first."""
    return [{name: _value(rng, kind, position) for name, kind in INPUTS.items()} for position in range(count)]


def _value(rng: random.Random, kind: str, position: int) -> int:
    signal = make_signal(kind)
    low, high = (0, 1) if signal._type is bool else (signal.min, signal.max - 1)
    if position < 2:
        return (low, high)[position]
    return rng.choice((low, high, 0, rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)))


def python_values(function: Callable, ports: list[str], stimuli: list[dict[str, int]]) -> list[int] | None:
    """Values of y in MyHDL's simulator, None where Python itself refuses the expression."""
    signals = {name: make_signal(INPUTS[name]) for name in ports}
    result = Signal(0)
    values: list[int] = []
    try:
        dut = function(*signals.values(), result)
    except Exception:
        return None

    @instance
    def drive():
        for stimulus in stimuli:
            for name, signal in signals.items():
                signal.next = stimulus[name]
            yield delay(1)
            values.append(int(result))

    try:
        Simulation(dut, drive).run(quiet=1)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
    return values if len(values) == len(stimuli) else None


def target_for(values: list[int], rng: random.Random) -> str:
    """A Signal type that holds all values: tight, or some bits wider; unsigned if it can be."""
    slack = rng.choice((0, 0, 1, 3, 9, 30))
    if min(values) >= 0 and rng.random() < 0.6:
        return f"intbv(0)[{max(max(values).bit_length(), 1) + slack}:]"
    bits = max(max(values).bit_length(), (-min(values) - 1).bit_length() if min(values) < 0 else 0) + slack
    return f"intbv(0, min=-{1 << bits}, max={1 << bits})"


def bench(tops: list[tuple[int, list[str], str]], stimuli: list[dict[str, int]]) -> str:
    """Verilog that applies the vectors to every module and prints every y."""
    lines = ["`timescale 1ns/1ps", "module bench;"]
    for name, kind in INPUTS.items():
        lines.append(f"reg {declaration(make_signal(kind))} {name};")
    for number, ports, kind in tops:
        lines.append(f"wire {declaration(make_signal(kind))} y{number};")
        wires = ", ".join(f".{name}({name})" for name in ports)
        lines.append(f"expression_{number} u{number}({wires}, .y(y{number}));")
    lines.append("initial begin")
    outputs = ", ".join(f"y{number}" for number, _, _ in tops)
    form = " ".join(["%0d"] * len(tops))
    for stimulus in stimuli:
        lines += [
            f"{name} = {value};"
            if abs(value) < 2**31
            else f"{name} = {'-' if value < 0 else ''}64'd{abs(value)};"
            for name, value in stimulus.items()
        ]
        lines.append(f'#1 $display("{form}", {outputs});')
    return "\n".join([*lines, "end", "endmodule", ""])


def declaration(signal: _Signal) -> str:
    """Sign and range of a Verilog declaration."""
    if signal._type is bool:
        return ""
    return f"{'signed ' if signal.min < 0 else ''}[{len(signal) - 1}:0]"


def run(seed: int, count: int, folder: Path, depth: int = 3, simulator: Simulator = icarus) -> Outcome:
    """Generate, convert, simulate and compare; `folder` keeps the sources."""
    rng = random.Random(seed)
    generator = Generator(rng)
    expressions = [generator.body(depth) for _ in range(count)]
    module = write_source(folder / f"fuzz_{seed}.py", expressions)
    stimuli = vectors(rng, 40)
    outcome = Outcome()
    tops, expected = [], {}
    for number, expression in enumerate(expressions):
        function, ports = getattr(module, f"expression_{number}"), ports_of(expression)
        values = python_values(function, ports, stimuli)
        if values is None:
            outcome.refused["Python"] += 1
            continue
        kind = target_for(values, rng)
        try:
            _convert(function, ports, kind, folder / f"e{number}", f"expression_{number}")
        except ConvertError as error:
            outcome.refused[_trap(str(error))] += 1
            continue
        outcome.accepted.append(expression)
        tops.append((number, ports, kind))
        expected[number] = values
    _compare(tops, expected, expressions, stimuli, folder, outcome, simulator)
    return outcome


def _convert(function: Callable, ports: list[str], kind: str, out: Path, name: str) -> None:
    def elaborate():
        return function(*(make_signal(INPUTS[port]) for port in ports), make_signal(kind))

    convert_block(elaborate, name=name, out_dir=out)


def _trap(message: str) -> str:
    found = re.search(r"trap \d+", message)
    return found.group() if found else message.splitlines()[0]


def _compare(
    tops, expected, expressions, stimuli, folder: Path, outcome: Outcome, simulator: Simulator
) -> None:
    if not tops:
        return
    (folder / "bench.v").write_text(bench(tops, stimuli))
    files = [folder / "bench.v", *(folder / f"e{number}" / f"expression_{number}.v" for number, _, _ in tops)]
    rows = [line.split() for line in simulator(files, "bench", folder)]
    for column, (number, _, kind) in enumerate(tops):
        for row, value in enumerate(expected[number]):
            if rows[row][column] != str(value):
                outcome.wrong.append(
                    f"expression_{number}: y [{kind}] of\n{expressions[number]}\n with {stimuli[row]}: "
                    f"Python {value}, Verilog {rows[row][column]}"
                )
                break


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder that keeps sources and Verilog")
    parser.add_argument("--verilator", action="store_true", help="simulate by Verilator instead of Icarus")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        simulator = verilator if options.verilator else icarus
        outcome = run(options.seed, options.count, options.keep or Path(temporary), options.depth, simulator)
    print(f"{len(outcome.accepted)} accepted, {len(outcome.wrong)} wrong, refused: {dict(outcome.refused)}")
    print("\n".join(outcome.wrong))
    return bool(outcome.wrong)


if __name__ == "__main__":
    sys.exit(main())
