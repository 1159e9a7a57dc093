"""Handles: objects of the host that a guest holds, and objects of the guest that the host holds.

Both are numbered by counters of the instance and never used again, so that the same calls give the same numbers in
every instance. Those that the host holds are known outside, so the owner of the instance says where they begin.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.wit.types import GuestResource
from durable_dsl.engine.wit.values import ValueFault

if TYPE_CHECKING:
    from durable_dsl.engine.wit.types import Resource


class Handles:
    """The handles of one instance. The generated conversions call it with the address of a component value."""

    __slots__ = (
        "_borrowed",
        "_cell",
        "_cell_address",
        "_context",
        "_given",
        "_guests",
        "_lent",
        "_next_guest",
        "_next_rep",
        "objects",
    )

    def __init__(self, context: int, first_guest: int = 0) -> None:
        self._context = context
        self._cell = ctypes.c_uint64()
        self._cell_address = ctypes.addressof(self._cell)
        #: Host objects by rep: what the guest's handles stand for.
        self.objects: dict[int, Any] = {}
        self._next_rep = 0
        #: Guest resources by id: the address of wasmtime's handle, and the type.
        self._guests: dict[int, tuple[int, Resource]] = {}
        self._next_guest = first_guest
        #: During the lowering of a call's arguments: guest resources given away, and reps lent for the call.
        self._given: list[int] = []
        self._borrowed: list[int] = []
        self._lent: list[int] = []

    # Host resources

    def take(self, handle: int) -> Any:
        """The object of an own handle; it is the host's again."""
        return self.objects.pop(self._rep(handle))

    def look(self, handle: int) -> Any:
        """The object of a borrowed handle."""
        return self.objects[self._rep(handle)]

    def give(self, value: Any, word: int, kind: int) -> None:
        """Writes an own handle for a host object; `kind` numbers its resource type."""
        self._write_host(value, word, kind, own=True)

    def lend(self, value: Any, word: int, kind: int) -> None:
        """Writes a borrowed handle for a host object; it ends with the call."""
        self._lent.append(self._write_host(value, word, kind, own=False))

    # Guest resources

    def adopt(self, handle: int, resource: Resource) -> GuestResource:
        """Numbers a resource that the guest gave to the host."""
        number = self._next_guest
        self._next_guest += 1
        self._guests[number] = (ffi.clone_any(handle), resource)
        return GuestResource(resource.name, number)

    def pass_on(self, value: GuestResource, word: int, resource: Resource, *, own: bool) -> None:
        """Writes a handle for a guest resource; an own handle is the guest's when the call starts."""
        reason = self.why_not(value, resource)
        if reason:
            raise ValueError(reason)
        if value.id in self._given or (own and value.id in self._borrowed):
            raise ValueFault(f"{value.name} {value.id}", "is given away by this call and cannot be in it a second time")
        (self._given if own else self._borrowed).append(value.id)
        ffi.U64[word + 1] = ffi.clone_any(self._guests[value.id][0])
        ffi.U64[word] = ffi.RESOURCE

    def why_not(self, value: GuestResource, resource: Resource) -> str:
        """Why `value` cannot be passed as a `resource`; "" if it can."""
        if value.name != resource.name:
            return f"expected a {resource.name}, got {value.name} {value.id}"
        held = self._guests.get(value.id)
        if held is None:
            return f"there is no {value.name} {value.id}: it was dropped, given away or never made"
        if held[1] != resource:
            return f"number {value.id} is a {held[1].name} of {held[1].interface}"
        return ""

    def settle(self, *, entered: bool) -> None:
        """After a call's arguments were used (`entered`), or could not be lowered."""
        if entered:
            for number in self._given:
                ffi.delete_any(self._guests.pop(number)[0])
        for rep in self._lent:
            del self.objects[rep]
        self._given.clear()
        self._borrowed.clear()
        self._lent.clear()

    def release(self, value: GuestResource) -> int:
        """Forgets a resource that is held, and returns wasmtime's handle, now the caller's to drop and free."""
        return self._guests.pop(value.id)[0]

    def guests(self) -> tuple[GuestResource, ...]:
        return tuple(GuestResource(resource.name, number) for number, (_, resource) in self._guests.items())

    def close(self) -> None:
        for handle, _ in self._guests.values():
            ffi.delete_any(handle)
        self._guests.clear()
        self.objects.clear()

    def _rep(self, handle: int) -> int:
        error = ffi.any_to_host(self._context, handle, self._cell_address)
        if error:
            raise RuntimeError(ffi.take_message(error))
        host = self._cell.value
        rep: int = ffi.host_rep(host)
        ffi.delete_host(host)
        return rep

    def _write_host(self, value: Any, word: int, kind: int, *, own: bool) -> int:
        rep = self._next_rep
        self._next_rep += 1
        host = ffi.new_host(own, rep, kind)
        error = ffi.host_to_any(self._context, host, self._cell_address)
        ffi.delete_host(host)
        if error:
            raise RuntimeError(ffi.take_message(error))
        self.objects[rep] = value
        ffi.U64[word + 1] = self._cell.value
        ffi.U64[word] = ffi.RESOURCE
        return rep
