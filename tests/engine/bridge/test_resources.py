"""Handles: the host's objects that guests hold, the guests' objects that the host holds, and who drops them."""

from __future__ import annotations

import pytest

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.traps import MissingImports
from durable_dsl.engine.wit.types import GuestResource
from durable_dsl.engine.wit.values import ValueFault
from tests.engine.bridge_guest import Cursor, Host, call, loaded, lookup, opened


@pytest.fixture
def instance():
    with opened() as fresh:
        yield fresh


def test_host_objects_go_out_and_come_back(instance):
    """Constructed, used, lent twice in one call, given back, dropped with the hook of the implementation."""
    assert [10, 11, 112, 12, 125, 50] == call(instance, "cursors")
    assert [113, 12] == instance.host.dropped
    assert {} == instance.handles.objects


def test_reps_are_the_same_in_every_instance():
    """The same calls number handles the same way."""
    tables = []
    for _ in range(2):
        with opened() as instance:
            call(instance, "cursors")
            call(instance, "visits#keep", Cursor(5))
            tables.append({rep: cursor.at for rep, cursor in instance.handles.objects.items()})

    assert tables[0] == tables[1]
    assert [6] == list(tables[0].values())


def test_pollables_of_all_interfaces_are_one_type(instance):
    """A pollable made by one interface is the very object that another gets."""
    call(instance, "nap", 5)
    (pollable,) = [seen[0] if isinstance(seen, list) else seen for seen in instance.host.seen]

    assert ("timer", instance.host.slept[0]) == pollable
    assert {} == instance.handles.objects


def test_exports_take_host_objects(instance):
    """An owned object stays with the guest, a borrowed one is back after the call."""
    kept, lent = Cursor(5), Cursor(70)

    assert 5 == call(instance, "visits#keep", kept)
    assert 70 == call(instance, "visits#look", lent)
    assert [kept] == list(instance.handles.objects.values())


def test_guest_resources_are_numbered_and_held(instance):
    """Numbers count up from 0 and are not used again."""
    first = call(instance, "[constructor]cart", "ann")
    second = call(instance, "[constructor]cart", "bob")
    call(instance, "[drop]cart", first)
    third = call(instance, "[constructor]cart", "cid")

    assert [GuestResource("cart", n) for n in range(3)] == [first, second, third]
    assert (second, third) == instance.guest_resources
    assert second == instance.guest_resource(1)
    with pytest.raises(KeyError):
        instance.guest_resource(0)


def test_guest_resources_are_passed_and_given_away(instance):
    """A method borrows; an owned argument belongs to the guest afterwards; lists of resources come back."""
    one = call(instance, "[constructor]cart", "one")
    other = call(instance, "[constructor]cart", "other")
    assert [1, 2] == [call(instance, "[method]cart.add", one, sku) for sku in ("a", "b")]
    call(instance, "[method]cart.add", other, "c")
    merged = call(instance, "[static]cart.merge", one, other)

    assert (other, merged) == instance.guest_resources
    assert 4 == call(instance, "[method]cart.add", merged, "d")
    assert [GuestResource("cart", n) for n in range(3, 7)] == call(instance, "[method]cart.split", merged)


THINGS = """
(component
  (import "note" (func $note (param "rep" u32)))
  (core func $lowered (canon lower (func $note)))
  (core module $ends
    (import "" "note" (func $note (param i32)))
    (func (export "dtor") (param i32) (call $note (local.get 0))))
  (core instance $e (instantiate $ends (with "" (instance (export "note" (func $lowered))))))
  (type $thing (resource (rep i32) (dtor (core func $e "dtor"))))
  (core func $new (canon resource.new $thing))
  (core module $begins
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "see") (param i32) (result i32) local.get 0))
  (core instance $b (instantiate $begins (with "" (instance (export "new" (func $new))))))
  (export $out "thing" (type $thing))
  (func (export "make") (param "n" u32) (result (own $out)) (canon lift (core func $b "make")))
  (func (export "see") (param "one" (borrow $out)) (result u32) (canon lift (core func $b "see"))))
"""


