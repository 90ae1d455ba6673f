"""Lanes of several elements, of one bit and of 32: what the taps show becomes the tensor again."""

from __future__ import annotations

import time

import numpy as np
import pytest

from compiler.observation import Observed, Records, gather
from compiler.program import Program
from compiler.tests.tap_records import PLANE, RECORD, SCORES, map_records, program, random_bits


def seen_map(made: Program, records: Records) -> Observed:
    return gather(made, 0, records).tensors["map"]


@pytest.mark.parametrize("channels", [32, 48, 64, 8, 7])
def test_bits_become_the_map_again(channels: int) -> None:
    made, bits = program(4, 6, channels), random_bits(4, 6, channels)
    records = map_records(bits, 3)
    seen = seen_map(made, records)
    assert seen.values.dtype == np.int8 and np.array_equal(seen.values, bits)
    assert seen.written.all() and seen.expected.all() and not seen.conflicts.any()
    shown = records[seen.record[0, 2, 4, channels - 1]]
    assert (shown["tag"], shown["address"]) == ((channels - 1) // PLANE, 15)


@pytest.mark.parametrize("channels", [64, 48])
def test_a_wrong_bit_is_one_wrong_value(channels: int) -> None:
    made, bits = program(4, 6, channels), random_bits(4, 6, channels)
    records = map_records(bits, 3)
    at = records[1]
    at["data"][5] ^= 1 << 2  # lane 1, channel 10 of plane 0
    wrong = np.argwhere(seen_map(made, records).values != bits)
    assert wrong.tolist() == [[0, 0, 4, 10]]


@pytest.mark.parametrize("channels", [64, 48])
def test_shown_twice_missing_and_outside_are_found(channels: int) -> None:
    made, bits = program(4, 6, channels), random_bits(4, 6, channels)
    records = map_records(bits, 3)
    again = records[:1].copy()
    again["data"][0, 3] ^= 1
    conflicts = seen_map(made, np.concatenate([records, again])).conflicts
    assert np.argwhere(conflicts).tolist() == [[0, 0, 0, 24]]
    assert np.argwhere(~seen_map(made, records[1:]).written[0, 0, :, 0]).reshape(-1).tolist() == [0, 1, 2]
    beyond = records[:1].copy()
    beyond["address"] = 22
    assert gather(made, 0, np.concatenate([records, beyond])).unexplained.tolist() == [len(records)]


def test_a_layer_that_shows_nothing_is_all_unwritten() -> None:
    made, records = program(4, 6, 48), map_records(random_bits(4, 6, 48), 3)
    assert not seen_map(made, records[:0]).written.any()
    assert not gather(made, 1, records[:0]).tensors["scores"].written.any()


def test_a_record_of_no_observation_is_told() -> None:
    made, records = program(4, 6, 32), map_records(random_bits(4, 6, 32), 3)
    for tap in (0, 3, 4):
        strange = records.copy()
        strange["tag"][2], strange["tap"][2] = 9, tap
        assert gather(made, 0, strange).unexplained.tolist() == [2]


def test_a_record_on_a_tap_of_another_layer_shows_nothing() -> None:
    made, records = program(4, 6, 32), map_records(random_bits(4, 6, 32), 3)
    records["tap"][2] = 4
    assert (~seen_map(made, records).written).sum() == 3 * 32


def test_scores_become_32_bit_numbers() -> None:
    made = program(1, 1, 32)
    records = np.zeros(len(SCORES), RECORD)
    records["lanes"], records["tap"], records["layer"] = 1, 4, 1
    records["address"] = np.arange(len(SCORES))
    records["data"][:, :4] = SCORES.view(np.int8).reshape(-1, 4)
    seen = gather(made, 1, records).tensors["scores"]
    assert seen.values.dtype == np.int32 and np.array_equal(seen.values.reshape(-1), SCORES)


def test_an_image_of_bits_is_gathered_in_milliseconds() -> None:
    made, bits = program(150, 128, 128), random_bits(150, 128, 128)
    records = map_records(bits, 32)
    assert len(records) == 4 * 600
    times = []
    for _ in range(5):
        begin = time.process_time()
        seen = seen_map(made, records)
        times.append(time.process_time() - begin)
    assert np.array_equal(seen.values, bits)
    assert min(times) / 4 < 0.010
