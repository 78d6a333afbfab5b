"""A guarantee over many cases as one test, which names every case that fails."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Case = Any
"""The value of one argument, or a tuple with the values of several."""


def every_case(
    names: str,
    cases: Mapping[str, Case] | Iterable[Case] | Callable[[], Mapping[str, Case] | Iterable[Case]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test on each case, like `pytest.mark.parametrize`, but as one test.

    `names` are the arguments, separated by commas; a function for `cases` is called when the test
    runs. All cases share the fixtures of the test.

    Raises:
        AssertionError: Cases failed, or there are none. Each that failed is named with its error.
    """
    arguments = [name.strip() for name in names.split(",")]
    given = cases if callable(cases) else _named(cases)  # an iterator can be read only once

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def on_every_case(**fixtures: Any) -> None:
            __tracebackhide__ = True
            named = _named(given() if callable(given) else given)
            assert named, "there is no case"
            failures = []
            for name, case in named.items():
                values = case if len(arguments) > 1 else (case,)
                try:
                    test(**dict(zip(arguments, values, strict=True)), **fixtures)
                except Exception as error:
                    failures.append((name, error))
            if failures:
                lines = [f"{name}: {type(error).__name__}: {error}" for name, error in failures]
                counted = f"{len(failures)} of {len(named)} cases fail"
                raise AssertionError("\n".join([counted, *lines])) from failures[0][1]

        # pytest asks the signature which fixtures a test needs.
        signature = inspect.signature(test)
        kept = [p for name, p in signature.parameters.items() if name not in arguments]
        vars(on_every_case)["__signature__"] = signature.replace(parameters=kept)
        return on_every_case

    return decorate


def _named(cases: Mapping[str, Case] | Iterable[Case]) -> Mapping[str, Case]:
    """Cases by name: those without one go by their place and value."""
    if isinstance(cases, Mapping):
        return cases
    return {f"{at} ({str(case)[:60]!a})": case for at, case in enumerate(cases)}
