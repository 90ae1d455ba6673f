// An accelerator of one layer kind: int8 max pooling with windows side by side. The ports are those of the contract
// (docs/architecture.md); an instruction is one layer, read from memory and written to memory.
module maxpool #(
    parameter [31:0] MEMORY_BYTES = 8,
    parameter [31:0] CONFIG_HASH = 0,
    parameter [31:0] LINE_WORDS = 64
) (
    input wire clk,
    input wire rst,
    output wire irq,
    input wire ctrl_awvalid,
    output wire ctrl_awready,
    input wire [11:0] ctrl_awaddr,
    input wire ctrl_wvalid,
    output wire ctrl_wready,
    input wire [31:0] ctrl_wdata,
    input wire [3:0] ctrl_wstrb,
    output wire ctrl_bvalid,
    input wire ctrl_bready,
    output wire [1:0] ctrl_bresp,
    input wire ctrl_arvalid,
    output wire ctrl_arready,
    input wire [11:0] ctrl_araddr,
    output wire ctrl_rvalid,
    input wire ctrl_rready,
    output wire [31:0] ctrl_rdata,
    output wire [1:0] ctrl_rresp,
    output wire mem_arvalid,
    input wire mem_arready,
    output wire [1:0] mem_arid,
    output wire [31:0] mem_araddr,
    output wire [7:0] mem_arlen,
    output wire [2:0] mem_arsize,
    output wire [1:0] mem_arburst,
    output wire [11:0] mem_aruser,
    input wire mem_rvalid,
    output wire mem_rready,
    input wire [1:0] mem_rid,
    input wire [8*MEMORY_BYTES-1:0] mem_rdata,
    input wire [1:0] mem_rresp,
    input wire mem_rlast,
    output wire mem_awvalid,
    input wire mem_awready,
    output wire [1:0] mem_awid,
    output wire [31:0] mem_awaddr,
    output wire [7:0] mem_awlen,
    output wire [2:0] mem_awsize,
    output wire [1:0] mem_awburst,
    output wire [11:0] mem_awuser,
    output wire mem_wvalid,
    input wire mem_wready,
    output wire [8*MEMORY_BYTES-1:0] mem_wdata,
    output wire [MEMORY_BYTES-1:0] mem_wstrb,
    output wire mem_wlast,
    input wire mem_bvalid,
    output wire mem_bready,
    input wire [1:0] mem_bid,
    input wire [1:0] mem_bresp,
    output wire obs_event_valid,
    output wire [11:0] obs_event_layer,
    output wire [15:0] obs_event_image,
    output wire [575:0] obs_counters,
    output wire obs_tap_valid,
    output wire [7:0] obs_tap_lanes,
    output wire [11:0] obs_tap_layer,
    output wire [15:0] obs_tap_image,
    output wire [31:0] obs_tap_address,
    output wire [23:0] obs_tap_tag,
    output wire [8*MEMORY_BYTES-1:0] obs_tap_data
);
    localparam [31:0] FETCH = 32'd32 / MEMORY_BYTES; // words of a header or an instruction
    localparam [11:0] PROGRAM = 12'hFFF; // what the bytes of a program are tagged with
    localparam [3:0] POOL = 1, END = 15;

    wire clear, halt, quiet, counting, clear_counters;
    wire [2:0] request;
    wire [3:0] acknowledge, irq_status, error;
    wire [31:0] irq_enable, watchdog, prog_addr, prog_len, in_addr, out_addr, count, completed;
    wire [4:0] status;
    wire [23:0] error_pc, pc;
    reg [11:0] last_layer;

    maxpool_registers #(.CONFIG_HASH(CONFIG_HASH)) registers (
        .clk(clk), .rst(rst),
        .ctrl_awvalid(ctrl_awvalid), .ctrl_awready(ctrl_awready), .ctrl_awaddr(ctrl_awaddr),
        .ctrl_wvalid(ctrl_wvalid), .ctrl_wready(ctrl_wready), .ctrl_wdata(ctrl_wdata), .ctrl_wstrb(ctrl_wstrb),
        .ctrl_bvalid(ctrl_bvalid), .ctrl_bready(ctrl_bready), .ctrl_bresp(ctrl_bresp),
        .ctrl_arvalid(ctrl_arvalid), .ctrl_arready(ctrl_arready), .ctrl_araddr(ctrl_araddr),
        .ctrl_rvalid(ctrl_rvalid), .ctrl_rready(ctrl_rready), .ctrl_rdata(ctrl_rdata), .ctrl_rresp(ctrl_rresp),
        .request(request), .acknowledge(acknowledge), .irq_enable(irq_enable), .watchdog(watchdog),
        .prog_addr(prog_addr), .prog_len(prog_len), .in_addr(in_addr), .out_addr(out_addr), .count(count),
        .irq_status(irq_status), .status(status), .error(error), .error_pc(error_pc), .layer(last_layer),
        .completed(completed), .counters(obs_counters)
    );

    // Fields of an instruction; isa.py has the same.
    wire [255:0] fetched;
    wire [3:0] opcode = fetched[3:0];
    wire [11:0] layer = fetched[15:4];
    wire from_output = fetched[16];
    wire [31:0] source_offset = fetched[48:17], destination_offset = fetched[80:49];
    wire [23:0] row_pitch = fetched[104:81];
    wire [15:0] row_words = fetched[120:105];
    wire [11:0] line_words = fetched[132:121], rows = fetched[144:133];
    wire [7:0] channel_words = fetched[152:145];
    wire [3:0] kernel_rows = fetched[156:153], kernel_columns = fetched[160:157];
    wire at_end = opcode == END;
    wire illegal = opcode != POOL && !at_end;
    wire empty = rows == 0 || kernel_rows == 0 || kernel_columns == 0 || channel_words == 0 || row_words == 0;
    wire too_long = line_words == 0 || {20'd0, line_words} > LINE_WORDS;
    wire wrong = !at_end && (empty || too_long);

    wire fetch_start, fetching, layer_start, layer_done;
    wire [31:0] fetch_address, input_base, output_base, program_base;
    wire [15:0] image;
    wire [8*MEMORY_BYTES-1:0] data, result;
    wire valid, read_start, read_idle, read_error, write_start, write_idle, write_error;
    wire engine_ready, result_valid, result_ready, computing, writing;
    wire [31:0] read_address, write_address, number;
    wire read_beat = mem_rvalid && mem_rready, write_beat = mem_wvalid && mem_wready;
    assign quiet = read_idle && write_idle;

    maxpool_control #(.MEMORY_BYTES(MEMORY_BYTES), .CONFIG_HASH(CONFIG_HASH)) control (
        .clk(clk), .rst(rst), .clear(clear), .halt(halt), .irq(irq),
        .request(request), .acknowledge(acknowledge), .irq_enable(irq_enable), .watchdog(watchdog),
        .prog_addr(prog_addr), .prog_len(prog_len), .in_addr(in_addr), .out_addr(out_addr), .count(count),
        .irq_status(irq_status), .status(status), .error(error), .error_pc(error_pc), .completed(completed),
        .fetch_start(fetch_start), .fetch_address(fetch_address), .fetching(fetching), .data(data), .valid(valid),
        .fetched(fetched), .layer_start(layer_start), .layer_done(layer_done), .illegal(illegal), .wrong(wrong),
        .at_end(at_end), .pc(pc), .image(image), .input_base(input_base), .output_base(output_base),
        .program_base(program_base), .read_error(read_error), .write_error(write_error), .quiet(quiet),
        .advanced(mem_arvalid && mem_arready || read_beat || mem_awvalid && mem_awready || write_beat || mem_bvalid),
        .counting(counting), .clear_counters(clear_counters)
    );

    maxpool_reader #(.MEMORY_BYTES(MEMORY_BYTES)) reader (
        .clk(clk), .rst(clear), .halt(halt), .start(fetch_start || read_start),
        .address(fetch_start ? fetch_address : read_address), .words(fetch_start ? FETCH[15:0] : row_words),
        .id(fetch_start ? 2'd0 : 2'd1), .user(fetch_start ? PROGRAM : layer),
        .data(data), .valid(valid), .ready(fetching || engine_ready), .error(read_error), .idle(read_idle),
        .mem_arvalid(mem_arvalid), .mem_arready(mem_arready), .mem_arid(mem_arid), .mem_araddr(mem_araddr),
        .mem_arlen(mem_arlen), .mem_arsize(mem_arsize), .mem_arburst(mem_arburst), .mem_aruser(mem_aruser),
        .mem_rvalid(mem_rvalid), .mem_rready(mem_rready), .mem_rid(mem_rid), .mem_rdata(mem_rdata),
        .mem_rresp(mem_rresp), .mem_rlast(mem_rlast)
    );

    maxpool_engine #(.MEMORY_BYTES(MEMORY_BYTES), .LINE_WORDS(LINE_WORDS)) engine (
        .clk(clk), .rst(clear), .start(layer_start),
        .source((from_output ? output_base : input_base) + source_offset),
        .destination(output_base + destination_offset), .row_pitch(row_pitch), .row_words(row_words),
        .line_words(line_words), .channel_words(channel_words), .rows(rows), .kernel_rows(kernel_rows),
        .kernel_columns(kernel_columns), .done(layer_done), .read_start(read_start), .read_address(read_address),
        .data(data), .valid(valid), .ready(engine_ready), .write_start(write_start), .write_address(write_address),
        .result(result), .result_valid(result_valid), .result_ready(result_ready), .number(number),
        .written(write_idle), .computing(computing), .writing(writing)
    );

    maxpool_writer #(.MEMORY_BYTES(MEMORY_BYTES)) writer (
        .clk(clk), .rst(clear), .halt(halt), .start(write_start), .address(write_address),
        .words({4'd0, line_words}), .user(layer), .data(result), .valid(result_valid), .ready(result_ready),
        .error(write_error), .idle(write_idle),
        .mem_awvalid(mem_awvalid), .mem_awready(mem_awready), .mem_awid(mem_awid), .mem_awaddr(mem_awaddr),
        .mem_awlen(mem_awlen), .mem_awsize(mem_awsize), .mem_awburst(mem_awburst), .mem_awuser(mem_awuser),
        .mem_wvalid(mem_wvalid), .mem_wready(mem_wready), .mem_wdata(mem_wdata), .mem_wstrb(mem_wstrb),
        .mem_wlast(mem_wlast), .mem_bvalid(mem_bvalid), .mem_bready(mem_bready), .mem_bid(mem_bid),
        .mem_bresp(mem_bresp)
    );

    maxpool_counters #(.MEMORY_BYTES(MEMORY_BYTES)) bank (
        .clk(clk), .rst(clear || clear_counters), .counting(counting), .computing(computing), .writing(writing),
        .read_beat(read_beat), .write_beat(write_beat && mem_wstrb[0]), .counters(obs_counters)
    );

    always @(posedge clk)
        if (clear) last_layer <= 0;
        else if (layer_done) last_layer <= layer;

    assign obs_event_valid = layer_done && !halt;
    assign obs_event_layer = layer;
    assign obs_event_image = image;
    assign obs_tap_valid = result_valid && result_ready;
    assign obs_tap_lanes = MEMORY_BYTES[7:0];
    assign obs_tap_layer = layer;
    assign obs_tap_image = image;
    assign obs_tap_address = number;
    assign obs_tap_tag = pc;
    assign obs_tap_data = result;
    wire unused = &{program_base, fetched[255:161], 1'b0};
endmodule
