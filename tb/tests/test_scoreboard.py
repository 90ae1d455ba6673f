"""The scoreboard passes only what it has compared and found equal; every way of being wrong is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from pyuvm import uvm_root

from compiler.matching import Matcher
from compiler.observation import gather
from compiler.program import Geometry, Layer, Observation, Placement, Program, Region
from rtl.lib.registers import COUNTERS
from tb.counters import check_counters
from tb.expectation import Expectation, never
from tb.finding import Checker, Kind, from_plain, to_plain
from tb.records import Records, tap_type, write_type
from tb.scoreboard import LayerTotal, Scoreboard
from tb.uvc.layer import LayerItem

LANES, SHAPE, SIZE = 4, (2, 3, 2), 12
COUNTS = {name: 10 for name, _ in COUNTERS}
VALUES = np.arange(SIZE, dtype=np.int8).reshape(1, *SHAPE) - 5


def program() -> Program:
    """One layer `conv`, its tensor `map` at scratchpad address 64, written by instruction 7."""
    seen = Observation(7, Geometry("map", 0, 64, SIZE, 0, SIZE, 1))
    shape = (1, *SHAPE)
    layer = Layer("conv", ("conv",), 100, 90, {"map": shape}, {"map": "map"}, (Region(0, SIZE),), (seen,))
    places = (Placement("input", shape, 0),), (Placement("map", shape, 0),)
    return Program("systolic", "tiny", 0, "net", LANES, 16, 16, 8, *places, (layer,), b"")


def taps(values: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> Records:
    """What the accelerator shows of a tensor, four bytes a record."""
    records = np.zeros(SIZE // LANES, tap_type(LANES))
    records["lanes"], records["tag"], records["cycle"] = LANES, 7, 50 + np.arange(len(records))
    records["address"] = 64 + LANES * np.arange(len(records))
    records["data"] = values.reshape(-1, LANES)
    return records


def item(
    records: Records, image: int = 0, layer: int = 0, lane: int = 0, cycle: int = 60, count: int = 10
) -> LayerItem:
    """The layer's end; every counter of its lane is `count`."""
    return LayerItem(layer, image, cycle, dict.fromkeys(COUNTS, count), records, lane)


def expectation(images: int = 1, quick: bool = True) -> Expectation:
    """Golden says VALUES for every image. quick: what is right is not looked at closely."""
    made = program()
    golden = {"map": np.repeat(VALUES, images, axis=0)}
    matches = Matcher(made, golden).matches if quick else never
    return Expectation(made.layers, golden, (images,), made.outputs, partial(gather, made), matches=matches)


@pytest.fixture(params=[True, False], ids=["quick", "close"])
def board(request: pytest.FixtureRequest) -> Iterator[Scoreboard]:
    uvm_root().clear_children()
    made = Scoreboard("scoreboard", None)
    made.expect(expectation(quick=request.param))
    yield made
    uvm_root().clear_children()


def failures(board: Scoreboard, leftover: int = 0) -> list[str]:
    return [str(found) for found in board.close(leftover, COUNTS).failures]


def test_equal_tensors_pass(board: Scoreboard) -> None:
    board.write(item(taps(VALUES)))
    verdict = board.close(0, COUNTS)
    assert verdict.passed
    assert (verdict.tensors, verdict.values) == (1, SIZE)


def test_nothing_compared_is_a_failure(board: Scoreboard) -> None:
    assert "nothing was compared" in failures(board)


def test_mismatch_is_located(board: Scoreboard) -> None:
    wrong = VALUES.copy()
    wrong[0, 1, 0, 1] += 9
    board.write(item(taps(wrong)))
    (line,) = failures(board)
    assert line.startswith("layer conv: node map (n, y, x, c) = (0, 1, 0, 1): expected 2, got 11")
    assert "at address 0x44 in cycle 51 from instruction 7; 1 of 12 values differ (some wrong)" in line


