// A counter with a clock of its own and a register that nothing resets: what a simulator must do, in one file.
// CLOCK_INPUT: under Verilator the clock is an input, which the model drives.
`ifdef VERILATOR
`ifdef CLOCK_INPUT
`define CLOCKED
`endif
`endif
module counter #(parameter WIDTH = 8) (
`ifdef CLOCKED
  input wire clk,
`endif
  input wire enable, output reg [WIDTH-1:0] count
);
`ifndef CLOCKED
  reg clk = 0;
  always #5 clk = ~clk;
`endif
  reg [31:0] unset;
  reg [31:0] hidden = 0;
  initial count = 0;
  always @(posedge clk) if (enable) count <= count + 1'b1;
  always @(posedge clk) hidden <= hidden + {unset[31:1], 1'b1};
endmodule
