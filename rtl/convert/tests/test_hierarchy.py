"""Hierarchy is kept, names and lines are those of the Python source, mistakes are errors."""

import re
import subprocess
import time
from pathlib import Path

import pytest
from myhdl import Constant, ResetSignal, Signal, always, always_comb, always_seq, block, concat, intbv

from rtl.convert import ConvertError, convert_block, lint, unused
from rtl.convert.hierarchy import _check_interpreter
from rtl.convert.tests import designs
from rtl.convert.tests.designs import Config, filter_ports, filter_top, signed, stream

SOURCE = Path(designs.__file__)


def word(bits=8):
    return Signal(intbv(0)[bits:])


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("filter")
    return convert_block(lambda: filter_top(**filter_ports()), name="filter_top", out_dir=out_dir)


def text_of(conversion, module):
    return next(file.read_text() for file in conversion.files if file.stem == module)


def test_one_module_for_each_distinct_block(converted):
    names = [file.stem for file in converted.files]
    assert names == ["tap", "tap_1", "tap_2", "chain", "clamp", "history", "control", "filter_top"]
    assert converted.top == "filter_top"
    assert converted.sources == ("rtl/convert/tests/designs.py",)


def test_interface_fields_are_ports_with_direction_width_and_sign(converted):
    ports = {port.name: (port.direction, port.width, port.signed) for port in converted.ports}
    assert ports == {
        "clk": ("input", 1, False),
        "rst": ("input", 1, False),
        "sink_data": ("input", 8, True),
        "sink_valid": ("input", 1, False),
        "sink_last": ("input", 1, False),
        "result": ("output", 12, True),
        "recent": ("output", 16, False),
        "running": ("output", 1, False),
    }


def test_slices_and_elements_of_lists_are_connected_to_children(converted):
    assert ".low(bits[7:0])" in text_of(converted, "filter_top")
    assert ".high(bits[15:8])" in text_of(converted, "filter_top")
    assert ".delayed(values_1)" in text_of(converted, "chain")


def test_an_interface_field_a_block_does_not_touch_is_no_port(converted):
    assert "sink_last" not in text_of(converted, "chain")
    assert "sink_last" in text_of(converted, "control")


def test_a_list_written_by_a_clocked_process_is_a_memory_without_initial_values(converted):
    text = text_of(converted, "history")
    assert "reg [15:0] words [0:15];" in text
    assert all("initial" not in file.read_text() for file in converted.files)


def test_branches_ruled_out_by_parameters_are_gone(tmp_path):
    cfg = Config(saturate=False)
    conversion = convert_block(lambda: filter_top(**filter_ports(cfg)), name="top", out_dir=tmp_path)
    assert "if" not in re.sub(r"`line.*|//.*", "", text_of(conversion, "clamp"))


def test_line_directives_name_the_statement_s_own_line(converted):
    lines = SOURCE.read_text().splitlines()
    statements = re.findall(r'`line (\d+) "([^"]+)" 0\n\s*(\S[^\n]*)', text_of(converted, "tap"))
    assert {path for _, path, _ in statements} == {"rtl/convert/tests/designs.py"}
    found = {lines[int(number) - 1].strip(): verilog for number, _, verilog in statements}
    assert found["delayed.next = value"] == "delayed <= value;"
    assert found["if taken:"] == "if (taken) begin"


def test_a_simulator_s_complaint_names_the_python_line(converted, tmp_path):
    broken = tmp_path / "tap.v"
    broken.write_text(text_of(converted, "tap").replace("delayed <= value", "delayed <= nothing"))
    result = subprocess.run(["iverilog", "-g2012", "-t", "null", broken], capture_output=True, text=True)
    lines = SOURCE.read_text().splitlines()
    number = 1 + lines.index("            delayed.next = value")
    assert f"rtl/convert/tests/designs.py:{number}: error" in result.stderr


def test_a_large_array_converts_in_seconds(tmp_path):
    start = time.monotonic()
    conversion = convert_block(lambda: designs.elaborate_array(32, 64), name="array", out_dir=tmp_path)
    assert time.monotonic() - start < 20
    assert [file.stem for file in conversion.files] == ["element", "edge_1", "clear", "array"]
    assert text_of(conversion, "array").count("\nelement ") == 2048


def test_an_elaborated_instance_converts_like_its_factory(converted, tmp_path):
    instance = filter_top(**filter_ports())
    again = convert_block(instance, name="filter_top", out_dir=tmp_path)
    assert [file.read_text() for file in again.files] == [file.read_text() for file in converted.files]


def test_an_earlier_conversion_s_files_disappear(tmp_path):
    convert_block(lambda: designs.elaborate_array(2, 2), name="array", out_dir=tmp_path)
    convert_block(lambda: filter_top(**filter_ports()), name="filter_top", out_dir=tmp_path)
    assert not (tmp_path / "element.v").exists()


@block
def reads_list(clk, lanes, total):
    @always(clk.posedge)
    def add():
        result = intbv(0)[12:]
        for i in range(len(lanes)):
            result[:] = result + lanes[i]
        total.next = result

    return add


@block
def with_dissolved_child(clk, a, total):
    lanes = [word() for _ in range(3)]
    copies = [designs.edge(a, lane) for lane in lanes]
    adding = reads_list(clk, lanes, total)
    return copies, adding


