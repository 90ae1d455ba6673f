"""The example of docs/myhdl-traps.md is a design that converts and passes lint."""

import importlib.util
import re
from pathlib import Path

from myhdl import Signal, intbv

from rtl.convert import convert_block, lint

GUIDE = Path(__file__).parents[3] / "docs" / "myhdl-traps.md"


def test_the_example_of_the_guide_converts(tmp_path):
    source = tmp_path / "guide_example.py"
    source.write_text(re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL).group(1))
    spec = importlib.util.spec_from_file_location("guide_example", source)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    def elaborate():
        value, scaled = Signal(intbv(0, min=-128, max=128)), Signal(intbv(0, min=-64, max=64))
        return example.scale(Signal(bool(0)), value, scaled, example.Scaling(factor=-3, shift=3))

    conversion = convert_block(elaborate, name="scale", out_dir=tmp_path / "out")
    assert [file.stem for file in conversion.files] == ["shift_down", "scale"]
    lint(conversion.files, "scale")
