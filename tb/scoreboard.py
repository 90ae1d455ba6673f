"""The scoreboard: on each layer's end every tensor that the layer computes is compared with golden, value
by value.

It passes only when every layer of every image ended once, every node was compared, nothing was seen that
belongs to no layer, and the outputs in memory are right as well. A request that asks for it compares the outputs in
memory only; its verdict says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pyuvm import uvm_subscriber

from tb.compare import compare_memory, compare_observed
from tb.expectation import Expectation
from tb.finding import Finding, Kind
from tb.records import Records
from tb.uvc.layer import LayerItem

MESSAGES = 20


@dataclass
class LayerTotal:
    """What a layer took over all images of a request. equal: None if its nodes are not compared."""

    name: str
    images: int = 0
    equal: bool | None = True
    counters: Counter[str] = field(default_factory=Counter)


@dataclass
class Verdict:
    """What became of one request. `values` is the number of tensor elements compared; `classes` says for each output
    in memory and image where its highest value stands. totals: the counters of the registers over all RUNs, None where
    a RUN began them anew before they could be read; ends: cycle of each end of the last layer."""

    layers: list[LayerTotal]
    failures: list[Finding] = field(default_factory=list)
    tensors: int = 0
    values: int = 0
    classes: dict[str, list[int]] = field(default_factory=dict)
    totals: Counter[str] | None = field(default_factory=Counter)
    ends: list[int] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True when something was compared and nothing was wrong."""
        return self.values > 0 and not self.failures

    def fail(self, found: Finding) -> None:
        """Add a failure; the first MESSAGES are kept, one more line tells that there were others."""
        if len(self.failures) < MESSAGES:
            self.failures.append(found)
        elif len(self.failures) == MESSAGES:
            self.failures.append(replace(found, text="further failures are not shown"))


