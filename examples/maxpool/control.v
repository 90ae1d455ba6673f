// Configure, run, instructions, completion; errors, watchdog, soft reset, interrupts.
module maxpool_control #(
    parameter [31:0] MEMORY_BYTES = 8,
    parameter [31:0] CONFIG_HASH = 0
) (
    input wire clk,
    input wire rst,
    output wire clear, // resets everything but what the host has written
    output wire halt,
    output reg irq,

    input wire [2:0] request,
    input wire [3:0] acknowledge,
    input wire [31:0] irq_enable,
    input wire [31:0] watchdog,
    input wire [31:0] prog_addr,
    input wire [31:0] prog_len,
    input wire [31:0] in_addr,
    input wire [31:0] out_addr,
    input wire [31:0] count,
    output reg [3:0] irq_status,
    output wire [4:0] status,
    output reg [3:0] error,
    output reg [23:0] error_pc,
    output reg [31:0] completed,

    output reg fetch_start, // 32 bytes: a header or an instruction
    output reg [31:0] fetch_address,
    output wire fetching,
    input wire [8*MEMORY_BYTES-1:0] data,
    input wire valid,
    output reg [255:0] fetched,
    output wire layer_start,
    input wire layer_done,
    input wire illegal,
    input wire wrong,
    input wire at_end,
    output reg [23:0] pc,
    output reg [15:0] image,
    output reg [31:0] input_base,
    output reg [31:0] output_base,
    output reg [31:0] program_base,

    input wire read_error,
    input wire write_error,
    input wire quiet,
    input wire advanced,
    output reg counting,
    output wire clear_counters
);
    localparam integer BITS = 8 * MEMORY_BYTES;
    localparam integer OFFSET = $clog2(MEMORY_BYTES);
    localparam [31:0] WORDS = 32'd32 / MEMORY_BYTES;
    localparam [3:0] ILLEGAL = 1, OPERAND_RANGE = 2, MISMATCH = 3, BUS_READ = 4, BUS_WRITE = 5, WATCHDOG = 6,
        BAD_REQUEST = 7;
    localparam [3:0] IDLE = 0, HEADER = 1, CHECK = 2, BEGIN = 3, FETCH = 4, COLLECT = 5, JUDGE = 6, LAYER = 7,
        NEXT = 8, COMPLETE = 9, HALTED = 10;

    reg [3:0] state;
    reg configured, failed, resetting, clearing;
    reg [3:0] words_left;
    reg [31:0] images_left, instructions, input_bytes, output_bytes, first_instruction, waited;

    assign clear = rst || clearing;
    assign halt = failed || resetting || clearing;

    // The queue of RUN requests, two deep.
    reg [95:0] queue0, queue1;
    reg [1:0] queued;
    wire waiting = queued != 0, room = queued != 2, leave = state == BEGIN;
    wire listens = !halt && !request[2];
    wire idle = state == IDLE && !waiting;
    wire configure = listens && request[0] && idle && !request[1];
    wire run = listens && request[1] && !request[0] && configured && room && count != 0;
    wire refused = listens && (request[0] || request[1]) && !configure && !run;

    always @(posedge clk)
        if (clear) queued <= 0;
        else queued <= queued + {1'b0, run} - {1'b0, leave};

    always @(posedge clk) begin
        if (leave) queue0 <= queue1;
        if (run && queued == {1'b0, leave}) queue0 <= {count, out_addr, in_addr};
        else if (run) queue1 <= {count, out_addr, in_addr};
    end

    // What a header says, and whether this accelerator can run it.
    wire [31:0] offset = fetched[191:160];
    wire [33:0] end_of_code = {2'd0, offset} + {5'd0, fetched[87:64], 5'd0};
    wire named = fetched[31:0] == 32'h52505341 && fetched[63:32] == CONFIG_HASH && fetched[223:192] == 32'd1
        && fetched[255:224] == 32'd0;
    wire aligned = offset[OFFSET-1:0] == 0 && program_base[OFFSET-1:0] == 0;
    wire accepted = named && aligned && fetched[95:88] == 0 && fetched[87:64] != 0 && end_of_code <= {2'd0, prog_len};

    wire took = valid && words_left != 0;
    wire legal = !illegal && !wrong;
    wire last = pc == instructions[23:0] - 24'd1;
    assign fetching = words_left != 0;
    assign layer_start = state == JUDGE && legal && !at_end && !last && !halt;

    always @(posedge clk) begin
        if (fetch_start) words_left <= WORDS[3:0];
        else if (took) words_left <= words_left - 1;
        if (clear) words_left <= 0;
    end

    generate
        if (BITS == 256) begin : one_word
            always @(posedge clk) if (took) fetched <= data;
        end else begin : words
            always @(posedge clk) if (took) fetched <= {data, fetched[255:BITS]};
        end
    endgenerate

    wire arrived = took && words_left == 1;

    always @(posedge clk)
        if (clear) begin
            state <= IDLE;
            fetch_start <= 0;
            configured <= 0;
            completed <= 0;
        end else begin
            fetch_start <= 0;
            if (failed) state <= HALTED;
            else
                case (state)
                    IDLE:
                        if (configure) begin
                            state <= HEADER;
                            configured <= 0;
                            fetch_start <= 1;
                        end else if (waiting) state <= BEGIN;
                    HEADER: if (arrived) state <= CHECK;
                    CHECK: begin
                        state <= IDLE;
                        configured <= accepted;
                    end
                    BEGIN: state <= FETCH;
                    FETCH: begin
                        state <= COLLECT;
                        fetch_start <= 1;
                    end
                    COLLECT: if (arrived) state <= JUDGE;
                    JUDGE: if (legal) state <= at_end ? (images_left == 1 ? COMPLETE : NEXT) : LAYER;
                    LAYER: if (layer_done) state <= FETCH;
                    NEXT: state <= FETCH;
                    COMPLETE: begin
                        state <= IDLE;
                        completed <= completed + 1;
                    end
                    default: ;
                endcase
        end

    always @(posedge clk)
        if (clear) pc <= 0;
        else case (state)
            IDLE:
                if (configure) begin
                    program_base <= prog_addr;
                    fetch_address <= prog_addr;
                end
            CHECK: begin
                instructions <= fetched[95:64];
                input_bytes <= fetched[127:96];
                output_bytes <= fetched[159:128];
                first_instruction <= program_base + offset;
            end
            BEGIN: begin
                {images_left, output_base, input_base} <= queue0;
                image <= 0;
                pc <= 0;
                fetch_address <= first_instruction;
            end
            LAYER:
                if (layer_done) begin
                    pc <= pc + 1;
                    fetch_address <= fetch_address + 32'd32;
                end
            NEXT: begin
                input_base <= input_base + input_bytes;
                output_base <= output_base + output_bytes;
                image <= image + 1;
                images_left <= images_left - 1;
                pc <= 0;
                fetch_address <= first_instruction;
            end
            default: ;
        endcase

    // Errors: the first one stays. Instructions must end with END, and with the last one that the header counts.
    wire judged = state == JUDGE && !failed;
    wire misplaced = judged && legal && at_end != last;
    wire mismatch = state == CHECK && !accepted;
    wire watched = state != IDLE && state != HALTED && !resetting;
    wire expired = watched && !advanced && watchdog != 0 && waited == watchdog;
    reg [3:0] found;

    always @* begin
        found = 0;
        if (refused) found = BAD_REQUEST;
        if (expired) found = WATCHDOG;
        if (write_error) found = BUS_WRITE;
        if (read_error) found = BUS_READ;
        if (mismatch) found = MISMATCH;
        if (judged && wrong) found = OPERAND_RANGE;
        if (judged && illegal || misplaced) found = ILLEGAL;
    end
    wire caught = found != 0 && !failed;

    always @(posedge clk)
        if (clear) begin
            failed <= 0;
            error <= 0;
            error_pc <= 0;
        end else if (caught) begin
            failed <= 1;
            error <= found;
            error_pc <= pc;
        end

    always @(posedge clk)
        if (clear || advanced || !watched) waited <= 0;
        else if (waited != watchdog) waited <= waited + 1;

    // Soft reset: from a request until the bus is quiet.
    always @(posedge clk)
        if (rst) {resetting, clearing} <= 0;
        else begin
            clearing <= resetting && quiet && !clearing;
            if (clearing) resetting <= 0;
            else if (request[2]) resetting <= 1;
        end

    wire ends = state == COMPLETE && !failed;
    assign clear_counters = run && !counting;

    always @(posedge clk)
        if (clear) counting <= 0;
        else if (run) counting <= 1;
        else if (failed || ends && !waiting) counting <= 0;

    always @(posedge clk)
        if (clear) {irq_status, irq} <= 0;
        else begin
            irq_status <= irq_status & ~acknowledge
                | {leave && !failed, caught, ends, state == CHECK && accepted && !failed};
            irq <= (irq_status & irq_enable[3:0]) != 0;
        end

    wire busy = state != IDLE && state != HALTED || !quiet || waiting && !failed;
    assign status = {resetting, !room, failed, busy, configured};
    wire unused = &{irq_enable[31:4], instructions[31:24], 1'b0};
endmodule
