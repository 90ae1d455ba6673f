"""The quick comparison says yes only where the close one finds nothing."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.matching import MOST_PLANS, Matcher
from compiler.observation import Records, gather
from compiler.program import Program
from compiler.tests.tap_records import RECORD, SCORES, map_records, program, random_bits
from golden.ir import Array


def is_right(made: Program, records: Records, bits: Array) -> bool:
    """What a close look says."""
    found = gather(made, 0, records)
    seen = found.tensors["map"]
    return bool(
        np.array_equal(seen.values, bits)
        and seen.written.all()
        and not seen.conflicts.any()
        and not len(found.unexplained)
    )


@pytest.mark.parametrize("channels", [32, 48, 64, 8, 7])
def test_right_records_match_image_after_image(channels: int) -> None:
    made = program(4, 6, channels)
    images = np.concatenate([np.roll(random_bits(4, 6, channels), seed, axis=2) for seed in range(3)])
    matcher = Matcher(made, {"map": images})
    for number in range(3):
        assert matcher.matches(0, number, map_records(images[number : number + 1], 3))
        assert not matcher.matches(0, number, map_records(-images[number : number + 1], 3))


@pytest.mark.parametrize("channels", [32, 48, 7])
def test_every_bit_counts_that_means_something(channels: int) -> None:
    made, bits = program(2, 3, channels), random_bits(2, 3, channels)
    matcher, right = Matcher(made, {"map": bits}), map_records(bits, 3)
    wrong = 0
    for record in range(len(right)):
        for place in range(8 * right["data"].shape[1]):
            changed = right.copy()
            changed["data"][record, place // 8] ^= (
                np.int8(1) << (place % 8) if place % 8 < 7 else np.int8(-128)
            )
            matched = matcher.matches(0, 0, changed)
            assert matched == is_right(made, changed, bits)
            wrong += not matched
    assert wrong == bits.size


@pytest.mark.parametrize("field", ["lanes", "tap", "tag", "address", "layer"])
def test_records_that_show_something_else_do_not_match(field: str) -> None:
    made, bits = program(4, 6, 48), random_bits(4, 6, 48)
    matcher, right = Matcher(made, {"map": bits}), map_records(bits, 3)
    assert matcher.matches(0, 0, right)
    for record in range(len(right)):
        changed = right.copy()
        changed[field][record] = right[field][record] - 1 if field == "lanes" else right[field][record] + 1
        assert not matcher.matches(0, 0, changed)


def test_missing_and_repeated_records_do_not_match() -> None:
    made, bits = program(4, 6, 64), random_bits(4, 6, 64)
    matcher, right = Matcher(made, {"map": bits}), map_records(bits, 3)
    assert not matcher.matches(0, 0, right[1:])
    assert not matcher.matches(0, 0, right[:0])
    assert not matcher.matches(0, 0, np.concatenate([right, right[:1]]))
    assert matcher.matches(0, 0, right[::-1]), "the order in which they came does not matter"


def test_scores_match() -> None:
    made, records = program(1, 1, 32), np.zeros(len(SCORES), RECORD)
    records["lanes"], records["tap"], records["layer"] = 1, 4, 1
    records["address"] = np.arange(len(SCORES))
    records["data"][:, :4] = SCORES.view(np.int8).reshape(-1, 4)
    golden = SCORES.reshape(1, -1)
    assert Matcher(made, {"scores": golden}).matches(1, 0, records)
    for number in range(len(SCORES)):
        changed = golden.copy()
        changed[0, number] ^= 1
        assert not Matcher(made, {"scores": changed}).matches(1, 0, records)


def test_only_so_many_orders_are_remembered() -> None:
    made, bits = program(4, 6, 32), random_bits(4, 6, 32)
    right, random = map_records(bits, 1), np.random.default_rng(1)
    matcher = Matcher(made, {"map": bits})
    for _ in range(MOST_PLANS + 5):
        assert matcher.matches(0, 0, random.permutation(right))
    assert len(matcher._plans) <= MOST_PLANS
