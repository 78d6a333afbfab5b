"""Workers: what is handed out, in which portions it comes back, and what becomes of errors."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from auditor.collect.workers import Workers


def test_everything_is_done_once() -> None:
    with closing(Workers(4)) as workers:
        done = [each for portion in workers.each(str, range(100), lambda: 4) for each in portion]
    assert sorted(done) == sorted((item, str(item)) for item in range(100))


def test_nothing_to_do_starts_no_thread() -> None:
    before = threading.active_count()
    with closing(Workers(4)) as workers:
        assert list(workers.each(str, [], lambda: 4)) == []
        assert threading.active_count() == before


def test_as_many_threads_as_were_needed_at_once_and_none_afterwards() -> None:
    before = threading.active_count()
    together = threading.Barrier(3, timeout=5)
    with closing(Workers(8)) as workers:
        list(workers.each(lambda _: together.wait(), range(6), lambda: 3))
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


def test_what_is_done_while_nobody_asks_comes_together() -> None:
    finished = threading.Semaphore(0)

    def work(item: int) -> int:
        finished.release()
        return item

    with closing(Workers(4)) as workers:
        portions = workers.each(work, range(8), lambda: 4)
        first = next(portions)
        for _ in range(4):
            assert finished.acquire(timeout=5)
        rest = [*portions]
    assert sorted(item for portion in [first, *rest] for item, _ in portion) == [*range(8)]
    assert len(rest) < 8


def test_an_error_is_raised_after_what_was_done_before_it() -> None:
    went_wrong = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            went_wrong.set()
            raise LookupError(item)
        return item

    def items() -> Iterator[int]:
        yield 0
        yield 1
        went_wrong.wait(5)

    seen = []

    def all_of_it() -> None:
        with closing(Workers(2)) as workers:
            for portion in workers.each(work, items(), lambda: 8):
                seen.extend(portion)

    with pytest.raises(LookupError):
        all_of_it()
    assert seen == [(0, 0)]


def test_what_nobody_began_is_left_undone_where_the_run_breaks_off() -> None:
    begun: list[int] = []
    release, started = threading.Event(), threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        started.set()
        release.wait(5)
        return item

    def items() -> Iterator[int]:
        yield from range(5)
        assert started.wait(5)
        raise KeyboardInterrupt

    def all_of_it() -> None:
        with closing(Workers(1)) as workers:
            threading.Timer(0.3, release.set).start()
            list(workers.each(work, items(), lambda: 8))

    with pytest.raises(KeyboardInterrupt):
        all_of_it()
    assert begun == [0]


@pytest.mark.parametrize("is_started", [True, False])
def test_a_thread_that_was_just_being_started_ends_as_well(
    monkeypatch: pytest.MonkeyPatch, is_started: bool
) -> None:
    """Ctrl-C comes at any moment, and a thread that is never told to end keeps the program."""
    before, start = threading.active_count(), threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if is_started:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), closing(Workers(4)) as workers:
        list(workers.each(str, range(4), lambda: 4))
    assert threading.active_count() == before