class Scoreboard(uvm_subscriber):
    """Receives layer items; `expect` opens a request, `close` gives its verdict."""

    def __init__(self, name: str, parent: Any) -> None:
        super().__init__(name, parent)
        self._expected: Expectation | None = None
        self._abandoned = False
        self.verdict = Verdict([])
        self._before: dict[int, LayerItem] = {}
        self._lanes = 1
        self.stray: list[Finding] = []

    def expect(self, expectation: Expectation) -> None:
        """From now on layer items belong to this request."""
        self._expected = expectation
        self._abandoned = False
        equal = True if expectation.taps else None
        self.verdict = Verdict([LayerTotal(layer.name, equal=equal) for layer in expectation.layers])
        self._before = {}
        self._lanes = expectation.event_lanes

    def abandon(self) -> Verdict:
        """The request is stopped on purpose: what was compared so far stands, nothing more is awaited."""
        self._expected, self._abandoned = None, True
        return self.verdict

    def unfinished(self) -> tuple[str, str]:
        """The first layer that has not ended for every image, and its operator; empty if there is none."""
        expected = self._expected
        if expected is None:
            return "", ""
        for number, total in enumerate(self.verdict.layers):
            if total.images < expected.images:
                return total.name, expected.operator(number)
        return "", ""

    def rest(self) -> None:
        """The accelerator has been reset: a layer that ends from now on belongs to nothing."""
        self._abandoned = False

    def write(self, item: LayerItem) -> None:
        """Compare what a layer made."""
        if self._abandoned:
            return
        if self._expected is None:
            text = f"cycle {item.cycle}: layer {item.layer} ended, but no request is running"
            self.stray.append(Finding(Kind.STRAY, text, cycle=item.cycle))
        elif item.layer >= len(self._expected.layers):
            text = f"cycle {item.cycle}: layer {item.layer} ended, but the program has no such layer"
            self.verdict.fail(Finding(Kind.STRAY, text, cycle=item.cycle))
        else:
            self._count(item)
            self._compare(item, self._expected)

    def check_memory(
        self, expected: Expectation, image: int, data: bytes, address: int, writes: Records
    ) -> None:
        """Compare one image's outputs, as they stand in memory at `address`."""
        stored = np.frombuffer(data, np.uint8)[None]
        for place in expected.outputs:
            subject = expected.subject(expected.maker(place.tensor), place.tensor, image)
            got = place.pick(stored)
            found = compare_memory(subject, got, address + place.offset, writes)
            self._tally(subject.expected.size)
            self.verdict.classes.setdefault(place.tensor, []).append(int(got.argmax()))
            if found:
                self.verdict.fail(found.within("in memory"))

    def close(self, leftover_taps: int, counters: dict[str, int]) -> Verdict:
        """End the request: `counters` as the registers give them after the last RUN."""
        expected, self._expected = self._expected, None
        if expected is None:
            self.verdict.fail(Finding(Kind.UNSEEN, "the scoreboard was closed without a request"))
            return self.verdict
        self._check_complete(expected, leftover_taps)
        self._sum_up(counters)
        self.verdict.failures.extend(self.stray)
        return self.verdict

    def _count(self, item: LayerItem) -> None:
        """Add what the lane counted since its end before."""
        total = self.verdict.layers[item.layer].counters
        before = self._before.get(item.lane)
        for name, value in item.counters.items():
            total[name] += value - (before.counters[name] if before else 0)
        self._before[item.lane] = item

    def _compare(self, item: LayerItem, expected: Expectation) -> None:
        layer, total = expected.layers[item.layer], self.verdict.layers[item.layer]
        position = total.images
        total.images += 1
        if total is self.verdict.layers[-1]:
            self.verdict.ends.append(item.cycle)
        if expected.number_in_batch(position) != item.image:
            text = f"layer {layer.name}: image {item.image} ended, awaited {position} of all images"
            self.verdict.fail(self._of_layer(Kind.ORDER, text, expected, item.layer, item.cycle))
            return
        if not expected.taps:
            return
        if expected.matches(item.layer, position, item.taps):
            for node in layer.aliases:
                self._tally(expected.tensors[node][position].size)
        else:
            self._look_closely(item, expected, position)

    def _look_closely(self, item: LayerItem, expected: Expectation, position: int) -> None:
        """Element by element, so that what is wrong can be told."""
        layer = expected.layers[item.layer]
        gathered = expected.observe(item.layer, item.taps)
        if len(gathered.unexplained):
            self._judge(item, self._unexplained(item, expected, gathered.unexplained))
        for node, seen in gathered.tensors.items():
            self._tally(int(seen.expected.sum()))
            subject = expected.subject(layer.name, node, position)
            self._judge(item, compare_observed(subject, seen, item.taps))
            self._judge(item, self._shown_twice(item, expected, node, int(seen.conflicts.sum())))

    def _unexplained(self, item: LayerItem, expected: Expectation, rows: npt.NDArray[np.int64]) -> Finding:
        """Results were written that the layer table does not account for."""
        first = item.taps[int(rows[0])]
        text = (
            f"layer {expected.layers[item.layer].name}: instruction {first['tag']} wrote to address "
            f"0x{first['address']:x} in cycle {first['cycle']} what belongs to no tensor ({len(rows)} such writes)"
        )
        found = self._of_layer(Kind.STRAY, text, expected, item.layer, int(first["cycle"]))
        return replace(found, address=int(first["address"]), writer=f"instruction {first['tag']}")

    def _shown_twice(
        self, item: LayerItem, expected: Expectation, node: str, conflicts: int
    ) -> Finding | None:
        """A wrong value does not become right by being overwritten."""
        name = expected.layers[item.layer].name
        text = f"layer {name}: node {node}: {conflicts} values were shown twice, differently"
        found = self._of_layer(Kind.SHOWN_TWICE, text, expected, item.layer, item.cycle)
        return replace(found, node=node, wrong=conflicts) if conflicts else None

    def _judge(self, item: LayerItem, found: Finding | None) -> None:
        if found:
            self.verdict.layers[item.layer].equal = False
            self.verdict.fail(found)

    def _of_layer(
        self, kind: Kind, text: str, expected: Expectation, layer: int, cycle: int | None
    ) -> Finding:
        return Finding(kind, text, expected.layers[layer].name, expected.operator(layer), cycle=cycle)

    def _tally(self, values: int) -> None:
        self.verdict.tensors += 1
        self.verdict.values += values

    def _check_complete(self, expected: Expectation, leftover_taps: int) -> None:
        for number, total in enumerate(self.verdict.layers):
            if total.images != expected.images:
                text = f"layer {total.name} ended {total.images} times, awaited {expected.images}"
                self.verdict.fail(self._of_layer(Kind.ORDER, text, expected, number, None))
        if leftover_taps:
            text = f"{leftover_taps} observed writes belong to no layer that ended"
            self.verdict.fail(Finding(Kind.STRAY, text))
        for node in sorted(set(expected.tensors) - expected.observable) if expected.taps else ():
            self.verdict.fail(Finding(Kind.UNSEEN, f"node {node} was not compared with golden", node=node))
        if self.verdict.values == 0:
            self.verdict.fail(Finding(Kind.UNSEEN, "nothing was compared"))

    def restarted(self, cycle: int, counters: Mapping[str, int] | None) -> None:
        """A RUN asked for in `cycle` found the accelerator idle, so that all counters began from zero. counters: those
        of the registers before it, None if they could not be read in time."""
        self._sum_up(counters)
        self._before = {lane: item for lane, item in self._before.items() if item.cycle >= cycle}

    def _sum_up(self, counters: Mapping[str, int] | None) -> None:
        """Counters as they stood at the end of one or several RUNs. What was counted after the last layer's end belongs
        to that layer, if layers end one after the other; an event lane then counts what the registers count."""
        last = self._before.get(0) if self._lanes == 1 else None
        if counters is None and last:
            counters = last.counters
        if counters is None:
            self.verdict.totals = None
        elif self.verdict.totals is not None:
            self.verdict.totals.update(counters)
        if last and counters and self.verdict.layers:
            tail = self.verdict.layers[-1].counters
            tail.update({name: value - last.counters[name] for name, value in counters.items()})