def test_mismatch_is_told_as_data(board: Scoreboard) -> None:
    board.expect(replace(expectation(images=2), operators={"map": "convolution 3x3"}))
    board.write(item(taps(VALUES)))
    wrong = VALUES.copy()
    wrong[0, :, 0, 0] += 1
    board.write(item(taps(wrong), image=1))
    (found,) = board.close(0, COUNTS).failures
    assert (found.kind, found.kind.checker) == (Kind.OFF_BY_ONE, Checker.DATA)
    assert (found.layer, found.operator, found.node) == ("conv", "convolution 3x3", "map")
    assert (found.coordinate, found.expected, found.got) == ((1, 0, 0, 0), -5, -4)
    assert (found.address, found.cycle, found.writer) == (0x40, 50, "instruction 7")
    assert (found.wrong, found.total) == (2, SIZE)
    assert from_plain(json.loads(json.dumps(to_plain(found)))) == found


def test_value_never_written_is_told(board: Scoreboard) -> None:
    board.write(item(taps(VALUES)[:-1]))
    (line,) = failures(board)
    assert "(0, 1, 1, 0): expected 3, got nothing; 4 of 12" in line


def test_value_shown_wrong_and_then_overwritten_is_told(board: Scoreboard) -> None:
    wrong, right = taps(VALUES + 1), taps(VALUES)
    board.write(item(np.concatenate([wrong, right])))
    (failure,) = failures(board)
    assert failure == f"layer conv: node map: {SIZE} values were shown twice, differently"


def test_write_outside_the_tensor_is_told(board: Scoreboard) -> None:
    records = np.concatenate([taps(VALUES), taps(VALUES)[:1]])
    records[-1]["address"] = 640
    board.write(item(records))
    assert any("belongs to no tensor" in line for line in failures(board))


def test_missing_layer_end_is_told(board: Scoreboard) -> None:
    board.expect(expectation(images=2))
    board.write(item(taps(VALUES)))
    assert "layer conv ended 1 times, awaited 2" in failures(board)


def test_wrong_image_number_is_told(board: Scoreboard) -> None:
    board.write(item(taps(VALUES), image=3))
    assert any("image 3 ended" in line for line in failures(board))


def test_unknown_layer_is_told(board: Scoreboard) -> None:
    board.write(item(taps(VALUES), layer=4))
    assert any("has no such layer" in line for line in failures(board))


def test_leftover_taps_are_told(board: Scoreboard) -> None:
    board.write(item(taps(VALUES)))
    assert failures(board, leftover=2) == ["2 observed writes belong to no layer that ended"]


def test_node_that_is_never_compared_is_told(board: Scoreboard) -> None:
    more = replace(expectation(), tensors={**expectation().tensors, "other": VALUES})
    board.expect(more)
    board.write(item(taps(VALUES)))
    assert failures(board) == ["node other was not compared with golden"]


def test_event_without_a_request_is_told(board: Scoreboard) -> None:
    board.write(item(taps(VALUES)))
    board.close(0, COUNTS)
    board.write(item(taps(VALUES)))
    board.expect(expectation())
    board.write(item(taps(VALUES)))
    assert any("no request is running" in line for line in failures(board))


def test_layer_end_after_a_finished_reset_is_told(board: Scoreboard) -> None:
    board.abandon()
    board.write(item(taps(VALUES)))
    assert board.stray == []
    board.rest()
    board.write(item(taps(VALUES)))
    assert len(board.stray) == 1


def test_memory_is_compared(board: Scoreboard) -> None:
    wrong = VALUES.copy()
    wrong[0, 0, 2, 1] = 99
    writes = np.zeros(2, write_type(8))
    writes["address"], writes["strobe"], writes["cycle"] = [0x100, 0x108], 0xFF, [70, 71]
    board.check_memory(expectation(), 0, wrong.tobytes(), 0x100, writes)
    (found,) = board.verdict.failures
    assert "in memory: layer conv: node map" in str(found)
    assert "(0, 0, 2, 1): expected 0, got 99 at address 0x105 in cycle 70" in str(found)


