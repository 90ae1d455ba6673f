// Writes `words` memory words from `address` on, in bursts of up to 16.
// halt: no new burst is issued, and the beats owed go out with WSTRB = 0. idle: every burst has its response.
module maxpool_writer #(
    parameter [31:0] MEMORY_BYTES = 8
) (
    input wire clk,
    input wire rst,
    input wire halt,
    input wire start, // when the words of the last start have all been taken
    input wire [31:0] address,
    input wire [15:0] words,
    input wire [11:0] user,
    input wire [8*MEMORY_BYTES-1:0] data,
    input wire valid,
    output wire ready,
    output wire error,
    output wire idle,
    output reg mem_awvalid,
    input wire mem_awready,
    output wire [1:0] mem_awid,
    output reg [31:0] mem_awaddr,
    output reg [7:0] mem_awlen,
    output wire [2:0] mem_awsize,
    output wire [1:0] mem_awburst,
    output reg [11:0] mem_awuser,
    output reg mem_wvalid,
    input wire mem_wready,
    output reg [8*MEMORY_BYTES-1:0] mem_wdata,
    output reg [MEMORY_BYTES-1:0] mem_wstrb,
    output reg mem_wlast,
    input wire mem_bvalid,
    output wire mem_bready,
    input wire [1:0] mem_bid,
    input wire [1:0] mem_bresp
);
    localparam integer OFFSET = $clog2(MEMORY_BYTES);
    localparam [3:0] IN_FLIGHT = 8;

    reg [31:0] next;
    reg [15:0] left;
    reg [4:0] owed;        // beats of the burst at hand
    reg [3:0] unanswered;  // bursts
    wire [15:0] room = 16'd16 - {12'd0, next[OFFSET +: 4]};
    wire [15:0] beats = left < room ? left : room;
    wire [15:0] extra = beats - 1;
    wire issue = left != 0 && !halt && owed == 0 && !mem_awvalid && unanswered != IN_FLIGHT;
    wire free = !mem_wvalid || mem_wready;
    wire send = owed != 0 && free && (valid || halt);

    assign mem_awid = 2'd0;
    assign mem_awsize = OFFSET[2:0];
    assign mem_awburst = 2'd1;
    assign mem_bready = 1'b1;
    assign ready = owed != 0 && free && !halt;
    assign error = mem_bvalid && mem_bresp[1];
    assign idle = unanswered == 0;

    always @(posedge clk)
        if (rst) begin
            mem_awvalid <= 0;
            mem_wvalid <= 0;
            left <= 0;
            owed <= 0;
            unanswered <= 0;
        end else begin
            unanswered <= unanswered + {3'd0, issue} - {3'd0, mem_bvalid};
            if (issue) mem_awvalid <= 1;
            else if (mem_awready) mem_awvalid <= 0;
            if (start) left <= words;
            else if (issue) left <= left - beats;
            if (issue) owed <= beats[4:0];
            else if (send) owed <= owed - 1;
            if (send) mem_wvalid <= 1;
            else if (mem_wready) mem_wvalid <= 0;
        end

    always @(posedge clk) begin
        if (start) next <= address;
        else if (issue) next <= next + ({16'd0, beats} << OFFSET);
        if (issue) begin
            mem_awaddr <= next;
            mem_awlen <= extra[7:0];
            mem_awuser <= user;
        end
        if (send) begin
            mem_wdata <= data;
            mem_wstrb <= halt ? {MEMORY_BYTES{1'b0}} : {MEMORY_BYTES{1'b1}};
            mem_wlast <= owed == 1;
        end
    end

    wire unused = &{mem_bid, mem_bresp[0], extra[15:8], 1'b0};
endmodule
