"""The systolic array with its registers and memory port."""

from myhdl import block

from rtl.contract import core_port
from rtl.lib.shell import shell
from rtl.systolic.core import core


@block
def top(clk, rst, irq, ctrl, mem, obs, cfg):
    """Ports of rtl/contract.py; cfg is a rtl.systolic.config.Config."""
    port = core_port(cfg.memory_bytes)
    outside = shell(clk, rst, irq, ctrl, mem, obs, port, cfg.hash)
    middle = core(clk, port, obs.tap, cfg)
    return outside, middle
