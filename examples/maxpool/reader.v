// Reads `words` memory words from `address` on, in bursts of up to 16, four of them in flight.
// halt: no new burst is issued, and what is outstanding is dropped. idle: every burst has been answered.
module maxpool_reader #(
    parameter [31:0] MEMORY_BYTES = 8
) (
    input wire clk,
    input wire rst,
    input wire halt,
    input wire start, // when the words of the last start have all been taken
    input wire [31:0] address,
    input wire [15:0] words,
    input wire [1:0] id,
    input wire [11:0] user,
    output wire [8*MEMORY_BYTES-1:0] data,
    output wire valid,
    input wire ready,
    output wire error,
    output wire idle,
    output reg mem_arvalid,
    input wire mem_arready,
    output reg [1:0] mem_arid,
    output reg [31:0] mem_araddr,
    output reg [7:0] mem_arlen,
    output wire [2:0] mem_arsize,
    output wire [1:0] mem_arburst,
    output reg [11:0] mem_aruser,
    input wire mem_rvalid,
    output wire mem_rready,
    input wire [1:0] mem_rid,
    input wire [8*MEMORY_BYTES-1:0] mem_rdata,
    input wire [1:0] mem_rresp,
    input wire mem_rlast
);
    localparam integer OFFSET = $clog2(MEMORY_BYTES);
    localparam [2:0] IN_FLIGHT = 4;

    reg [31:0] next;
    reg [15:0] left;
    reg [2:0] owed; // bursts, from when they are offered
    // A burst ends where its address is a multiple of 16 words, so none crosses 4 KB.
    wire [15:0] room = 16'd16 - {12'd0, next[OFFSET +: 4]};
    wire [15:0] beats = left < room ? left : room;
    wire [15:0] extra = beats - 1;
    wire issue = left != 0 && !halt && owed != IN_FLIGHT && (!mem_arvalid || mem_arready);
    wire answered = mem_rvalid && mem_rready && mem_rlast;

    assign mem_arsize = OFFSET[2:0];
    assign mem_arburst = 2'd1;
    assign data = mem_rdata;
    assign valid = mem_rvalid && !halt;
    assign mem_rready = ready || halt;
    assign error = mem_rvalid && mem_rready && mem_rresp[1];
    assign idle = owed == 0;

    always @(posedge clk)
        if (rst) begin
            mem_arvalid <= 0;
            left <= 0;
            owed <= 0;
        end else begin
            owed <= owed + {2'd0, issue} - {2'd0, answered};
            if (issue) mem_arvalid <= 1;
            else if (mem_arready) mem_arvalid <= 0;
            if (start) left <= words;
            else if (issue) left <= left - beats;
        end

    always @(posedge clk) begin
        if (start) begin
            next <= address;
            mem_arid <= id;
            mem_aruser <= user;
        end else if (issue) next <= next + ({16'd0, beats} << OFFSET);
        if (issue) begin
            mem_araddr <= next;
            mem_arlen <= extra[7:0];
        end
    end

    wire unused = &{mem_rid, mem_rresp[0], extra[15:8], 1'b0};
endmodule
