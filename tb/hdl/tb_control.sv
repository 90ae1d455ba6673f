// Every signal that Python reads or writes, and nothing else: only this module is made public (tb_control.vlt).
// Python acts on the rising edge of `ctrl_clk`, which is the falling edge of the design's clock, so that it never races.
module tb_control (
    input wire ctrl_clk,
    input wire [31:0] cycle,
    input wire irq,
    input wire [31:0] event_count,
    input wire [31:0] memory_failures,
    input wire [31:0] control_failures,
    input wire [31:0] region_failures,

    input wire ctrl_awready,
    input wire ctrl_wready,
    input wire ctrl_bvalid,
    input wire [1:0] ctrl_bresp,
    input wire ctrl_arready,
    input wire ctrl_rvalid,
    input wire [31:0] ctrl_rdata,
    input wire [1:0] ctrl_rresp
);
    reg rst = 1;

    reg ctrl_awvalid;
    reg [11:0] ctrl_awaddr = 0;
    reg ctrl_wvalid;
    reg [31:0] ctrl_wdata = 0;
    reg [3:0] ctrl_wstrb = 0;
    reg ctrl_bready = 0;
    reg ctrl_arvalid;
    reg [11:0] ctrl_araddr = 0;
    reg ctrl_rready = 0;
    reg [7:0] ctrl_stall = 0; // chance in 1/256 that an answer is held back for a cycle

    reg apply = 0; // changes when the settings below have been written
    reg [15:0] latency = 20;
    reg [15:0] rate = 256;
    reg [39:0] stalls = 0;
    reg [1:0] reorder = 0;
    reg [31:0] read_error = 0;
    reg [31:0] write_error = 0;
    reg [1:0] error_response = 2;
    reg [63:0] seed = 1;

    reg record_taps = 1; // the recorder writes down what the taps show

    reg command_toggle = 0; // changes when a command to memory (1 to 3) or recorder (4 to 6) has been written
    reg [7:0] command = 0;
    reg [31:0] command_index = 0;
    reg [31:0] command_address = 0;
    reg [31:0] command_length = 0;

    initial begin
`ifndef VERILATOR
        #1; // not at time 0: combinational processes of the design that wait for a change would miss it
`endif
        ctrl_awvalid = 0;
        ctrl_wvalid = 0;
        ctrl_arvalid = 0;
    end
endmodule
