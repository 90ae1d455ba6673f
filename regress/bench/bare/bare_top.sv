// An accelerator and its memory, nothing else: what the full environment's speed is compared with.
// The accelerator's module name is the macro ASSAY_DUT; clock and control port are driven by main.cpp.
`timescale 1ns / 1ps
module bare_top #(
    parameter integer BYTES = 16,
    parameter integer WORDS = 1048576
) (
    input wire clk,
    input wire rst,
    output wire irq,
    input wire command_toggle,
    input wire [7:0] command,
    input wire [31:0] command_index,
    input wire [31:0] command_address,
    input wire [31:0] command_length,
    input wire awvalid,
    output wire awready,
    input wire [11:0] awaddr,
    input wire wvalid,
    output wire wready,
    input wire [31:0] wdata,
    output wire bvalid,
    input wire bready,
    input wire arvalid,
    output wire arready,
    input wire [11:0] araddr,
    output wire rvalid,
    input wire rready,
    output wire [31:0] rdata
);
    reg [31:0] cycle = 0;
    always @(posedge clk) cycle <= rst ? 0 : cycle + 1;

    wire mem_arvalid, mem_arready, mem_rvalid, mem_rready, mem_rlast;
    wire [1:0] mem_arid, mem_rid, mem_rresp;
    wire [31:0] mem_araddr;
    wire [7:0] mem_arlen;
    wire [8*BYTES-1:0] mem_rdata;
    wire mem_awvalid, mem_awready, mem_wvalid, mem_wready, mem_wlast, mem_bvalid, mem_bready;
    wire [1:0] mem_awid, mem_bid, mem_bresp;
    wire [31:0] mem_awaddr;
    wire [7:0] mem_awlen;
    wire [8*BYTES-1:0] mem_wdata;
    wire [BYTES-1:0] mem_wstrb;

    `ASSAY_DUT dut (
        .clk(clk), .rst(rst), .irq(irq),
        .ctrl_awvalid(awvalid), .ctrl_awready(awready), .ctrl_awaddr(awaddr),
        .ctrl_wvalid(wvalid), .ctrl_wready(wready), .ctrl_wdata(wdata), .ctrl_wstrb(4'hF),
        .ctrl_bvalid(bvalid), .ctrl_bready(bready), .ctrl_bresp(),
        .ctrl_arvalid(arvalid), .ctrl_arready(arready), .ctrl_araddr(araddr),
        .ctrl_rvalid(rvalid), .ctrl_rready(rready), .ctrl_rdata(rdata), .ctrl_rresp(),
        .mem_arvalid(mem_arvalid), .mem_arready(mem_arready), .mem_arid(mem_arid), .mem_araddr(mem_araddr),
        .mem_arlen(mem_arlen), .mem_arsize(), .mem_arburst(), .mem_aruser(),
        .mem_rvalid(mem_rvalid), .mem_rready(mem_rready), .mem_rid(mem_rid), .mem_rdata(mem_rdata),
        .mem_rresp(mem_rresp), .mem_rlast(mem_rlast),
        .mem_awvalid(mem_awvalid), .mem_awready(mem_awready), .mem_awid(mem_awid), .mem_awaddr(mem_awaddr),
        .mem_awlen(mem_awlen), .mem_awsize(), .mem_awburst(), .mem_awuser(),
        .mem_wvalid(mem_wvalid), .mem_wready(mem_wready), .mem_wdata(mem_wdata), .mem_wstrb(mem_wstrb),
        .mem_wlast(mem_wlast), .mem_bvalid(mem_bvalid), .mem_bready(mem_bready), .mem_bid(mem_bid),
        .mem_bresp(mem_bresp),
        .obs_event_valid(), .obs_event_layer(), .obs_event_image(), .obs_counters(),
        .obs_tap_valid(), .obs_tap_lanes(), .obs_tap_layer(), .obs_tap_image(), .obs_tap_address(),
        .obs_tap_tag(), .obs_tap_data()
    );

    // The settings are those of tb.settings.MemorySettings(): no stalls, nothing reordered.
    memory #(.BYTES(BYTES), .WORDS(WORDS)) memory (
        .clk(clk), .rst(rst), .cycle(cycle),
        .apply(1'b1), .latency(`ASSAY_LATENCY), .rate(`ASSAY_RATE), .stalls(40'd0),
        .reorder(2'd0), .read_error(0), .write_error(0), .error_response(2'd2), .seed(64'd1),
        .command_toggle(command_toggle), .command(command), .command_index(command_index),
        .command_address(command_address), .command_length(command_length),
        .arvalid(mem_arvalid), .arready(mem_arready), .arid(mem_arid), .araddr(mem_araddr), .arlen(mem_arlen),
        .rvalid(mem_rvalid), .rready(mem_rready), .rid(mem_rid), .rdata(mem_rdata), .rresp(mem_rresp),
        .rlast(mem_rlast),
        .awvalid(mem_awvalid), .awready(mem_awready), .awid(mem_awid), .awaddr(mem_awaddr), .awlen(mem_awlen),
        .wvalid(mem_wvalid), .wready(mem_wready), .wdata(mem_wdata), .wstrb(mem_wstrb), .wlast(mem_wlast),
        .bvalid(mem_bvalid), .bready(mem_bready), .bid(mem_bid), .bresp(mem_bresp)
    );
endmodule
