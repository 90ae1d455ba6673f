"""Images through an accelerator, from a plain Python program.

python examples/accelerator.py                   # the golden model, at once
python examples/accelerator.py --rtl --config small --images 4   # the RTL in a simulator
"""

from __future__ import annotations

import argparse

from compiler.api import compile_network
from host import Accelerator, golden, simulated


def main() -> None:
    """Run Fashion-MNIST images and print the classes, the labels, and what the counters say."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--network", default="fashion_int4")
    options.add_argument("--config", default="tiny")
    options.add_argument("--images", type=int, default=2)
    options.add_argument("--rtl", action="store_true", help="simulate the RTL in place of the golden model")
    asked = options.parse_args()

    made = compile_network("systolic", asked.network, asked.config)
    images, labels = made.network.images(asked.images), made.network.labels(asked.images)
    transport = simulated("systolic", asked.config) if asked.rtl else golden(made.program, made.network.graph)
    with Accelerator(transport) as device:
        device.configure(made.program)
        scores = device.infer(images)
        print("classes", scores.argmax(axis=1), "labels", labels)
        print(device.profile())


if __name__ == "__main__":
    main()
