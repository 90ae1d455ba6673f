// The nine 64-bit counters of the contract, the first one lowest.
module maxpool_counters #(
    parameter [31:0] MEMORY_BYTES = 8
) (
    input wire clk,
    input wire rst,
    input wire counting,
    input wire computing,
    input wire writing,
    input wire read_beat,
    input wire write_beat,
    output wire [575:0] counters
);
    reg [63:0] cycles, compute, read_stall, write_stall, bytes_read, bytes_written;
    localparam [63:0] BYTES = {32'd0, MEMORY_BYTES};

    // There are no stalls between units, and a maximum is no multiply-accumulate.
    assign counters = {64'd0, 64'd0, bytes_written, bytes_read, 64'd0, write_stall, read_stall, compute, cycles};

    always @(posedge clk)
        if (rst) {cycles, compute, read_stall, write_stall, bytes_read, bytes_written} <= 0;
        else if (counting) begin
            cycles <= cycles + 1;
            if (computing) compute <= compute + 1;
            else if (writing) write_stall <= write_stall + 1;
            else read_stall <= read_stall + 1;
            if (read_beat) bytes_read <= bytes_read + BYTES;
            if (write_beat) bytes_written <= bytes_written + BYTES;
        end
endmodule
