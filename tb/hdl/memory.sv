// Simulated DRAM: an AXI4 slave that takes INCR bursts of full-width beats, with settings that may be changed
// between two runs. Word k of `words` holds bytes k*BYTES upwards, the lowest byte in the lowest bits.
//
// latency: cycles from the acceptance of an address (or of the last write beat) to the first response.
// rate: beats a cycle for reads and writes together, in 1/256.
// stalls: chance in 1/256, per channel (AR, R, AW, W, B from the lowest byte), of not being ready or valid in a cycle.
// reorder: bit 0 answers different IDs in any order, bit 1 also interleaves their read beats.
// read_error, write_error: the burst, counted from 1 since `apply` last changed, that gets `error_response`; 0: none.
//
// Queues and counts are changed with blocking assignments inside one process; only the ports are registered.
/* verilator lint_off BLKSEQ */
module memory #(
    parameter integer BYTES = 16,
    parameter integer WORDS = 65536
) (
    input wire clk,
    input wire rst,
    input wire [31:0] cycle,

    input wire apply,
    input wire [15:0] latency,
    input wire [15:0] rate,
    input wire [39:0] stalls,
    input wire [1:0] reorder,
    input wire [31:0] read_error,
    input wire [31:0] write_error,
    input wire [1:0] error_response,
    input wire [63:0] seed,

    input wire command_toggle,
    input wire [7:0] command,
    input wire [31:0] command_index,
    input wire [31:0] command_address,
    input wire [31:0] command_length,

    input wire arvalid,
    output reg arready,
    input wire [1:0] arid,
    input wire [31:0] araddr,
    input wire [7:0] arlen,
    output reg rvalid,
    input wire rready,
    output reg [1:0] rid,
    output reg [8*BYTES-1:0] rdata,
    output reg [1:0] rresp,
    output reg rlast,

    input wire awvalid,
    output reg awready,
    input wire [1:0] awid,
    input wire [31:0] awaddr,
    input wire [7:0] awlen,
    input wire wvalid,
    output reg wready,
    input wire [8*BYTES-1:0] wdata,
    input wire [BYTES-1:0] wstrb,
    input wire wlast,
    output reg bvalid,
    input wire bready,
    output reg [1:0] bid,
    output reg [1:0] bresp
);
    localparam integer SHIFT = $clog2(BYTES);
    localparam [7:0] LOAD = 1, DUMP = 2, FILL = 3;
    localparam integer DEPTH = 16;
    localparam [1:0] OKAY = 0, DECODE_ERROR = 3;

    reg [8*BYTES-1:0] words [0:WORDS-1];
    reg [63:0] random;

    // Reads: a queue of DEPTH bursts for each ID.
    reg [31:0] read_address [0:4*DEPTH-1];
    reg [31:0] read_ready [0:4*DEPTH-1];
    reg [8:0] read_beats [0:4*DEPTH-1];
    reg [1:0] read_response [0:4*DEPTH-1];
    reg [3:0] read_head [0:3];
    reg [4:0] read_count [0:3];
    reg [5:0] read_total;
    reg read_active;
    reg [1:0] read_id;
    reg [31:0] reads_accepted;

    // Writes: one queue of bursts in the order of their addresses, then one of responses for each ID.
    reg [31:0] write_address [0:DEPTH-1];
    reg [1:0] write_id [0:DEPTH-1];
    reg [1:0] write_response [0:DEPTH-1];
    reg [3:0] write_head;
    reg [4:0] write_count;
    reg [31:0] writes_accepted;
    reg [31:0] answer_ready [0:4*DEPTH-1];
    reg [1:0] answer_response [0:4*DEPTH-1];
    reg [3:0] answer_head [0:3];
    reg [4:0] answer_count [0:3];
    reg [5:0] answer_total;

    integer credit;
    reg write_turn;
    reg applied;

    function automatic [63:0] next_random(input [63:0] state);
        reg [63:0] value;
        begin
            value = state ^ (state << 13);
            value = value ^ (value >> 7);
            next_random = value ^ (value << 17);
        end
    endfunction

    function automatic stalled(input integer channel);
        stalled = random[8*channel +: 8] < stalls[8*channel +: 8];
    endfunction

    function automatic [1:0] response_to(input [31:0] address, input [31:0] number, input [31:0] bad);
        if (number == bad) response_to = error_response;
        else response_to = (address >> SHIFT) < WORDS ? OKAY : DECODE_ERROR;
    endfunction

    task automatic fill(input [31:0] first, input [31:0] count, input [63:0] start);
        reg [63:0] state;
        integer index, part;
        begin
            state = start | 64'd1;
            for (index = 0; index < count; index = index + 1)
                for (part = 0; part < BYTES / 8; part = part + 1) begin
                    state = next_random(state);
                    words[first + index][64*part +: 64] = state * 64'h2545F4914F6CDD1D;
                end
        end
    endtask

    task automatic load(input [31:0] first, input [31:0] count);
        integer file, got;
        begin
            file = $fopen($sformatf("load_%0d.bin", command_index), "rb");
            got = $fread(words, file, first, count);
            $fclose(file);
            if (got != count * BYTES) $fatal(1, "memory: load_%0d.bin gave %0d bytes", command_index, got);
        end
    endtask

    task automatic dump(input [31:0] first, input [31:0] count);
        integer file, index;
        begin
            file = $fopen($sformatf("dump_%0d.bin", command_index), "wb");
            for (index = 0; index < count; index = index + 1) $fwrite(file, "%u", words[first + index]);
            $fclose(file);
        end
    endtask

    always @(command_toggle)
        case (command)
            LOAD: load(command_address >> SHIFT, command_length >> SHIFT);
            DUMP: dump(command_address >> SHIFT, command_length >> SHIFT);
            FILL: fill(command_address >> SHIFT, command_length >> SHIFT, seed);
            default: ;
        endcase

    task automatic clear_queues;
        integer id;
        begin
            for (id = 0; id < 4; id = id + 1) begin
                read_head[id] = 0;
                read_count[id] = 0;
                answer_head[id] = 0;
                answer_count[id] = 0;
            end
            read_total = 0;
            read_active = 0;
            read_id = 0;
            write_head = 0;
            write_count = 0;
            answer_total = 0;
            credit = 0;
            write_turn = 0;
        end
    endtask

    task automatic accept_read;
        reg [5:0] slot;
        begin
            reads_accepted = reads_accepted + 1;
            slot = {arid, read_head[arid] + read_count[arid][3:0]};
            read_address[slot] = araddr;
            read_beats[slot] = {1'b0, arlen} + 9'd1;
            read_ready[slot] = cycle + {16'd0, latency};
            read_response[slot] = response_to(araddr, reads_accepted, read_error);
            read_count[arid] = read_count[arid] + 1;
            read_total = read_total + 1;
        end
    endtask

    // The next burst to answer: the oldest one, or with reordering any ID's oldest one.
    task automatic choose_read;
        integer step;
        reg [1:0] id;
        reg [31:0] best;
        begin
            read_active = 0;
            best = 0;
            for (step = 0; step < 4; step = step + 1) begin
                id = step[1:0] + (reorder != 0 ? random[41:40] : 2'd0);
                if (read_count[id] != 0 && read_ready[{id, read_head[id]}] <= cycle
                        && (!read_active || (reorder == 0 && read_ready[{id, read_head[id]}] < best))) begin
                    read_active = 1;
                    read_id = id;
                    best = read_ready[{id, read_head[id]}];
                end
            end
        end
    endtask

    task automatic send_read;
        reg [5:0] slot;
        begin
            slot = {read_id, read_head[read_id]};
            rvalid <= 1;
            rid <= read_id;
            rresp <= read_response[slot];
            rlast <= read_beats[slot] == 1;
            rdata <= read_response[slot] == OKAY ? words[read_address[slot] >> SHIFT] : {BYTES / 8{random}};
            read_address[slot] = read_address[slot] + BYTES;
            read_beats[slot] = read_beats[slot] - 1;
            credit = credit - 256;
            write_turn = 1;
            if (read_beats[slot] == 0) begin
                read_head[read_id] = read_head[read_id] + 1;
                read_count[read_id] = read_count[read_id] - 1;
                read_total = read_total - 1;
                read_active = 0;
            end
        end
    endtask

    task automatic accept_write;
        reg [3:0] slot;
        begin
            writes_accepted = writes_accepted + 1;
            slot = write_head + write_count[3:0];
            write_address[slot] = awaddr;
            write_id[slot] = awid;
            write_response[slot] = response_to(awaddr, writes_accepted, write_error);
            write_count = write_count + 1;
        end
    endtask

    task automatic store_beat;
        integer lane;
        reg [31:0] word;
        begin
            word = write_address[write_head] >> SHIFT;
            if (write_response[write_head] == OKAY) begin
                if (&wstrb) words[word] = wdata;
                else if (wstrb != 0)
                    for (lane = 0; lane < BYTES; lane = lane + 1)
                        if (wstrb[lane]) words[word][8*lane +: 8] = wdata[8*lane +: 8];
            end
            write_address[write_head] = write_address[write_head] + BYTES;
            credit = credit - 256;
            write_turn = 0;
        end
    endtask

    task automatic end_write;
        reg [5:0] slot;
        reg [1:0] id;
        begin
            id = write_id[write_head];
            slot = {id, answer_head[id] + answer_count[id][3:0]};
            answer_ready[slot] = cycle + {16'd0, latency};
            answer_response[slot] = write_response[write_head];
            answer_count[id] = answer_count[id] + 1;
            answer_total = answer_total + 1;
            write_head = write_head + 1;
            write_count = write_count - 1;
        end
    endtask

    task automatic answer_write;
        integer step;
        reg found;
        reg [1:0] id, chosen;
        reg [31:0] best;
        begin
            found = 0;
            chosen = 0;
            best = 0;
            for (step = 0; step < 4; step = step + 1) begin
                id = step[1:0] + (reorder != 0 ? random[43:42] : 2'd0);
                if (answer_count[id] != 0 && answer_ready[{id, answer_head[id]}] <= cycle
                        && (!found || (reorder == 0 && answer_ready[{id, answer_head[id]}] < best))) begin
                    found = 1;
                    chosen = id;
                    best = answer_ready[{id, answer_head[id]}];
                end
            end
            if (found) begin
                bvalid <= 1;
                bid <= chosen;
                bresp <= answer_response[{chosen, answer_head[chosen]}];
                answer_head[chosen] = answer_head[chosen] + 1;
                answer_count[chosen] = answer_count[chosen] - 1;
                answer_total = answer_total - 1;
            end
        end
    endtask

    always @(posedge clk) begin
        random = next_random(random);
        if (applied != apply) begin
            applied = apply;
            random = seed | 64'd1;
            reads_accepted = 0;
            writes_accepted = 0;
        end
        credit = credit + {16'd0, rate};
        if (credit > 512) credit = 512;

        if (arvalid && arready) accept_read;
        if (awvalid && awready) accept_write;
        if (wvalid && wready) begin
            store_beat;
            if (wlast) end_write;
        end
        if (bready || !bvalid) begin
            bvalid <= 0;
            if (answer_total != 0 && !stalled(4)) answer_write;
        end
        if (rready || !rvalid) begin
            rvalid <= 0;
            if (read_total != 0) begin
                if (!read_active || reorder[1]) choose_read;
                if (read_active && credit >= 256 && !stalled(1)
                        && !(write_turn && credit < 512 && wvalid && write_count != 0)) send_read;
            end
        end
        arready <= read_total < DEPTH - 1 && !stalled(0);
        awready <= write_count + answer_total < DEPTH - 1 && !stalled(2);
        wready <= write_count != 0 && credit >= 256 && !stalled(3);

        if (rst) begin
            clear_queues;
            arready <= 0;
            awready <= 0;
            wready <= 0;
            rvalid <= 0;
            bvalid <= 0;
        end
    end

    initial begin
        random = 64'd1;
        applied = 0;
        reads_accepted = 0;
        writes_accepted = 0;
        arready = 0;
        awready = 0;
        wready = 0;
        rvalid = 0;
        bvalid = 0;
        clear_queues;
    end
endmodule
/* verilator lint_on BLKSEQ */
