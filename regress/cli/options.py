"""Options and arguments that several commands share, and the console that they print to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

LOG_COLUMNS = 130

console = Console() if sys.stdout.isatty() else Console(width=LOG_COLUMNS)

Variant = Annotated[str, typer.Argument(help="An accelerator: `assay list` names them.")]
Network = Annotated[
    str,
    typer.Argument(
        help="A network's name, a .tflite or .onnx file, or file.py:function for a PyTorch module."
    ),
]
Config = Annotated[str, typer.Option(help="A size of the accelerator, or a .json file of one.")]
Bits = Annotated[
    int | None,
    typer.Option(help="Bits that a float network is quantised to: 8 or 4; default: the network's."),
]
Calibration = Annotated[
    str, typer.Option(help="Images or .npy file that a float .onnx file is calibrated on; default: random.")
]
Sparsity = Annotated[
    str,
    typer.Option(help="Weights that stay of each block of 4: 4:4, 2:4 or 1:4, by magnitude; default: 4:4."),
]
EndWeights = Annotated[
    int | None,
    typer.Option(
        help="Bits of the first and last layer's weights in a 4-bit network; default: the network's."
    ),
]
Calibrator = Annotated[
    str,
    typer.Option(help="How ranges are chosen on calibration data: minmax (the default), percentile or mse."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of stimulus, stalls and start values.")]
