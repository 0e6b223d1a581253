"""What a person can mend is one sentence in Inspect too, which shows a traceback of any error but its own."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from theodolite.errors import SpecError, UserError

__all__ = ["at_least", "plainly"]

Given = ParamSpec("Given")
Made = TypeVar("Made")


def plainly(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Returns the function with its user errors made such that Inspect prints the sentence alone."""

    @wraps(make)
    def made(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        try:
            return make(*args, **kwargs)
        except UserError as error:
            raise _as_inspect_says_it(error) from None

    return made


def at_least(**bounds: tuple[int | None, int]) -> None:
    """Checks arguments against their least values; None is any.

    Args:
        bounds: by name of the argument, its value and the least that it may be.

    Raises:
        SpecError: a value is too small.
    """
    for name, (value, least) in bounds.items():
        if value is not None and value < least:
            raise SpecError(f"-T {name}={value} is too small", f"give {least} or more")


def _as_inspect_says_it(error: UserError) -> Exception:
    try:
        from inspect_ai._util.error import PrerequisiteError
    except ImportError:
        return error
    kinds = (type(error), PrerequisiteError)
    shown = type(type(error).__name__, kinds, {"__str__": lambda self: self.message})
    return shown(error.problem, error.hint)
