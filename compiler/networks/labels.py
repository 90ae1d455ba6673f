"""Names of the classes that networks tell apart."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import MalformedFile
from compiler.networks import photographs

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGENET_FILE = Path("coral_mobilenet", "imagenet_labels.txt")
IMAGENET_CLASSES = 1000


def imagenet() -> tuple[str, ...]:
    """ImageNet's 1000 classes, the first name of each. Raises an AssayError where the file is not as it was."""
    file = photographs.folder() / IMAGENET_FILE
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedFile(f"cannot be read: {error}", file=str(file)) from None
    # The file counts a background class before the others, as MobileNets do.
    names = tuple(line.split(",")[0].strip() for line in lines[1:])
    if len(names) != IMAGENET_CLASSES:
        raise MalformedFile(f"names {len(names)} classes, must name {IMAGENET_CLASSES}", file=str(file))
    return names
