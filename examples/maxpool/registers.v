// The control registers of the contract (docs/architecture.md): AXI4-Lite slave, SLVERR where there is no register.
module maxpool_registers #(
    parameter [31:0] CONFIG_HASH = 0
) (
    input wire clk,
    input wire rst,
    input wire ctrl_awvalid,
    output wire ctrl_awready,
    input wire [11:0] ctrl_awaddr,
    input wire ctrl_wvalid,
    output wire ctrl_wready,
    input wire [31:0] ctrl_wdata,
    input wire [3:0] ctrl_wstrb,
    output reg ctrl_bvalid,
    input wire ctrl_bready,
    output reg [1:0] ctrl_bresp,
    input wire ctrl_arvalid,
    output wire ctrl_arready,
    input wire [11:0] ctrl_araddr,
    output reg ctrl_rvalid,
    input wire ctrl_rready,
    output reg [31:0] ctrl_rdata,
    output reg [1:0] ctrl_rresp,

    output wire [2:0] request,     // bits written as 1 to CTRL, in the cycle of the write
    output wire [3:0] acknowledge, // and to IRQ_STATUS
    output reg [31:0] irq_enable,  // what the host has written; only rst resets it
    output reg [31:0] watchdog,
    output reg [31:0] prog_addr,
    output reg [31:0] prog_len,
    output reg [31:0] in_addr,
    output reg [31:0] out_addr,
    output reg [31:0] count,
    input wire [3:0] irq_status,
    input wire [4:0] status,
    input wire [3:0] error,
    input wire [23:0] error_pc,
    input wire [11:0] layer,
    input wire [31:0] completed,
    input wire [575:0] counters
);
    localparam [9:0] CTRL = 3, IRQ_STATUS = 5, COUNTERS = 16, COMPLETED = 34;
    localparam [1:0] OKAY = 0, SLAVE_ERROR = 2;

    wire write = ctrl_awvalid && ctrl_wvalid && !ctrl_bvalid;
    wire [9:0] target = ctrl_awaddr[11:2];
    wire [31:0] mask = {{8{ctrl_wstrb[3]}}, {8{ctrl_wstrb[2]}}, {8{ctrl_wstrb[1]}}, {8{ctrl_wstrb[0]}}};
    wire [31:0] ones = ctrl_wdata & mask;
    assign ctrl_awready = write;
    assign ctrl_wready = write;
    assign request = write && target == CTRL ? ones[2:0] : 3'd0;
    assign acknowledge = write && target == IRQ_STATUS ? ones[3:0] : 4'd0;

    always @(posedge clk)
        if (rst) begin
            {irq_enable, watchdog, prog_addr, prog_len, in_addr, out_addr, count} <= 0;
        end else if (write)
            case (target)
                10'd4: irq_enable <= irq_enable & ~mask | ones;
                10'd9: watchdog <= watchdog & ~mask | ones;
                10'd10: prog_addr <= prog_addr & ~mask | ones;
                10'd11: prog_len <= prog_len & ~mask | ones;
                10'd12: in_addr <= in_addr & ~mask | ones;
                10'd13: out_addr <= out_addr & ~mask | ones;
                10'd14: count <= count & ~mask | ones;
                default: ;
            endcase

    always @(posedge clk)
        if (rst) ctrl_bvalid <= 0;
        else if (write) begin
            ctrl_bvalid <= 1;
            ctrl_bresp <= target > COMPLETED ? SLAVE_ERROR : OKAY;
        end else if (ctrl_bready) ctrl_bvalid <= 0;

    // A counter is two registers; reading the low half keeps the high one.
    wire [9:0] place = ctrl_araddr[11:2];
    wire [9:0] half = place - COUNTERS;
    wire [63:0] counter = counters[{half[4:1], 6'd0} +: 64];
    wire is_counter = place >= COUNTERS && place < COMPLETED;
    wire read = ctrl_arvalid && ctrl_arready;
    reg [31:0] high;
    assign ctrl_arready = !ctrl_rvalid;

    always @(posedge clk) if (read && is_counter && !half[0]) high <= counter[63:32];

    always @(posedge clk)
        if (rst) ctrl_rvalid <= 0;
        else if (read) begin
            ctrl_rvalid <= 1;
            ctrl_rresp <= place > COMPLETED ? SLAVE_ERROR : OKAY;
            case (place)
                10'd0: ctrl_rdata <= 32'h41535359;
                10'd1: ctrl_rdata <= 32'd1;
                10'd2: ctrl_rdata <= CONFIG_HASH;
                10'd4: ctrl_rdata <= irq_enable;
                10'd5: ctrl_rdata <= {28'd0, irq_status};
                10'd6: ctrl_rdata <= {27'd0, status};
                10'd7: ctrl_rdata <= {28'd0, error};
                10'd8: ctrl_rdata <= {8'd0, error_pc};
                10'd9: ctrl_rdata <= watchdog;
                10'd10: ctrl_rdata <= prog_addr;
                10'd11: ctrl_rdata <= prog_len;
                10'd12: ctrl_rdata <= in_addr;
                10'd13: ctrl_rdata <= out_addr;
                10'd14: ctrl_rdata <= count;
                10'd15: ctrl_rdata <= {20'd0, layer};
                COMPLETED: ctrl_rdata <= completed;
                default: ctrl_rdata <= !is_counter ? 32'd0 : half[0] ? high : counter[31:0];
            endcase
        end else if (ctrl_rready) ctrl_rvalid <= 0;

    wire unused = &{ctrl_awaddr[1:0], ctrl_araddr[1:0], half[9:5], 1'b0};
endmodule
