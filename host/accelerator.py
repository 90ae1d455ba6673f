"""An accelerator as a Python program uses it: configure, write, run, wait, read, profile."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData, UnknownName, WrongDevice
from compiler.program import Placement, Program
from host.layout import SLOTS, UNFINISHED, Layout, layout
from host.profile import Profile, profile
from host.protocol import DeviceError, DeviceTimeout, Host
from host.transport import Awaitable, Transport, TransportError, finish
from rtl.lib.registers import BY_NAME, IDENTIFIER, VERSION, Access

Values = npt.NDArray[Any]
Result = TypeVar("Result")
PATIENCE = 50_000_000  # cycles


@dataclass(frozen=True)
class Ticket:
    """A request that was started: its number, counted from 0 on this Accelerator, and its images."""

    number: int
    images: int


class Accelerator:
    """One accelerator behind a transport; use it as a context manager, or close() it.

    patience: cycles that wait() allows for one image. Every method raises TransportError when the way to the
    accelerator is broken, and BadData (an AssayError) when it is called with what it cannot do."""

    def __init__(self, transport: Transport, patience: int = PATIENCE) -> None:
        self._transport, self._patience = transport, patience
        self._host = Host(Awaitable(transport))
        self._layout: Layout | None = None
        self._staged: dict[str, Values] = {}
        self._unfinished: deque[Ticket] = deque()
        self._last: Ticket | None = None
        self._started = self._images = 0
        try:
            self._identify()
            self.reset()
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the accelerator go; a simulator ends. Closing twice is allowed."""
        self._transport.close()

    @property
    def program(self) -> Program:
        """The program that the accelerator was configured with. Raises BadData."""
        return self._placed().program

    def configure(self, program: Program | str | Path) -> None:
        """Load a program, or a program file, and have the accelerator accept it; forgets written inputs.

        Raises MalformedFile for a file that is none, WrongDevice for a program of another variant or
        configuration, DoesNotFit for one that the memory cannot hold, DeviceError when it is refused."""
        loaded = program if isinstance(program, Program) else Program.load(program)
        self._check_hash(loaded)
        placed = layout(loaded, self._transport.alignment, self._transport.memory_size)
        if self._unfinished:
            raise BadData("requests are unfinished: wait() for them, or reset(), before configure()")
        self.reset()
        self._do(self._host.configure(loaded.image, 0))
        self._layout = placed

    def reset(self) -> None:
        """Soft reset: ends whatever runs; all requests are forgotten, and the program too."""
        self._layout, self._last = None, None
        self._staged.clear()
        self._unfinished.clear()
        self._do(self._host.soft_reset())
        self._do(self._host.start())

    def write(self, name: str, values: npt.ArrayLike) -> None:
        """Give an input's images for the runs that follow: int8 of shape (n, ...), quantised as the graph's input.

        They are copied, and hold until the input is written again. Raises BadData and UnknownName."""
        place = _find(name, self.program.inputs, "input")
        given = np.asarray(values)
        wanted = ("n", *place.shape[1:])
        if given.dtype != np.int8 or given.shape[1:] != place.shape[1:] or given.ndim != len(wanted):
            raise BadData(f"input '{name}' is {given.dtype} {given.shape}, needed int8 {wanted}")
        if not 1 <= len(given) <= self._placed().capacity:
            raise BadData(
                f"{len(given)} images, at least 1 and at most {self._placed().capacity} can be written"
            )
        self._staged[name] = given.copy()

    def run(self, count: int | None = None) -> Ticket:
        """Start the first `count` of the written images (default: all) and return at once.

        Three requests may be unfinished, one running and two queued. Raises BadData."""
        placed, data = self._placed(), self._packed(count)
        if len(self._unfinished) == UNFINISHED:
            raise BadData(f"{UNFINISHED} requests are unfinished, which is the most: wait() for one first")
        number, images = self._started, len(data) // placed.program.input_bytes
        self._images = images + (self._images if self._unfinished else 0)
        ticket = Ticket(number, images)
        self._transport.load(placed.inputs(number), data)
        self._do(self._host.run(placed.inputs(number), placed.outputs(number), images))
        self._started += 1
        self._unfinished.append(ticket)
        return ticket

    def wait(self, ticket: Ticket | None = None) -> None:
        """Return when a request, and with it all before it, has completed; without a ticket, when all have.

        Raises DeviceError and DeviceTimeout; the accelerator must then be configured anew."""
        self._placed()
        last = self._started - 1 if ticket is None else self._known(ticket).number
        while self._unfinished and self._unfinished[0].number <= last:
            self._host.patience = self._patience * sum(waiting.images for waiting in self._unfinished)
            self._do(self._host.wait())
            self._last = self._unfinished.popleft()

    def read(self, name: str, ticket: Ticket | None = None) -> npt.NDArray[np.int8]:
        """An output of a completed request (default: the last), int8 of shape (n, ...).

        It can be read until the fourth run after its own. Raises BadData and UnknownName."""
        placed = self._placed()
        _find(name, placed.program.outputs, "output")
        done = self._known(ticket) if ticket else self._last
        if done is None or done in self._unfinished:
            raise BadData("the request has not completed: run() and wait() before read()")
        if done.number < self._started - SLOTS:
            raise BadData(f"the results of request {done.number} have been overwritten by later ones")
        length = done.images * placed.program.output_bytes
        data = self._transport.dump(placed.outputs(done.number), length)
        return placed.program.unpack_outputs(data)[name].copy()

    @overload
    def infer(self, images: Values) -> npt.NDArray[np.int8]: ...
    @overload
    def infer(self, images: Mapping[str, Values]) -> dict[str, npt.NDArray[np.int8]]: ...
    def infer(self, images: Any) -> Any:
        """Write, run, wait and read any number of images: from an array of the only input to an array of the only
        output, or from a mapping of all inputs to one of all outputs. Raises what the four raise."""
        if self._unfinished:
            raise BadData("requests are unfinished: wait() for them before infer()")
        if isinstance(images, Mapping):
            return self._infer(images)
        inputs, outputs = self.program.inputs, self.program.outputs
        if len(inputs) != 1 or len(outputs) != 1:
            raise BadData(f"{len(inputs)} inputs, {len(outputs)} outputs: infer() needs a mapping by name")
        return self._infer({inputs[0].tensor: images})[outputs[0].tensor]

    def profile(self) -> Profile:
        """What the counters say of the requests since the accelerator was last idle. Raises BadData."""
        program = self.program
        if self._unfinished or self._last is None:
            raise BadData("there is nothing to profile before run() and wait()")
        counters = self._do(self._host.counters())
        images = self._counted(counters)
        return profile(program, images, self._transport.clock_mhz, counters, self._transport.layer_ends())

    def registers(self) -> dict[str, int]:
        """Every register that can be read, by name: to see what an accelerator does."""
        names = [name for name, register in BY_NAME.items() if register.access is not Access.WRITE_ONLY]
        return {name: self._do(self._host.read(name)) for name in names}

    def _infer(self, inputs: Mapping[str, Values]) -> dict[str, npt.NDArray[np.int8]]:
        """The requests overlap: one is read while others run."""
        parts: list[dict[str, npt.NDArray[np.int8]]] = []
        for chunk in _chunks(inputs, self._placed().capacity):
            if len(self._unfinished) == UNFINISHED:
                parts.append(self._collect())
            for name, values in chunk.items():
                self.write(name, values)
            self.run()
        while self._unfinished:
            parts.append(self._collect())
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _collect(self) -> dict[str, npt.NDArray[np.int8]]:
        """All outputs of the oldest unfinished request."""
        ticket = self._unfinished[0]
        self.wait(ticket)
        return {place.tensor: self.read(place.tensor, ticket) for place in self.program.outputs}

    def _packed(self, count: int | None) -> bytes:
        """The input bytes of the first `count` images."""
        program = self.program
        missing = [place.tensor for place in program.inputs if place.tensor not in self._staged]
        if missing:
            raise BadData(f"nothing was written to input '{missing[0]}': write() it before run()")
        written = min(len(values) for values in self._staged.values())
        images = written if count is None else count
        if not 1 <= images <= written:
            raise BadData(f"count is {images}, must be at least 1 and at most the {written} images written")
        return program.pack_inputs({name: values[:images] for name, values in self._staged.items()})

    def _counted(self, counters: Mapping[str, int]) -> int:
        """The images that the counters stand for: a request queued too late to follow without a pause began them
        anew, which only they tell."""
        nominal = sum(layer.macs for layer in self.program.layers)
        return (counters["MACS"] + counters["MACS_SKIPPED"]) // nominal if nominal else self._images

    def _placed(self) -> Layout:
        if self._layout is None:
            raise BadData("the accelerator has no program: configure() it first")
        return self._layout

    def _known(self, ticket: Ticket) -> Ticket:
        """The ticket, if it is one of the requests since configure()."""
        if ticket in self._unfinished or (self._last and ticket.number <= self._last.number):
            return ticket
        raise BadData(f"request {ticket.number} is none of this accelerator's since it was configured")

    def _identify(self) -> None:
        """Raises WrongDevice for what is no accelerator of this contract."""
        for name, wanted in (("ID", IDENTIFIER), ("VERSION", VERSION)):
            found = finish(self._host.read(name))
            if found != wanted:
                raise WrongDevice(f"register {name} reads 0x{found:08x}, must be 0x{wanted:08x}")

    def _check_hash(self, program: Program) -> None:
        found = finish(self._host.read("CONFIG_HASH"))
        if found != program.config_hash:
            made_for = f"{program.variant} {program.config} (0x{program.config_hash:08x})"
            rule = f"compiled for {made_for}, but the accelerator's CONFIG_HASH is 0x{found:08x}"
            raise WrongDevice(rule, file=program.network)

    def _do(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Carry out the protocol; an accelerator that stopped has neither program nor requests any more."""
        try:
            return finish(coroutine)
        except (DeviceError, DeviceTimeout, TransportError):
            self._layout, self._last = None, None
            self._unfinished.clear()
            raise


def _find(name: str, places: tuple[Placement, ...], kind: str) -> Placement:
    for place in places:
        if place.tensor == name:
            return place
    there = ", ".join(place.tensor for place in places)
    raise UnknownName(f"the program has no {kind} '{name}': there are {there}")


def _chunks(inputs: Mapping[str, Values], size: int) -> Iterator[dict[str, Values]]:
    """Parts of at most `size` images; what is no array of images is left to write() to refuse."""
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    counts = {len(values) if values.ndim else 0 for values in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise BadData(f"inputs have {sorted(counts)} images, needed one number above zero")
    (count,) = counts
    for first in range(0, count, size):
        yield {name: values[first : first + size] for name, values in arrays.items()}
