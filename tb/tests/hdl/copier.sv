// The smallest accelerator that keeps the ports of the contract: it copies one burst for each image, shows it on
// tap 0 and ends layer 0. The testbench is tested with it. Variant register 0x100 holds a fault to make:
// With COPIER_WIDE it shows itself as a large pipeline does: on the last of 15 taps, which are cut into lanes of four
// bytes, and the last of 12 event lanes.
// 1: the byte shown and written is wrong; 2: writes one burst beyond its output; 3: never ends.
module copier #(
    parameter integer BYTES = 16,
`ifdef COPIER_WIDE
    parameter integer EVENT_LANES = 12, TAPS = 15, TAP_BYTES = 128, LANE_BYTES = 4
`else
    parameter integer EVENT_LANES = 1, TAPS = 1, TAP_BYTES = BYTES, LANE_BYTES = 1
`endif
) (
    input wire clk, input wire rst, output wire irq,
    input wire ctrl_awvalid, output wire ctrl_awready, input wire [11:0] ctrl_awaddr,
    input wire ctrl_wvalid, output wire ctrl_wready, input wire [31:0] ctrl_wdata, input wire [3:0] ctrl_wstrb,
    output reg ctrl_bvalid, input wire ctrl_bready, output wire [1:0] ctrl_bresp,
    input wire ctrl_arvalid, output wire ctrl_arready, input wire [11:0] ctrl_araddr,
    output reg ctrl_rvalid, input wire ctrl_rready, output reg [31:0] ctrl_rdata, output wire [1:0] ctrl_rresp,
    output reg mem_arvalid, input wire mem_arready, output wire [1:0] mem_arid, output reg [31:0] mem_araddr,
    output wire [7:0] mem_arlen, output wire [2:0] mem_arsize, output wire [1:0] mem_arburst,
    output wire [11:0] mem_aruser,
    input wire mem_rvalid, output wire mem_rready, input wire [1:0] mem_rid, input wire [8*BYTES-1:0] mem_rdata,
    input wire [1:0] mem_rresp, input wire mem_rlast,
    output reg mem_awvalid, input wire mem_awready, output wire [1:0] mem_awid, output reg [31:0] mem_awaddr,
    output wire [7:0] mem_awlen, output wire [2:0] mem_awsize, output wire [1:0] mem_awburst,
    output wire [11:0] mem_awuser,
    output wire mem_wvalid, input wire mem_wready, output wire [8*BYTES-1:0] mem_wdata,
    output wire [BYTES-1:0] mem_wstrb, output wire mem_wlast,
    input wire mem_bvalid, output wire mem_bready, input wire [1:0] mem_bid, input wire [1:0] mem_bresp,
    output wire [EVENT_LANES-1:0] obs_event_valid, output wire [12*EVENT_LANES-1:0] obs_event_layer,
    output wire [16*EVENT_LANES-1:0] obs_event_image, output wire [576*EVENT_LANES-1:0] obs_counters,
    output wire [TAPS-1:0] obs_tap_valid, output wire [8*TAPS-1:0] obs_tap_lanes,
    output wire [12*TAPS-1:0] obs_tap_layer, output wire [16*TAPS-1:0] obs_tap_image,
    output wire [32*TAPS-1:0] obs_tap_address, output wire [24*TAPS-1:0] obs_tap_tag,
    output wire [8*TAP_BYTES*TAPS-1:0] obs_tap_data
);
    localparam integer BEATS = 4;
    localparam [1:0] IDLE = 0, ADDRESS = 1, DATA = 2, RESPONSE = 3;

    reg [31:0] registers [0:127];
    reg [1:0] state;
    reg [15:0] image;
    reg [31:0] offset;
    reg [31:0] status;
    reg [63:0] cycles;
    integer index;

    wire write = ctrl_awvalid && ctrl_wvalid && !ctrl_bvalid;
    assign ctrl_awready = write;
    assign ctrl_wready = write;
    assign ctrl_bresp = 0;
    assign ctrl_rresp = 0;
    assign ctrl_arready = ctrl_arvalid && !ctrl_rvalid;
    wire start = write && ctrl_awaddr == 12'h00C && ctrl_wdata[1];
    wire [31:0] fault = registers[12'h100 >> 2];
    wire last_image = {16'd0, image} + 1 == registers[12'h038 >> 2];
    wire finished = state == RESPONSE && mem_bvalid;

    always @(posedge clk) begin
        if (ctrl_bready) ctrl_bvalid <= 0;
        if (write) begin
            ctrl_bvalid <= 1;
            if (ctrl_awaddr == 12'h014) status <= status & ~ctrl_wdata;
            else registers[ctrl_awaddr[8:2]] <= ctrl_wdata;
        end
        if (ctrl_rready) ctrl_rvalid <= 0;
        if (ctrl_arvalid && ctrl_arready) begin
            ctrl_rvalid <= 1;
            case (ctrl_araddr)
                12'h000: ctrl_rdata <= 32'h41535359;
                12'h004: ctrl_rdata <= 1;
                12'h014: ctrl_rdata <= status;
                12'h018: ctrl_rdata <= {30'd0, state != IDLE, 1'b1};
                12'h040: ctrl_rdata <= cycles[31:0];
                12'h044: ctrl_rdata <= cycles[63:32];
                default: ctrl_rdata <= registers[ctrl_araddr[8:2]];
            endcase
        end
        if (write && ctrl_awaddr == 12'h00C && ctrl_wdata[0]) status[0] <= 1;

        case (state)
            IDLE: if (start) begin
                state <= ADDRESS;
                image <= 0;
                cycles <= 0;
                mem_arvalid <= 1;
                mem_awvalid <= 1;
                mem_araddr <= registers[12'h030 >> 2];
                mem_awaddr <= registers[12'h034 >> 2] + (fault == 2 ? BEATS * BYTES : 0);
                offset <= 0;
            end
            ADDRESS: begin
                if (mem_arready) mem_arvalid <= 0;
                if (mem_awready) mem_awvalid <= 0;
                if (!mem_arvalid && !mem_awvalid) state <= DATA;
            end
            DATA: if (mem_rvalid && mem_rready) begin
                offset <= offset + BYTES;
                if (mem_rlast) state <= RESPONSE;
            end
            RESPONSE: if (mem_bvalid && fault != 3) begin
                offset <= 0;
                image <= image + 1;
                mem_araddr <= mem_araddr + BEATS * BYTES;
                mem_awaddr <= mem_awaddr + BEATS * BYTES;
                mem_arvalid <= !last_image;
                mem_awvalid <= !last_image;
                state <= last_image ? IDLE : ADDRESS;
                if (last_image) status[1] <= 1;
            end
        endcase
        if (state != IDLE) cycles <= cycles + 1;
        if (rst) begin
            state <= IDLE;
            status <= 0;
            cycles <= 0;
            ctrl_bvalid <= 0;
            ctrl_rvalid <= 0;
            mem_arvalid <= 0;
            mem_awvalid <= 0;
            for (index = 0; index < 128; index = index + 1) registers[index] <= 0;
        end
    end

    assign irq = (status & registers[12'h010 >> 2]) != 0;
    assign {mem_arid, mem_awid, mem_aruser, mem_awuser} = 0;
    assign mem_arlen = BEATS - 1;
    assign mem_awlen = BEATS - 1;
    assign mem_arsize = $clog2(BYTES);
    assign mem_awsize = $clog2(BYTES);
    assign mem_arburst = 1;
    assign mem_awburst = 1;
    assign mem_rready = state == DATA && mem_wready;
    assign mem_wvalid = state == DATA && mem_rvalid;
    assign mem_wdata = fault == 1 && offset == 0 ? mem_rdata ^ 8'h40 : mem_rdata;
    assign mem_wstrb = {BYTES{1'b1}};
    assign mem_wlast = offset == (BEATS - 1) * BYTES;
    assign mem_bready = state == RESPONSE;

    // The last lane, and the last tap.
    wire [EVENT_LANES-1:0] event_valid = finished;
    wire [16*EVENT_LANES-1:0] event_image = image;
    wire [576*EVENT_LANES-1:0] event_counters = cycles;
    assign obs_event_valid = event_valid << (EVENT_LANES - 1);
    assign obs_event_layer = 0;
    assign obs_event_image = event_image << 16 * (EVENT_LANES - 1);
    assign obs_counters = event_counters << 576 * (EVENT_LANES - 1);
    wire [TAPS-1:0] tap_valid = mem_wvalid && mem_wready;
    wire [8*TAPS-1:0] tap_lanes = BYTES / LANE_BYTES;
    wire [16*TAPS-1:0] tap_image = image;
    wire [32*TAPS-1:0] tap_address = offset;
    wire [8*TAP_BYTES*TAPS-1:0] tap_data = mem_wdata;
    assign obs_tap_valid = tap_valid << (TAPS - 1);
    assign obs_tap_lanes = tap_lanes << 8 * (TAPS - 1);
    assign obs_tap_layer = 0;
    assign obs_tap_image = tap_image << 16 * (TAPS - 1);
    assign obs_tap_address = tap_address << 32 * (TAPS - 1);
    assign obs_tap_tag = 0;
    assign obs_tap_data = tap_data << 8 * TAP_BYTES * (TAPS - 1);
endmodule
