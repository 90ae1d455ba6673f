"""The pipeline of binary layers with its registers and memory port."""

from myhdl import block

from rtl.bcnn.pipeline import pipeline
from rtl.contract import core_port
from rtl.convert import unused
from rtl.lib.shell import shell


@block
def top(clk, rst, irq, ctrl, mem, obs, cfg):
    """Ports of rtl/contract.py; cfg is a rtl.bcnn.config.Config."""
    port = core_port(cfg.memory_bytes, cfg.elements.bit_length(), 36)
    outside = shell(clk, rst, irq, ctrl, mem, obs, port, cfg.hash, cfg.stream_words)
    middle = pipeline(clk, port, obs, cfg)
    unused(port.instruction_index, "words are counted by their section")
    return outside, middle
