// A counter with a clock of its own and a register that nothing resets: what a simulator must do, in one file.
module counter #(parameter WIDTH = 8) (input wire enable, output reg [WIDTH-1:0] count);
  reg clk = 0;
  reg [31:0] unset;
  reg [31:0] hidden = 0;
  always #5 clk = ~clk;
  initial count = 0;
  always @(posedge clk) if (enable) count <= count + 1'b1;
  always @(posedge clk) hidden <= hidden + {unset[31:1], 1'b1};
endmodule
