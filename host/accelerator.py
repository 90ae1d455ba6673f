"""An accelerator as a Python program uses it: configure, write, run, wait, read, profile."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData, WrongDevice
from compiler.program import Program
from host.layout import SLOTS, UNFINISHED, Layout, layout
from host.profile import Profile, profile
from host.protocol import DeviceError, DeviceTimeout, Host
from host.staging import Staging, Values, chunks, find_place
from host.transport import Awaitable, Transport, TransportError, finish
from rtl.lib.registers import BY_NAME, IDENTIFIER, VERSION, Access

Integers = npt.NDArray[Any]  # int8, or int32 where a tensor's elements have 32 bits
Result = TypeVar("Result")
PATIENCE = 50_000_000  # cycles


@dataclass(frozen=True)
class Ticket:
    """A request that was started: its number, counted from 0 on this Accelerator, and its images."""

    number: int
    images: int


@dataclass(frozen=True)
class _Loaded:
    """What belongs to the program at hand. first: number of its first request."""

    program: Program
    layout: Layout
    staging: Staging
    first: int


class Accelerator:
    """One accelerator behind a transport; use it as a context manager, or close() it.

    patience: cycles that wait() allows for one image. Every method raises TransportError when the way to the
    accelerator is broken, and BadData (an AssayError) when it is called with what it cannot do."""

    def __init__(self, transport: Transport, patience: int = PATIENCE) -> None:
        self._transport, self._patience = transport, patience
        self._host = Host(Awaitable(transport))
        self._loaded: _Loaded | None = None
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
        return self._ready().program

    def configure(self, program: Program | str | Path) -> None:
        """Load a program, or a program file, and have the accelerator accept it; forgets what was written.

        Raises MalformedFile for a file that is none, WrongDevice for a program of another variant or
        configuration, DoesNotFit for one that the memory cannot hold, DeviceError when it is refused."""
        made = program if isinstance(program, Program) else Program.load(program)
        self._check_hash(made)
        placed = layout(made, self._transport.alignment, self._transport.memory_size)
        if self._unfinished:
            raise BadData("requests are unfinished: wait() for them, or reset(), before configure()")
        self.reset()
        self._do(self._host.configure(made.image, 0))
        self._loaded = _Loaded(made, placed, Staging(made, placed.capacity), self._started)

    def reset(self) -> None:
        """Soft reset: ends whatever runs; all requests are forgotten, and the program too."""
        self._forget()
        self._do(self._host.soft_reset())
        self._do(self._host.start())

    def write(self, name: str, values: npt.ArrayLike) -> None:
        """Give an input's images for the runs that follow: of shape (n, ...), quantised as the graph's input, int8 or
        for elements of 32 bits int32.

        They are copied, and hold until the input is written again. Raises BadData and UnknownName."""
        self._ready().staging.write(name, values)

    def run(self, count: int | None = None) -> Ticket:
        """Start the first `count` of the written images (default: all) and return when they are queued.

        Three requests may be unfinished, for each has its place in memory: how many of them the accelerator has begun
        is its own affair. Raises BadData, and DeviceError and DeviceTimeout while the queue is full."""
        loaded = self._ready()
        data = loaded.staging.packed(count)
        if len(self._unfinished) == UNFINISHED:
            raise BadData(f"{UNFINISHED} requests are unfinished, which is the most: wait() for one first")
        ticket = Ticket(self._started, len(data) // loaded.program.input_bytes)
        inputs, outputs = loaded.layout.inputs(ticket.number), loaded.layout.outputs(ticket.number)
        self._transport.load(inputs, data)
        self._host.patience = self._patience * (ticket.images + sum(left.images for left in self._unfinished))
        self._do(self._host.submit(inputs, outputs, ticket.images))
        self._images = ticket.images + (self._images if self._unfinished else 0)
        self._started += 1
        self._unfinished.append(ticket)
        return ticket

    def wait(self, ticket: Ticket | None = None) -> None:
        """Return when a request, and with it all before it, has completed; without a ticket, when all have.

        Raises DeviceError and DeviceTimeout; the accelerator must then be configured anew."""
        self._ready()
        last = self._started - 1 if ticket is None else self._known(ticket).number
        while self._unfinished and self._unfinished[0].number <= last:
            self._host.patience = self._patience * sum(waiting.images for waiting in self._unfinished)
            self._do(self._host.wait())
            self._last = self._unfinished.popleft()

    def read(self, name: str, ticket: Ticket | None = None) -> Integers:
        """An output of a completed request (default: the last), int8 or, with elements of 32 bits, int32, of shape
        (n, ...).

        It can be read until the fourth run after its own. Raises BadData and UnknownName."""
        loaded = self._ready()
        find_place(name, loaded.program.outputs, "output")
        done = self._known(ticket) if ticket else self._last
        if done is None or done in self._unfinished:
            raise BadData("the request has not completed: run() and wait() before read()")
        if done.number < self._started - SLOTS:
            raise BadData(f"the results of request {done.number} have been overwritten by later ones")
        length = done.images * loaded.program.output_bytes
        data = self._transport.dump(loaded.layout.outputs(done.number), length)
        return loaded.program.unpack_outputs(data)[name].copy()

    @overload
    def infer(self, images: Values) -> Integers: ...
    @overload
    def infer(self, images: Mapping[str, Values]) -> dict[str, Integers]: ...
    def infer(self, images: Any) -> Any:
        """Write, run, wait and read any number of images: from an array of the only input to an array of the only
        output, or from a mapping of all inputs to one of all outputs. Raises what the four raise."""
        program = self.program
        if self._unfinished:
            raise BadData("requests are unfinished: wait() for them before infer()")
        if isinstance(images, Mapping):
            return self._infer(images)
        if len(program.inputs) != 1 or len(program.outputs) != 1:
            numbers = f"{len(program.inputs)} inputs and {len(program.outputs)} outputs"
            raise BadData(f"the program has {numbers}: infer() needs a mapping by name")
        return self._infer({program.inputs[0].tensor: images})[program.outputs[0].tensor]

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

    def _infer(self, inputs: Mapping[str, Values]) -> dict[str, Integers]:
        """The requests overlap: one is read while others run."""
        parts: list[dict[str, Integers]] = []
        for chunk in chunks(inputs, self._ready().layout.capacity):
            if len(self._unfinished) == UNFINISHED:
                parts.append(self._collect())
            for name, values in chunk.items():
                self.write(name, values)
            self.run()
        while self._unfinished:
            parts.append(self._collect())
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _collect(self) -> dict[str, Integers]:
        """All outputs of the oldest unfinished request."""
        ticket = self._unfinished[0]
        self.wait(ticket)
        return {place.tensor: self.read(place.tensor, ticket) for place in self.program.outputs}

    def _counted(self, counters: Mapping[str, int]) -> int:
        """The images that the counters stand for: only they tell whether a request was queued in time to follow
        without a pause, or found the accelerator idle and began them anew."""
        nominal = sum(layer.macs for layer in self.program.layers)
        return (counters["MACS"] + counters["MACS_SKIPPED"]) // nominal if nominal else self._images

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise BadData("the accelerator has no program: configure() it first")
        return self._loaded

    def _known(self, ticket: Ticket) -> Ticket:
        """The ticket, if it is one of the program at hand."""
        if self._ready().first <= ticket.number < self._started:
            return ticket
        raise BadData(f"request {ticket.number} is none of the program that the accelerator has now")

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
            self._forget()
            raise

    def _forget(self) -> None:
        self._loaded, self._last = None, None
        self._unfinished.clear()
