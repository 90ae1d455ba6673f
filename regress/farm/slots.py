"""How many jobs are in flight: as many as the cluster has threads, also when it grows or shrinks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event

POLL_SECONDS = 0.2


class Slots:
    """most: never more than so many, 0 for no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._used = 0
        self._changed = Condition()

    def resize(self, size: int) -> None:
        """From now on there are so many. Those that are held stay so."""
        with self._changed:
            self._size = min(size, self._most) if self._most else size
            self._changed.notify_all()

    @contextmanager
    def held(self, *over: Event) -> Iterator[None]:
        """One of them; waits for it, but not beyond the first event of `over` that is set."""
        with self._changed:
            while self._used >= self._size and not any(event.is_set() for event in over):
                self._changed.wait(POLL_SECONDS)
            self._used += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify()
