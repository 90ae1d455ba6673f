"""The fully connected engine with the registers and the memory port that every accelerator has."""

from fc.core import core
from myhdl import block

from rtl.contract import core_port
from rtl.lib.shell import shell


@block
def top(clk, rst, irq, ctrl, mem, obs, cfg):
    """Ports of rtl/contract.py; cfg is a fc.config.Config."""
    port = core_port(cfg.memory_bytes)
    outside = shell(clk, rst, irq, ctrl, mem, obs, port, cfg.hash)
    middle = core(clk, port, obs.tap, cfg)
    return outside, middle