def test_memory_that_nothing_wrote_is_told(board: Scoreboard) -> None:
    board.check_memory(expectation(), 0, bytes(SIZE), 0x100, np.zeros(0, write_type(8)))
    (found,) = board.verdict.failures
    assert found.kind is Kind.NEVER_WRITTEN and found.cycle is None


def pipeline(images: int, lanes: int) -> Expectation:
    """Two layers, of which nothing is to be compared but the outputs."""
    made = expectation(images)
    first, second = made.layers[0], replace(made.layers[0], name="second")
    return replace(made, layers=(first, second), event_lanes=lanes, taps=False)


def ends(board: Scoreboard, *items: tuple[int, int, int, int]) -> None:
    """(layer, image, cycle, count) each, on a lane of its own for each layer."""
    for layer, image, cycle, count in items:
        board.write(item(taps(VALUES), image, layer, layer, cycle, count))


def test_each_lane_has_counters_of_its_own(board: Scoreboard) -> None:
    board.expect(pipeline(2, 2))
    ends(board, (0, 0, 50, 7), (0, 1, 60, 13), (1, 0, 60, 100), (1, 1, 90, 150))
    verdict = board.close(0, dict.fromkeys(COUNTS, 999))
    assert [layer.counters["CYCLES"] for layer in verdict.layers] == [13, 150]
    assert verdict.totals is not None and verdict.totals["CYCLES"] == 999
    assert verdict.ends == [60, 90]


def test_the_only_lane_gives_its_tail_to_the_last_layer(board: Scoreboard) -> None:
    board.expect(pipeline(1, 1))
    board.write(item(taps(VALUES), 0, 0, 0, 50, 7))
    board.write(item(taps(VALUES), 0, 1, 0, 60, 12))
    verdict = board.close(0, dict.fromkeys(COUNTS, 20))
    assert [layer.counters["CYCLES"] for layer in verdict.layers] == [7, 5 + 8]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("lanes", [1, 2])
def test_counters_that_begin_anew_are_summed_up(board: Scoreboard, lanes: int, known: bool) -> None:
    board.expect(replace(pipeline(2, lanes), batches=(1, 1)))
    for image, layer, cycle, count in ((0, 0, 50, 7), (0, 1, 60, 12)):
        board.write(item(taps(VALUES), image, layer, layer if lanes > 1 else 0, cycle, count))
    board.restarted(70, dict.fromkeys(COUNTS, 20) if known else None)
    for image, layer, cycle, count in ((0, 0, 90, 9), (0, 1, 95, 14)):
        board.write(item(taps(VALUES), image, layer, layer if lanes > 1 else 0, cycle, count))
    verdict = board.close(0, dict.fromkeys(COUNTS, 25))
    cycles = [layer.counters["CYCLES"] for layer in verdict.layers]
    if lanes == 1:
        assert cycles == [7 + 9, (13 if known else 5) + 16]
        assert verdict.totals is not None and verdict.totals["CYCLES"] == (20 if known else 12) + 25
    else:
        assert cycles == [7 + 9, 12 + 14]
        assert (verdict.totals["CYCLES"] if verdict.totals else None) == (45 if known else None)


def test_image_numbers_count_within_their_run(board: Scoreboard) -> None:
    board.expect(replace(pipeline(3, 2), batches=(2, 1)))
    ends(board, (0, 0, 50, 1), (0, 1, 51, 2), (0, 0, 52, 3), (1, 0, 53, 1), (1, 1, 54, 2), (1, 2, 55, 3))
    (line,) = [line for line in failures(board) if "ended, awaited" in line]
    assert line == "layer second: image 2 ended, awaited 2 of all images"


def test_outputs_alone_are_compared_when_that_is_asked_for(board: Scoreboard) -> None:
    board.expect(replace(expectation(), taps=False))
    board.write(item(taps(VALUES + 1)[:0]))
    board.check_memory(expectation(), 0, VALUES.tobytes(), 0x100, np.zeros(0, write_type(8)))
    verdict = board.close(0, COUNTS)
    assert verdict.passed and verdict.values == SIZE and verdict.layers[0].equal is None


