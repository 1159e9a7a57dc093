"""`Ok`, `Err` and `Some`: WIT's result and nested option values.

In a component they are componentize-py's own classes. On the host they are these, registered under componentize-py's
module name (or those that are already loaded under it), so that generated stubs, user code and this package all mean
the same class by `Err` whatever is imported first.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

S = TypeVar("S")
T = TypeVar("T")
E = TypeVar("E")

if not TYPE_CHECKING and (sys.platform == "wasi" or "componentize_py_types" in sys.modules):
    from componentize_py_types import Err, Ok, Result, Some

    # componentize-py freezes Err, so that what Python itself sets on an exception in flight (`__traceback__` in every
    # contextlib context manager, `__notes__`) raises instead. An exception must be able to pass.
    Err.__setattr__ = Exception.__setattr__
    Err.__delattr__ = Exception.__delattr__
else:

    @dataclass
    class Some(Generic[S]):
        """The present case of an option inside an option."""

        value: S

    @dataclass
    class Ok(Generic[T]):
        """The success case of a WIT `result`."""

        value: T

    @dataclass(unsafe_hash=True)
    class Err(Exception, Generic[E]):  # noqa: N818  (componentize-py's name)
        """The error case of a WIT `result`: raised by an implementation, it becomes the function's `err`."""

        value: E

    Result: TypeAlias = Ok[T] | Err[E]

    sys.modules["componentize_py_types"] = sys.modules[__name__]

__all__ = ["Err", "Ok", "Result", "Some"]
