// One max-pooling layer of int8 values whose windows stand side by side (stride = kernel, no padding).
// Rows of the input stream in, row after row. A line of words keeps the greatest values so far of one row of results;
// the last row of the windows sends them on.
module maxpool_engine #(
    parameter [31:0] MEMORY_BYTES = 8,
    parameter [31:0] LINE_WORDS = 64
) (
    input wire clk,
    input wire rst,
    input wire start,
    input wire [31:0] source,         // byte address of the input
    input wire [31:0] destination,    // and of the results
    input wire [23:0] row_pitch,      // bytes from one input row to the next
    input wire [15:0] row_words,      // memory words that are read of an input row
    input wire [11:0] line_words,     // memory words of a row of results
    input wire [7:0] channel_words,   // memory words of a pixel
    input wire [11:0] rows,           // of results
    input wire [3:0] kernel_rows,
    input wire [3:0] kernel_columns,
    output reg done,                  // pulse: every result has its response
    output reg read_start,
    output reg [31:0] read_address,
    input wire [8*MEMORY_BYTES-1:0] data,
    input wire valid,
    output wire ready,
    output reg write_start,
    output reg [31:0] write_address,
    output wire [8*MEMORY_BYTES-1:0] result,
    output wire result_valid,
    input wire result_ready,
    output reg [31:0] number,         // of the word of results on offer
    input wire written,               // no write is unanswered
    output wire computing,
    output wire writing
);
    localparam integer BITS = 8 * MEMORY_BYTES;
    localparam integer OFFSET = $clog2(MEMORY_BYTES);
    localparam integer INDEX = $clog2(LINE_WORDS);

    reg [BITS-1:0] line [0:LINE_WORDS-1];
    reg active, row_open, draining;
    reg [11:0] rows_left;
    reg [3:0] kernel_row, kernel_column;
    reg [15:0] words_left;
    reg [7:0] channel;
    reg [11:0] pixel; // first word of the pixel of results at hand

    wire [11:0] index = pixel + {4'd0, channel};
    wire [BITS-1:0] kept = line[index[INDEX-1:0]];
    wire first = kernel_row == 0 && kernel_column == 0;
    wire last_column = kernel_column == kernel_columns - 1;
    wire last_row = kernel_row == kernel_rows - 1;
    wire last_channel = channel == channel_words - 1;
    wire emits = last_row && last_column;
    wire [BITS-1:0] greatest;

    genvar lane;
    generate
        for (lane = 0; lane < MEMORY_BYTES; lane = lane + 1) begin : lanes
            wire [7:0] fresh = data[8*lane +: 8];
            wire [7:0] old = kept[8*lane +: 8];
            assign greatest[8*lane +: 8] = first || $signed(fresh) > $signed(old) ? fresh : old;
        end
    endgenerate

    assign result = greatest;
    assign result_valid = row_open && valid && emits;
    assign ready = row_open && (!emits || result_ready);
    assign computing = valid && ready;
    assign writing = result_valid || draining;

    always @(posedge clk) if (computing) line[index[INDEX-1:0]] <= greatest;

    // A row of the input is asked for when the one before it has been taken.
    always @(posedge clk)
        if (rst) begin
            {active, row_open, draining, read_start, write_start, done} <= 0;
        end else begin
            read_start <= 0;
            write_start <= 0;
            done <= 0;
            if (start) active <= 1;
            else if (active && !row_open && !read_start) begin
                read_start <= 1;
                write_start <= kernel_row == 0;
                row_open <= 1;
            end else if (computing && words_left == 1) begin
                row_open <= 0;
                if (last_row && rows_left == 1) begin
                    active <= 0;
                    draining <= 1;
                end
            end else if (draining && written && !done) begin
                draining <= 0;
                done <= 1;
            end
        end

    always @(posedge clk)
        if (start) begin
            read_address <= source;
            write_address <= destination;
            rows_left <= rows;
            kernel_row <= 0;
            number <= 0;
        end else begin
            if (computing && words_left == 1) begin
                read_address <= read_address + {8'd0, row_pitch};
                kernel_row <= last_row ? 4'd0 : kernel_row + 1;
                if (last_row) begin
                    rows_left <= rows_left - 1;
                    write_address <= write_address + ({20'd0, line_words} << OFFSET);
                end
            end
            if (result_valid && result_ready) number <= number + 1;
        end

    always @(posedge clk)
        if (read_start) begin
            words_left <= row_words;
            {channel, kernel_column, pixel} <= 0;
        end else if (computing) begin
            words_left <= words_left - 1;
            channel <= last_channel ? 8'd0 : channel + 1;
            if (last_channel) begin
                kernel_column <= last_column ? 4'd0 : kernel_column + 1;
                if (last_column) pixel <= pixel + {4'd0, channel_words};
            end
        end

    generate
        if (INDEX < 12) begin : short_line
            wire unused = &{index[11:INDEX], 1'b0};
        end
    endgenerate
endmodule
