// What a wave viewer shows above the signals: of each tap the layer, image, tile and element that it shows or showed last,
// of each event lane the layer and image that ended last. tb/tracks.py has words for these numbers.
`ifdef ASSAY_TRACED
module tracks #(
    parameter integer TAPS = 2,
    parameter integer EVENT_LANES = 1
) (
    input wire clk,
    input wire rst,
    input wire [EVENT_LANES-1:0] event_valid,
    input wire [12*EVENT_LANES-1:0] event_layer,
    input wire [16*EVENT_LANES-1:0] event_image,
    input wire [TAPS-1:0] tap_valid,
    input wire [12*TAPS-1:0] tap_layer,
    input wire [16*TAPS-1:0] tap_image,
    input wire [24*TAPS-1:0] tap_tag,
    input wire [32*TAPS-1:0] tap_address
);
    genvar n;
    generate
        for (n = 0; n < TAPS; n = n + 1) begin : g_tap
            reg [83:0] last;
            wire shown = tap_valid[n];
            wire [83:0] now = {tap_image[16*n +: 16], tap_layer[12*n +: 12], tap_tag[24*n +: 24], tap_address[32*n +: 32]};
            always @(posedge clk) if (shown || rst) last <= rst ? 84'd0 : now;
            wire [83:0] seen = shown ? now : last;
            wire [15:0] image = seen[83:68];
            wire [11:0] layer = seen[67:56];
            wire [23:0] tile = seen[55:32];
            wire [67:0] element = seen[67:0]; // an address means something only beside its tile and layer
        end
        for (n = 0; n < EVENT_LANES; n = n + 1) begin : g_event
            reg [27:0] last;
            wire ended = event_valid[n];
            wire [27:0] now = {event_image[16*n +: 16], event_layer[12*n +: 12]};
            always @(posedge clk) if (ended || rst) last <= rst ? 28'd0 : now;
            wire [27:0] seen = ended ? now : last;
            wire [15:0] image = seen[27:12];
            wire [11:0] layer = seen[11:0];
        end
    endgenerate
endmodule
`endif
