"""Lint finds what conversion cannot see; every waiver has its reason."""

import shutil

import pytest
from myhdl import Signal, always_comb, block, intbv

from rtl.convert import LintError, convert_block, lint
from rtl.convert.lint import WAIVERS, verilator_program
from rtl.convert.tests import designs

needs_verilator = pytest.mark.skipif(not verilator_program(), reason="no Verilator")


@pytest.fixture(scope="module")
def tap(tmp_path_factory):
    """Verilog of one converted module, to be damaged."""
    conversion = convert_block(
        lambda: designs.elaborate()[0], name="top", out_dir=tmp_path_factory.mktemp("tap")
    )
    return conversion.files[0].read_text()


def lint_text(text, folder):
    (folder / "tap.v").write_text(text)
    return lint([folder / "tap.v"], "tap")


def test_a_sound_module_passes_with_every_tool_there_is(tap, tmp_path):
    installed = {"verilator": bool(verilator_program()), "iverilog": bool(shutil.which("iverilog"))}
    assert lint_text(tap, tmp_path) == tuple(tool for tool, there in installed.items() if there)


@needs_verilator
@pytest.mark.parametrize(
    ("declaration", "message"),
    [("wire [3:0] idle;", "UNUSEDSIGNAL"), ("wire open; wire idle = open & clk;", "UNDRIVEN")],
)
def test_what_nobody_uses_or_drives_is_an_error(declaration, message, tap, tmp_path):
    with pytest.raises(LintError, match=message):
        lint_text(tap.replace("endmodule", f"{declaration}\nendmodule"), tmp_path)


def test_an_undeclared_name_is_an_error_at_its_python_line(tap, tmp_path):
    with pytest.raises(LintError, match=r"rtl/convert/tests/designs.py:\d+.*nothing"):
        lint_text(tap.replace("delayed <= value", "delayed <= nothing"), tmp_path)


@block
def latch(a, y):
    @always_comb
    def keep():
        if a > 3:
            y.next = a

    return keep


@needs_verilator
def test_a_latch_is_an_error(tmp_path):
    signals = [Signal(intbv(0)[8:]) for _ in range(2)]
    conversion = convert_block(lambda: latch(*signals), name="latch", out_dir=tmp_path)
    with pytest.raises(LintError, match=r"LATCH.*test_lint.py:\d+"):
        lint(conversion.files, "latch")


def test_every_waiver_has_a_reason():
    assert all(len(waiver.reason) > 20 for waiver in WAIVERS)
    assert {waiver.tool for waiver in WAIVERS} == {"verilator", "iverilog"}
