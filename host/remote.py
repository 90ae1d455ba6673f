"""A transport whose accelerator is in another process: both ends of the socket between them.

A request is operation, address, value and a payload; the reply a value and a payload, or the reason why not. The
serving end does one request at a time, and between requests it waits for the next one, so that no simulated time
passes.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from host.protocol import AsyncTransport
from host.transport import TransportError

_REQUEST = struct.Struct("<BIQI")  # operation, address, value, bytes of payload
_REPLY = struct.Struct("<BII")  # 1 if refused (the payload says why), value, bytes of payload
LOOK_UP = 2000  # cycles of waiting after which the serving end looks whether anybody still listens


class Operation(IntEnum):
    """What a request asks for: the methods of a transport."""

    READ = 1
    WRITE = 2
    LOAD = 3
    DUMP = 4
    INTERRUPT = 5


@dataclass(frozen=True)
class Message:
    """A request as it arrives."""

    operation: Operation
    address: int
    value: int
    payload: bytes


class Remote:
    """The asking end. explain: says what has become of the other end, when it answers no more.

    A call that is broken off, by Ctrl-C for example, closes the connection: its answer would be taken for the
    next one's."""

    def __init__(self, connection: socket.socket, explain: Callable[[], str]) -> None:
        self._connection, self._explain = connection, explain
        self._open = True

    def read(self, address: int) -> int:
        """See Transport."""
        return self._ask(Operation.READ, address)[0]

    def write(self, address: int, value: int) -> None:
        """See Transport."""
        self._ask(Operation.WRITE, address, value)

    def load(self, address: int, data: bytes) -> None:
        """See Transport."""
        self._ask(Operation.LOAD, address, payload=data)

    def dump(self, address: int, length: int) -> bytes:
        """See Transport."""
        return self._ask(Operation.DUMP, address, length)[1]

    def interrupt(self, cycles: int) -> bool:
        """See Transport."""
        return bool(self._ask(Operation.INTERRUPT, value=cycles)[0])

    def close(self) -> None:
        """Close the connection, at which the other end stops serving."""
        self._hang_up()

    def _hang_up(self) -> None:
        self._open = False
        self._connection.close()

    def _ask(
        self, operation: Operation, address: int = 0, value: int = 0, payload: bytes = b""
    ) -> tuple[int, bytes]:
        if not self._open:
            raise TransportError("the device is closed")
        try:
            self._connection.sendall(_REQUEST.pack(operation, address, value, len(payload)) + payload)
            refused, result, size = _REPLY.unpack(_receive(self._connection, _REPLY.size))
            data = _receive(self._connection, size)
        except OSError:
            self._hang_up()
            raise TransportError(self._explain()) from None
        except BaseException:
            self._hang_up()
            raise
        if refused:
            raise TransportError(data.decode(errors="replace"))
        return result, data


async def serve(transport: AsyncTransport, connection: socket.socket) -> None:
    """Do what the asking end wants, until it closes the connection. What a request raises is its reply."""
    try:
        while True:
            message = _next_message(connection)
            try:
                value, data = await _perform(transport, message, connection)
            except ConnectionError:
                return
            except Exception as error:
                refusal = f"{type(error).__name__}: {error}".encode()
                connection.sendall(_REPLY.pack(1, 0, len(refusal)) + refusal)
            else:
                connection.sendall(_REPLY.pack(0, value, len(data)) + data)
    except ConnectionError:
        return


def _next_message(connection: socket.socket) -> Message:
    operation, address, value, size = _REQUEST.unpack(_receive(connection, _REQUEST.size))
    return Message(Operation(operation), address, value, _receive(connection, size))


async def _perform(
    transport: AsyncTransport, message: Message, connection: socket.socket
) -> tuple[int, bytes]:
    match message.operation:
        case Operation.READ:
            return await transport.read(message.address), b""
        case Operation.WRITE:
            await transport.write(message.address, message.value)
        case Operation.LOAD:
            await transport.load(message.address, message.payload)
        case Operation.DUMP:
            return 0, await transport.dump(message.address, message.value)
        case Operation.INTERRUPT:
            return int(await _interrupt(transport, message.value, connection)), b""
    return 0, b""


async def _interrupt(transport: AsyncTransport, cycles: int, connection: socket.socket) -> bool:
    """Wait for the interrupt. Raises ConnectionError once the asking end has gone."""
    left = cycles
    while not await transport.interrupt(min(left, LOOK_UP)):
        left -= LOOK_UP
        if left <= 0:
            return False
        if select.select([connection], [], [], 0)[0] and not connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError
    return True


def _receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ConnectionError when the other end has closed."""
    parts, left = [], size
    while left:
        part = connection.recv(min(left, 1 << 20))
        if not part:
            raise ConnectionResetError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
