"""Every rule of a pipeline refuses what breaks it, and says which."""

import json
import re
from dataclasses import replace

import pytest

from rtl.bcnn.config import CONFIGS, Config, ConfigError, Layer, from_json, stream_bits, to_json
from rtl.bcnn.tests.layers import MINI

CONV = Layer("conv", 8, 8, 64, 10, (3, 3), 192, 4, padding=(1, 1, 1, 1), pool=(2, 2))
NUMBERS = Layer("numbers", 8, 8, 3, 10, (3, 3), 27, 8, padding=(1, 1, 1, 1), input_bits=8)
SCORES = Layer("scores", 2, 2, 10, 3, (2, 2), 20, 1, scores=True)
BAD_LAYERS = [
    (CONV, {"height": 0}, "sizes must be at least 1"),
    (CONV, {"kernel": (0, 3)}, "sizes must be at least 1"),
    (CONV, {"stride": (1, 0)}, "sizes must be at least 1"),
    (CONV, {"padding": (1, -1, 1, 1)}, "padding at least 0"),
    (CONV, {"padding": (3, 1, 1, 1)}, "padding must be at most 2"),
    (CONV, {"padding": (1, 1, 1, 3)}, "padding must be at most 2"),
    (CONV, {"kernel": (11, 3)}, "the kernel does not fit the map"),
    (CONV, {"pool": (9, 1)}, "the pool does not fit the map"),
    (CONV, {"channels": 3641, "uf": 3 * 3641}, "32769 inputs of a filter are too many"),
    (CONV, {"input_bits": 4}, "input_bits is 4, must be 1, 6 or 8"),
    (CONV, {"padding_value": 2}, "padding_value must be 0, 1 or -1"),
    (NUMBERS, {"padding_value": 1}, "a map of numbers is padded with 0"),
    (SCORES, {"pool": (1, 2), "kernel": (2, 1), "uf": 10}, "scores are not pooled"),
    (SCORES, {"p": 2, "kernel": (2, 1), "uf": 10}, "have p = 1"),
    (CONV, {"p": 3}, "p is 3, must divide the output's width, 8"),
    (CONV, {"p": 1}, "multiple of the pool's width or the output's width"),
    (NUMBERS, {"uf": 18}, "uf is 18, must be 9 (a kernel row) or 27 (all of them)"),
    (CONV, {"uf": 100}, "uf is 100, must be 192 (a kernel row)"),
    (CONV, {"uf": 0}, "uf is 0"),
    (CONV, {"channels": 96, "uf": 192}, "a part of it in whole chunks of 32"),
    (CONV, {"channels": 48, "uf": 96, "padding_value": 1}, "padded with 1 and cut into slices"),
    (NUMBERS, {"channels": 120, "uf": 1080, "input_bits": 6}, "takes 108 words of 10, at most 32 can be added"),
    (NUMBERS, {"filters": 1, "pool": (2, 2)}, "rows that are pooled must take 2 steps at least"),
]


def changed(layer, changes):
    """A layer of these sizes."""
    return replace(layer, **changes)


@pytest.mark.parametrize(("layer", "changes", "message"), BAD_LAYERS)
def test_a_layer_that_breaks_a_rule_is_refused_by_name(layer, changes, message):
    with pytest.raises(ConfigError, match=f"^layer {layer.name}: .*{re.escape(message)}"):
        changed(layer, changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory_bytes": 4}, "memory_bytes is 4, must be 8, 16, 32 or 64"),
        ({"layers": ()}, "0 layers, must be 1 to 64"),
        ({"layers": MINI.layers[:3] * 22}, "66 layers, must be 1 to 64"),
        ({"layers": (MINI.layers[0], *MINI.layers[2:])}, "layer conv1 makes (6, 6, 40), fc1 reads (3, 3, 35)"),
        ({"layers": MINI.layers[1:]}, "the first layer must read numbers"),
        ({"layers": MINI.layers[:3]}, "the last must make scores"),
        ({"layers": (*MINI.layers, Layer("more", 1, 1, 3, 2, (1, 1), 3, 1, scores=True))}, "only the last layer makes"),
        ({"layers": (MINI.layers[0], replace(MINI.layers[1], input_bits=8, uf=120), *MINI.layers[2:])},
         "only the first reads numbers"),
    ],
)  # fmt: skip
def test_a_pipeline_that_breaks_a_rule_is_refused(changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        replace(MINI, **changes)


def test_a_file_says_the_same_configuration():
    for config in (*CONFIGS.values(), MINI):
        again = from_json(to_json(config), config.name)
        assert again == config and again.hash == config.hash
    renamed = from_json(to_json(MINI), "other")
    assert renamed.name == "other" and renamed.hash == MINI.hash


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"layers": 3}', '{"layers": [{"name": "x"}], "memory_bytes": 8}',
        json.dumps({**json.loads(to_json(MINI)), "speed": 1}), json.dumps({"layers": [], "memory_bytes": 8}),
    ],
)  # fmt: skip
def test_a_file_that_says_no_configuration_is_refused(text):
    with pytest.raises(ConfigError, match=r"\w+ \w+|layers"):
        from_json(text, "bad")


def test_everything_that_hardware_is_made_of_is_in_the_hash():
    others = [replace(MINI, memory_bytes=16), replace(MINI, clock_mhz=91)]
    changed_layers = [(0, {"p": 3}), (0, {"input_bits": 6}), (1, {"padding_value": 1, "uf": 120}), (1, {"uf": 120})]
    for number, changes in changed_layers:
        layers = list(MINI.layers)
        layers[number] = replace(layers[number], **changes)
        others.append(Config("mini", 8, tuple(layers)))
    assert len({config.hash for config in (MINI, *others)}) == 1 + len(others)
    assert replace(MINI, name="other").hash == MINI.hash


def test_sizes_that_follow_from_the_layers():
    """By hand from the mini pipeline: words of the stream, taps, image and scores."""
    first, second, third, last = MINI.layers
    assert [layer.planes for layer in MINI.layers] == [1, 2, 2, 1]
    assert (second.lanes, second.slices, third.lanes, third.slices) == (1, 2, 2, 1)
    assert [layer.step_bits for layer in MINI.layers] == [9, 96, 3 * 64, 12]
    assert [layer.weight_words for layer in MINI.layers] == [40, 35 * 6, 12 * 3, 3]
    assert first.stream_words == (40 * 16 // 256 + 1, 5) and second.stream_words == (105, 5)
    assert third.stream_words == (36, 2) and last.stream_words == (1, 1)
    assert MINI.stream_words == 3 + 5 + 105 + 5 + 36 + 2 + 1 + 1
    assert (MINI.input_bytes, MINI.scores, MINI.taps, MINI.event_lanes) == (36, 3, 5, 4)
    assert [MINI.tap(n) for n in range(4)] == [0, 1, 3, 4] and MINI.tap_bytes == 24
    assert (second.map_height, second.map_width, second.group_width) == (3, 3, 1)
    assert first.largest_sum == 9 * 128 and second.largest_sum == 360
    assert [stream_bits(bits) for bits in (1, 2, 3, 9, 256, 257)] == [1, 2, 4, 16, 256, 512]


@pytest.mark.parametrize("changes", [{"padding_value": -1}, {"padding_value": 0}, {"padding_value": 1, "uf": 144}])
def test_a_last_chunk_with_room_is_padded_with_what_its_missing_channels_are(changes):
    assert changed(replace(CONV, channels=48, uf=144), {"uf": 96, **changes}).channels == 48
