"""The host interface: an accelerator in a Python program, whatever is behind it.

with Accelerator(simulated("systolic", "small")) as device:
    device.configure(program)
    scores = device.infer(images)
"""

from host.accelerator import Accelerator, Ticket
from host.golden_device import golden
from host.profile import LayerProfile, Profile
from host.protocol import DeviceError, DeviceTimeout
from host.simulator import simulated
from host.transport import LayerEnd, Transport, TransportError

__all__ = [
    "Accelerator",
    "DeviceError",
    "DeviceTimeout",
    "LayerEnd",
    "LayerProfile",
    "Profile",
    "Ticket",
    "Transport",
    "TransportError",
    "golden",
    "simulated",
]