def test_dropping_runs_the_guests_destructor(tmp_path):
    """Whatever language it is written in, and with host calls from within."""
    path = tmp_path / "things.wat"
    path.write_text(THINGS)
    imports = ImportSet(load(path, None), lambda *_: lambda host, rep: host.dropped.append(rep))
    with Instance(imports, Host()) as instance:
        things = [call(instance, "make", n) for n in (70, 80)]
        seen = [call(instance, "see", thing) for thing in things]
        call(instance, "[drop]thing", things[0])

        assert [GuestResource("thing", 0), GuestResource("thing", 1)] == things
        assert [70, 80] == seen
        assert [70] == instance.host.dropped
        assert "see(one: borrow<thing>) -> u32" == imports.component.resolve("see").signature


def test_what_cannot_be_passed_is_a_fault(instance):
    """Dropped, given away, of another type, of another instance, the same one twice: said before anything runs."""
    cart = call(instance, "[constructor]cart", "ann")
    basket = call(instance, "[constructor]basket")
    cases = [
        (
            "[method]cart.add",
            (GuestResource("cart", 7), "x"),
            "self: there is no cart 7: it was dropped, ",
        ),
        ("[method]cart.add", (basket, "x"), "self: expected a cart, got basket 1"),
        ("[method]cart.add", (GuestResource("cart", 1), "x"), "self: number 1 is a basket of tests:bridge/carts"),
        ("[method]cart.add", ("cart", "x"), "self: expected a cart, got 'cart'"),
        ("[drop]cart", (GuestResource("cart", 7),), "self: there is no cart 7"),
        ("[drop]cart", (), "[drop]cart: expected 1 argument, got 0"),
        ("[static]cart.merge", (cart, GuestResource("cart", 9)), "other: there is no cart 9"),
    ]
    for name, args, text in cases:
        export = instance.imports.component.resolve(name)
        with pytest.raises(ValueFault) as caught:
            instance.call(export, args)
        with pytest.raises(ValueFault) as checked:
            instance.check(export, args)

        assert str(caught.value).startswith(text)
        assert str(caught.value) == str(checked.value)

    assert instance.usable
    assert (cart, basket) == instance.guest_resources
    assert 1 == call(instance, "[method]cart.add", cart, "still here")


def test_imports_are_looked_up_by_name_and_version():
    """The interface without its version, which comes separately; drops are looked up once per resource."""
    seen = []

    def recording(interface, function, version):
        seen.append((interface, function, version))
        return lookup(interface, function, version)

    imports = ImportSet(loaded(), recording)

    assert ("", "log", "") in seen
    assert ("tests:bridge/tools", "[method]cursor.next", "1.2.0") in seen
    assert 1 == [function for _, function, _ in seen].count("[resource-drop]pollable")
    assert 1 == [function for _, function, _ in seen].count("[resource-drop]cursor")
    assert "tests:bridge/absent@1.2.0#gone" in imports.missing
    assert "tests:bridge/tools@1.2.0#noop" not in imports.missing


def test_strict_linking_lists_what_is_missing():
    """All at once, in the error's text too."""
    with pytest.raises(MissingImports) as caught:
        ImportSet(loaded(), lookup, strict=True)

    assert "tests:bridge/absent@1.2.0#gone" in caught.value.names
    assert "  tests:bridge/absent@1.2.0#gone" in str(caught.value)


def test_a_destructor_that_raises_ends_the_call():
    """What a drop hook raises comes out like from any host function."""

    class Dropped(BaseException):
        pass

    def hooked(interface, function, version):
        if function == "[resource-drop]cursor":
            return raising
        return lookup(interface, function, version)

    def raising(_host, cursor):
        raise Dropped(cursor.at)

    with Instance(ImportSet(loaded(), hooked), Host()) as instance, pytest.raises(Dropped):
        call(instance, "cursors")