def test_outputs_alone_that_are_wrong_are_told(board: Scoreboard) -> None:
    board.expect(replace(expectation(), taps=False))
    board.write(item(taps(VALUES)[:0]))
    board.check_memory(expectation(), 0, (VALUES + 1).tobytes(), 0x100, np.zeros(0, write_type(8)))
    (line,) = failures(board)
    assert "in memory: layer conv: node map" in line and "12 of 12" in line


def test_outputs_of_32_bits_are_compared_and_located(board: Scoreboard) -> None:
    golden = np.array([[-70_000, 5, 1 << 30]], np.int32)
    place = Placement("scores", (1, 3), 8, 32)
    expected = replace(expectation(), tensors={"scores": golden}, outputs=(place,))
    writes = np.zeros(1, write_type(8))
    writes["address"], writes["strobe"], writes["cycle"] = 0x110, 0xFF, 70
    board.check_memory(expected, 0, bytes(8) + golden.tobytes(), 0x100, writes)
    assert board.verdict.failures == [] and board.verdict.classes == {"scores": [2]}
    wrong = golden.copy()
    wrong[0, 2] -= 1
    board.check_memory(expected, 0, bytes(8) + wrong.tobytes(), 0x100, writes)
    (found,) = board.verdict.failures
    line = str(found)
    assert f"(0, 0, 0, 2): expected {1 << 30}, got {(1 << 30) - 1} at address 0x110 in cycle 70" in line


@pytest.mark.parametrize("name", ["BYTES_READ", "BYTES_WRITTEN", "MACS", "MACS_SKIPPED", "COMPUTE"])
def test_wrong_counter_is_told(name: str) -> None:
    total = LayerTotal("conv")
    right = {
        "BYTES_READ": 32,
        "BYTES_WRITTEN": 16,
        "MACS": 90,
        "MACS_SKIPPED": 10,
        "CYCLES": 50,
        "COMPUTE": 20,
    }
    total.counters.update(right)
    assert check_counters(program(), 1, Counter(right), [total], 32, 16) == []
    wrong = Counter({**right, name: right[name] + 31})
    assert any(name in str(found) for found in check_counters(program(), 1, wrong, [total], 32, 16))


@pytest.mark.parametrize(("computed", "told"), [(19, True), (20, False), (35, False), (36, True)])
def test_all_compute_as_long_as_the_busiest_layer_at_least_and_as_all_one_after_the_other_at_most(
    computed: int, told: bool
) -> None:
    layers = [LayerTotal("conv", counters=Counter(COMPUTE=20, MACS=60, MACS_SKIPPED=10)), LayerTotal("pool")]
    layers[1].counters.update(COMPUTE=15, MACS=30)
    total = Counter(BYTES_READ=32, BYTES_WRITTEN=16, MACS=90, MACS_SKIPPED=10, CYCLES=50, COMPUTE=computed)
    found = [str(one) for one in check_counters(program(), 1, total, layers, 32, 16)]
    wanted = (
        f"counter COMPUTE is {computed}, must be 20, as the busiest layer computes, to 35, as all of them do"
    )
    assert found == ([wanted] if told else [])


@pytest.mark.parametrize("name", ["MACS", "MACS_SKIPPED"])
def test_layers_that_do_not_add_up_are_told(name: str) -> None:
    right = {"BYTES_READ": 32, "BYTES_WRITTEN": 16, "MACS": 90, "MACS_SKIPPED": 10, "CYCLES": 50}
    total = LayerTotal("conv", counters=Counter({**right, name: right[name] - 1}))
    (found,) = check_counters(program(), 1, Counter(right), [total], 32, 16)
    assert found.kind is Kind.COUNTER
    assert str(found) == f"counter {name} is {right[name]}, but {right[name] - 1} over all layer ends"
