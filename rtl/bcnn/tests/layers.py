"""Layers for the tests of single blocks: small, and together every kind of padding, stride, group and slice."""

from rtl.bcnn.config import Config, Layer

_SAME = (1, 1, 1, 1)
LAYERS = {
    layer.name: layer
    for layer in (
        Layer("zeros", 5, 6, 3, 4, (3, 3), 9, 2, padding=_SAME),
        Layer("sliced", 4, 4, 80, 3, (3, 3), 96, 2, padding=_SAME),
        Layer("ones", 4, 4, 64, 3, (3, 3), 96, 4, padding=_SAME, padding_value=1),
        Layer("few_ones", 3, 6, 5, 2, (3, 2), 10, 2, padding=(1, 1, 2, 0), padding_value=1),
        Layer("minus", 7, 5, 40, 2, (2, 2), 80, 3, (2, 2), (1, 1, 0, 1), -1),
        Layer("strided", 5, 9, 6, 2, (3, 3), 18, 2, (2, 2), (0, 1, 1, 0)),
        Layer("strided_right", 4, 8, 6, 2, (3, 3), 18, 2, (2, 2), (0, 0, 1, 1)),
        Layer("whole_rows", 3, 4, 7, 5, (3, 3), 21, 4, padding=_SAME),
        Layer("all_rows", 6, 5, 2, 3, (3, 3), 18, 5, padding=_SAME, input_bits=6),
        Layer("cut_rows", 6, 6, 2, 3, (3, 3), 18, 2, padding=_SAME, input_bits=8),
        Layer("all_strided", 7, 6, 1, 2, (3, 3), 9, 3, (2, 2), (2, 1, 0, 0), input_bits=8),
        Layer("row_by_row", 7, 4, 2, 3, (3, 2), 4, 1, (2, 2), (2, 1, 1, 1), input_bits=8),
        Layer("single", 1, 1, 5, 1, (1, 1), 5, 1),
        Layer("full", 3, 2, 96, 5, (3, 2), 64, 1),
        Layer("quarters", 3, 4, 128, 3, (1, 1), 64, 2),
        Layer("mixed_lanes", 3, 6, 72, 2, (3, 3), 216, 3, padding=_SAME),
        Layer("long", 2, 4, 128, 3, (1, 3), 384, 2, padding=(0, 1, 0, 1)),
        Layer("pooled", 6, 6, 8, 40, (3, 3), 24, 2, padding=_SAME, pool=(2, 2)),
        Layer("pooled_rows", 7, 5, 8, 3, (1, 2), 16, 4, pool=(3, 2)),
        Layer("pooled_across", 3, 7, 8, 33, (1, 1), 8, 7, pool=(1, 3)),
    )
}
# A pipeline for whole runs: each kind of padding, both kinds of pool, more than a chunk of channels.
MINI = Config(
    "mini",
    8,
    (
        Layer("conv1", 6, 6, 1, 40, (3, 3), 9, 6, padding=_SAME, input_bits=8),
        Layer("conv2", 6, 6, 40, 35, (3, 3), 96, 2, padding=_SAME, pool=(2, 2)),
        Layer("fc1", 3, 3, 35, 12, (3, 3), 105, 1),
        Layer("fc2", 1, 1, 12, 3, (1, 1), 12, 1, scores=True),
    ),
)
