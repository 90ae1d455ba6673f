"""Each trap of docs/myhdl-traps.md is caught, at its line."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from rtl.convert import ConvertError, convert_block
from rtl.convert.tests import trapped
from rtl.convert.tests.trapped import bit, signed, unsigned

GUIDE = Path(__file__).parents[3] / "docs" / "myhdl-traps.md"


def long(width=40):
    return unsigned(width)


CASES: list[tuple[int, Callable, tuple]] = [
    (1, trapped.slices_in_a_list, (lambda: unsigned(32), lambda: unsigned(2), unsigned)),
    (2, trapped.undriven, (signed, signed)),
    (3, trapped.division, (signed, signed)),
    (3, trapped.remainder, (signed, signed)),
    (4, trapped.maximum, (unsigned, unsigned, unsigned)),
    (5, trapped.table_in_expression, (unsigned, lambda: unsigned(2), lambda: unsigned(9))),
    (2, trapped.negative_constant, (signed, lambda: signed(9))),
    (7, trapped.inverted_expression, (unsigned, unsigned, unsigned)),
    (7, trapped.inverted_bit, (bit, bit)),
    (8, trapped.concatenation_inside, (unsigned, unsigned, lambda: unsigned(16))),
    (8, trapped.nested_list, (unsigned, lambda: unsigned(2), unsigned)),
    (10, trapped.named_tuple, (unsigned, lambda: unsigned(9))),
    (12, trapped.shifted_sum, (unsigned, unsigned, unsigned)),
    (12, trapped.compared_sum, (unsigned, unsigned, unsigned, bit)),
    (12, trapped.compared_negation, (unsigned, signed, bit)),
    (12, trapped.shifted_product, (bit, signed, signed)),
    (12, trapped.condition_on_sum, (unsigned, unsigned, unsigned)),
    (12, trapped.index_is_a_sum, (lambda: unsigned(4), lambda: unsigned(4), lambda: unsigned(32), bit)),
    (12, trapped.sum_as_argument, (unsigned, unsigned, unsigned)),
    (15, trapped.while_loop, (unsigned, unsigned)),
    (15, trapped.matching, (unsigned, unsigned)),
    (15, trapped.membership, (unsigned, bit)),
    (16, trapped.slice_of_a_slice, (unsigned, unsigned)),
    (16, trapped.slice_of_varying_width, (unsigned, unsigned)),
    (17, trapped.open_slice, (signed, signed)),
    (18, trapped.loop_variable_after_loop, (unsigned, unsigned)),
    (18, trapped.loop_variable_changed, (unsigned, unsigned)),
    (19, trapped.feedback, (unsigned, unsigned, unsigned)),
    (20, trapped.signed_concatenation, (signed, unsigned, lambda: unsigned(16))),
    (21, trapped.signed_part, (bit, signed, unsigned)),
    (22, trapped.unbounded_variable, (long, lambda: unsigned(80))),
    (22, trapped.unbounded_count, (unsigned, unsigned)),
]


def convert(function: Callable, signals: tuple, out_dir: Path) -> None:
    convert_block(lambda: function(*(make() for make in signals)), name=function.__name__, out_dir=out_dir)


def trap_line(function: Callable) -> int:
    """The line of the source marked `# trap`."""
    source, first = inspect.getsourcelines(getattr(function, "func", function))
    return first + next(number for number, text in enumerate(source) if "# trap" in text)


@pytest.mark.parametrize(
    ("trap", "function", "signals"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_trap_is_caught_at_its_line(trap, function, signals, tmp_path):
    with pytest.raises(ConvertError) as caught:
        convert(function, signals, tmp_path)
    message = str(caught.value)
    assert f"trap {trap}" in message
    assert f"rtl/convert/tests/trapped.py:{trap_line(function)}:" in message
    assert not list(tmp_path.glob("*.v"))


@pytest.mark.parametrize(
    ("trap", "function", "marked", "signals"),
    [
        (12, trapped.trap_in_function, trapped.average, (unsigned, unsigned, unsigned)),
        (22, trapped.large_return, trapped.twice, (long, lambda: unsigned(41))),
    ],
)
def test_trap_inside_a_called_function_is_caught(trap, function, marked, signals, tmp_path):
    with pytest.raises(ConvertError, match=rf"trapped.py:{trap_line(marked)}: trap {trap}"):
        convert(function, signals, tmp_path)


def test_trap_9_list_as_port_of_the_top(tmp_path):
    with pytest.raises(ConvertError, match="trap 9"):
        convert(trapped.list_as_top_port, (lambda: [unsigned(), unsigned()], unsigned), tmp_path)


def test_trap_13_given_verilog(tmp_path, monkeypatch):
    monkeypatch.setattr(trapped.given_verilog, "verilog_code", "assign $y = $a;", raising=False)
    with pytest.raises(
        ConvertError, match=rf"trapped.py:{trap_line(trapped.around_given_verilog)}: .*trap 13"
    ):
        convert(trapped.around_given_verilog, (unsigned, unsigned), tmp_path)


def test_every_trap_of_the_guide_has_a_test():
    rows = [line.split("|")[1].strip() for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    documented = {int(row) for row in rows if row.isdigit()}
    elsewhere = {
        6,
        9,
        11,
        13,
        14,
    }  # 6 is 2 with a value; 11 in test_process; 14 in test_hierarchy; the others above
    assert documented == {trap for trap, _, _ in CASES} | elsewhere
