"""Signals side by side."""

from myhdl import ConcatSignal


def joined(parts):
    """Signals and strings of bits as one, the first lowest; neighbouring slices of one Signal should come as one."""
    return parts[0] if len(parts) == 1 else ConcatSignal(*reversed(parts))


def filled(bits, width):
    """A bus with zeros above, to so many bits."""
    return bits if len(bits) == width else ConcatSignal("0" * (width - len(bits)), bits)
