"""Workers: threads that ask, for one thread that hands out the work and takes what came of it.

The standard library's executors hand back one piece at a time. Here all that is done by the same
moment comes together, so that it can be written in one transaction.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_Done = tuple[Any, Any, BaseException | None]
_Piece = tuple[Callable[[Any], Any], Any, "SimpleQueue[_Done]"]


class Workers:
    """Threads, as many as were ever needed at once. Close it after use."""

    def __init__(self, most: int) -> None:
        """No thread yet, and `most` of them at most."""
        self._most = most
        self._pieces: SimpleQueue[_Piece | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def each(
        self, work: Callable[[T], R], of: Iterable[T], in_flight: Callable[[], int]
    ) -> Iterator[list[tuple[T, R]]]:
        """`work` done on each, `in_flight()` at a time; what is done first comes first.

        What is done by the time somebody asks comes together. `of` is asked for more by the
        calling thread, when there is room for it. What `work` raises is raised here.
        """
        done: SimpleQueue[_Done] = SimpleQueue()
        queue = iter(of)
        under_way, more = 0, True
        while True:
            while more and under_way < in_flight():
                try:
                    item = next(queue)
                except StopIteration:
                    more = False
                    break
                if len(self._threads) < min(under_way + 1, self._most):
                    self._start()
                self._pieces.put((work, item, done))
                under_way += 1
            if not under_way:
                return
            portion: list[tuple[T, R]] = []
            while not portion or not done.empty():
                item, result, error = done.get()
                under_way -= 1
                if error is not None:
                    if portion:
                        yield portion
                    raise error
                portion.append((item, result))
            yield portion

    def close(self) -> None:
        """Leave undone what no thread has begun, wait for the rest, and end the threads."""
        self._drop()
        for _ in self._threads:
            self._pieces.put(None)
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join()

    def _drop(self) -> None:
        with suppress(Empty):
            while True:
                self._pieces.get_nowait()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"read_{len(self._threads)}")
        self._threads.append(thread)  # first, so that Ctrl-C while it starts does not lose it
        thread.start()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            work, item, done = piece
            try:
                done.put((item, work(item), None))
            except BaseException as error:
                done.put((item, None, error))
            del piece, work, item  # nothing of it is needed while the thread waits