def test_a_child_with_a_list_of_signals_is_dissolved(tmp_path):
    conversion = convert_block(
        lambda: with_dissolved_child(Signal(bool(0)), word(), word(12)), name="top", out_dir=tmp_path
    )
    text = text_of(conversion, "top")
    assert [file.stem for file in conversion.files] == ["edge_1", "top"]
    assert (
        "wire [7:0] lanes [0:2];" in text and ".target(lanes[2])" in text and "always @(posedge clk)" in text
    )
    lint(conversion.files, "top")


@block
def constant_input(a, y):
    zero = Constant(intbv(-3, min=-8, max=8))
    return add(a, zero, y)


@block
def add(a, b, y):
    @always_comb
    def sum_up():
        y.next = a + b

    return sum_up


def test_a_constant_goes_in_as_a_parameter(tmp_path):
    conversion = convert_block(lambda: constant_input(signed(4), signed(5)), name="top", out_dir=tmp_path)
    assert "localparam signed [3:0] b = 4'shd;" in text_of(conversion, "add")
    lint(conversion.files, "top")


@block
def optional(clk, rst, a, bound, y, flag, cfg):
    low = a(4, 0)

    @always_seq(clk.posedge, reset=rst)
    def work():
        if cfg.saturate:
            y.next = bound
            flag.next = a > bound
        else:
            y.next = concat(low[2:], low[3], a[8:])

    return work


@block
def with_optional(clk, rst, a, bound, y):
    flag = Signal(bool(0))
    inner = optional(clk, rst, a, bound, y, flag, Config(saturate=False))
    unused(bound, "no bound here")
    return inner


def test_what_only_pruned_branches_use_is_left_out(tmp_path):
    conversion = convert_block(
        lambda: with_optional(bit(), reset(), word(), word(), word(11)), name="top", out_dir=tmp_path
    )
    text = text_of(conversion, "optional")
    assert "bound" not in text and "flag" not in text
    assert "assign low = a[3:0];" in text and "{low[1:0], low[3], a[7:0]}" in text
    lint(conversion.files, "top")


@block
def twice_driven(a, y):
    first, second = designs.edge(a, y), designs.edge(a, y)
    return first, second


@block
def undriven(y):
    middle = word()
    return designs.edge(middle, y)


@block
def unread(a, y):
    middle = word()
    first, second = designs.edge(a, middle), designs.edge(a, y)
    return first, second


@block
def idle_argument(a, b, y):
    @always_comb
    def copy():
        y.next = a

    return copy


@block
def keyword(a, reg):
    @always_comb
    def copy():
        reg.next = a

    return copy


@block
def keyword_variable(a, y):
    @always_comb
    def copy():
        wire = intbv(0)[8:]
        wire[:] = a
        y.next = wire

    return copy


@block
def output_to_slice(a, y):
    return designs.edge(a, y(4, 0))


@block
def reset_memory(clk, rst, a, y):
    words = [word() for _ in range(64)]

    @always_seq(clk.posedge, reset=rst)
    def write():
        words[a[6:]].next = a
        y.next = words[0]

    return write


@block
def constant(y):
    @always_comb
    def drive():
        y.next = 3

    return drive


def reset():
    return ResetSignal(0, active=1, isasync=False)


def bit():
    return Signal(bool(0))


@pytest.mark.parametrize(
    ("function", "signals", "message"),
    [
        (twice_driven, (word, word), "driven already"),
        (undriven, (word,), "middle is read but never driven"),
        (unread, (word, word), "middle is driven but never read"),
        (idle_argument, (word, word, word), "neither read nor driven: b"),
        (keyword, (word, word), "keyword"),
        (keyword_variable, (word, word), "variable 'wire' is a keyword"),
        (output_to_slice, (lambda: word(4), word), "connected to a slice"),
        (reset_memory, (bit, reset, word, word), "memory"),
        (constant, (word,), "sensitivity list is empty"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_mistakes_are_errors_with_their_place(function, signals, message, tmp_path):
    with pytest.raises(ConvertError, match=message) as caught:
        convert_block(lambda: function(*(make() for make in signals)), name="top", out_dir=tmp_path)
    assert "rtl/convert/tests/test_hierarchy.py:" in str(caught.value)


@block
def open_on_purpose(a, y):
    middle = word()
    unused(middle, "shown in waves only")
    first, second = designs.edge(a, middle), designs.edge(a, y)
    return first, second


def test_unused_with_a_reason_is_accepted_by_converter_and_lint(tmp_path):
    conversion = convert_block(lambda: open_on_purpose(word(), word()), name="top", out_dir=tmp_path)
    lint(conversion.files, "top")
    with pytest.raises(ValueError, match="reason"):
        unused(word(), " ")


def test_a_top_port_nobody_uses_is_an_error(tmp_path):
    @block
    def top(sink, y):
        @always_comb
        def copy():
            y.next = sink.data

        return copy

    with pytest.raises(ConvertError, match="sink_valid, sink_last"):
        convert_block(lambda: top(stream(8), signed(8)), name="top", out_dir=tmp_path)


def test_python_3_14_is_refused():
    _check_interpreter((3, 13))
    with pytest.raises(ConvertError, match="trap 14"):
        _check_interpreter((3, 14))


@block
def unpacks_too_few(a, y):
    first, second = [word() for _ in range(3)]

    @always_comb
    def copy():
        y.next = a + first + second

    return copy


def test_what_a_block_raises_is_an_error_with_its_line(tmp_path):
    @block
    def top(a, y):
        return unpacks_too_few(a, y)

    with pytest.raises(
        ConvertError, match=r"tests/test_hierarchy.py:\d+: ValueError: too many values to unpack"
    ):
        convert_block(lambda: top(word(), word()), name="top", out_dir=tmp_path)
