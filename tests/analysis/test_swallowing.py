"""DSL501, DSL502 and DSL520: failures that do not arrive where they should."""

from __future__ import annotations

import pytest

from tests.analysis.checked import assert_finds

SWALLOWED = {
    "a broad except around an effect": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception:  # finds DSL501
                return "no"
    """,
    "a bare except in a block": """
        from durable_dsl import atomic as region

        shelf = {}

        def place(sku):
            with region():
                try:
                    shelf[sku] -= 1
                    check(sku)
                except:  # finds DSL501
                    pass

        def check(sku): ...
    """,
    "two calls deep, in another module": """
        from durable_dsl import atomic
        import paying

        @atomic
        def place(order):
            paying.pay(order)
    """,
    "suppress": """
        import contextlib
        from durable_dsl import atomic, http

        def place():
            with atomic:
                with contextlib.suppress(Exception):  # finds DSL501
                    http.post("https://pay.example/charges")
    """,
    "an error of the way there, passed over": """
        import httpx
        from durable_dsl import atomic

        @atomic
        def place():
            try:
                httpx.post("https://pay.example/charges")
            except httpx.HTTPError:  # finds DSL501
                pass
    """,
    "a return in a finally": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            finally:
                return True  # finds DSL501
    """,
    "told as a text": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception as error:  # finds DSL501
                return f"failed: {error}"
    """,
    "logged, and gone on": """
        import logging
        from durable_dsl import atomic, http

        log = logging.getLogger(__name__)

        @atomic
        def place(orders):
            for order in orders:
                try:
                    http.post("https://pay.example/charges", json=order)
                except Exception as error:  # finds DSL501
                    log.warning("failed: %s", error)
            return len(orders)
    """,
    "a method, called through self": """
        from durable_dsl import atomic, http

        class Desk:
            @atomic
            def place(self):
                return self.pay()

            def pay(self):
                try:
                    return http.post("https://pay.example/charges")
                except (ValueError, Exception):  # finds DSL501
                    return None
    """,
}

NOT_SWALLOWED = {
    "raised again": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception as error:
                print(error)
                raise
    """,
    "turned into a domain error": """
        from durable_dsl import Err, atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception as error:
                raise Err(str(error))
    """,
    "a narrow except": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                return http.get("https://stock.example/tea").json()["count"]
            except KeyError:
                return 0
    """,
    "nothing in it can be half done": """
        from durable_dsl import atomic

        @atomic
        def place(text):
            try:
                return int(text)
            except Exception:
                return 0
    """,
    "outside of a region": """
        from durable_dsl import http, retry

        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception:
                return "no"
    """,
    "an error of the way there, handled": """
        from durable_dsl import atomic, http
        from durable_dsl.errors import HttpError

        @atomic
        def place():
            try:
                return http.post("https://one.example/charges").text
            except HttpError:
                return http.post("https://two.example/charges").text
    """,
    "tried again in a loop, and raised in the end": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            for attempt in range(3):
                try:
                    return http.post("https://pay.example/charges")
                except Exception as error:
                    last = error
            raise last
    """,
    "returned as it is": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception as error:
                return error
    """,
    "collected, and raised together": """
        from durable_dsl import atomic, http

        @atomic
        def place(orders):
            errors = []
            for order in orders:
                try:
                    http.post("https://pay.example/charges", json=order)
                except Exception as error:
                    errors.append(error)
            if errors:
                raise ExceptionGroup("not placed", errors)
    """,
    "a call that nothing relies on": """
        from durable_dsl import atomic, http, persist

        @atomic
        def place():
            with persist("persist-nothing"):
                try:
                    http.post("https://metrics.example/placed")
                except Exception:
                    pass
            http.post("https://pay.example/charges")
    """,
    "another name of the package": """
        from shelves import atomic
        from durable_dsl import http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception:
                return "no"
    """,
    "a handler that calls what raises": """
        from durable_dsl import atomic, http

        @atomic
        def place():
            try:
                http.post("https://pay.example/charges")
            except Exception as error:
                refuse(error)

        def refuse(error):
            raise RuntimeError("refused") from error
    """,
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_swallowed_failure_is_found(tmp_path, name):
    """DSL501: the region would end as if it had succeeded."""
    paying = """
        from durable_dsl import http

        def pay(order):
            send(order)

        def send(order):
            try:
                http.post("https://pay.example/charges", json=order)
            except Exception:  # finds DSL501
                print("no")
    """
    more = {"paying": paying} if "import paying" in SWALLOWED[name] else {}
    report = assert_finds(tmp_path, SWALLOWED[name], **more)

    if more:
        message = next(each.message for each in report.findings if each.code == "DSL501")
        assert "place → pay (app.py:6) → send (paying.py:4)" in message


@pytest.mark.parametrize("name", NOT_SWALLOWED)
def test_what_is_handled_is_not_called_swallowed(tmp_path, name):
    """Near misses of DSL501."""
    assert_finds(tmp_path, NOT_SWALLOWED[name])


BY_HAND = {
    "finally": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        def transfer():
            region = mark_begin_operation()
            try:
                return move()
            finally:
                mark_end_operation(region)  # finds DSL502

        def move(): ...
    """,
    "another name, through the module": """
        import py_example.imports.golem_api_host as golem

        begin = golem.mark_begin_operation

        def transfer():
            region = begin()
            try:
                move()
            finally:
                print("done")
                golem.mark_end_operation(region)  # finds DSL502

        def move(): ...
    """,
    "an except for everything": """
        from wit_world.imports import host

        def transfer():
            region = host.mark_begin_operation()
            try:
                move()
            except Exception:
                host.mark_end_operation(region)  # finds DSL502
                raise
            host.mark_end_operation(region)

        def move(): ...
    """,
    "a context manager": """
        from contextlib import contextmanager
        from wit_world.imports.host import mark_begin_operation as begin, mark_end_operation as end

        @contextmanager
        def region():
            index = begin()
            try:
                yield
            finally:
                end(index)  # finds DSL502
    """,
    "an __exit__": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        class Region:
            def __enter__(self):
                self.index = mark_begin_operation()

            def __exit__(self, kind, error, trace):
                mark_end_operation(self.index)  # finds DSL502
    """,
    "a helper": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        def leave(region):
            mark_end_operation(region)

        def transfer():
            region = mark_begin_operation()
            try:
                move()
            finally:
                leave(region)  # finds DSL502

        def move(): ...
    """,
}

BY_HAND_WELL = {
    "after the body": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        def transfer():
            region = mark_begin_operation()
            result = move()
            mark_end_operation(region)
            return result

        def move(): ...
    """,
    "in an else": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        def transfer():
            region = mark_begin_operation()
            try:
                move()
            except ValueError:
                raise
            else:
                mark_end_operation(region)

        def move(): ...
    """,
    "only if it went well": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        def transfer():
            region, good = mark_begin_operation(), False
            try:
                move()
                good = True
            finally:
                if good:
                    mark_end_operation(region)

        def move(): ...
    """,
    "an __exit__ that looks": """
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        class Region:
            def __enter__(self):
                self.index = mark_begin_operation()

            def __exit__(self, kind, error, trace):
                if kind is None:
                    mark_end_operation(self.index)
    """,
    "a function of the app's own with that name": """
        def mark_end_operation(region): ...

        def transfer():
            try:
                move()
            finally:
                mark_end_operation(1)

        def move(): ...
    """,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_region_that_a_failure_ends_is_found(tmp_path, name):
    """DSL502: the hand-written idiom, under any name of the bindings."""
    assert_finds(tmp_path, BY_HAND[name])


@pytest.mark.parametrize("name", BY_HAND_WELL)
def test_a_region_that_only_success_ends_is_not(tmp_path, name):
    """Near misses of DSL502."""
    assert_finds(tmp_path, BY_HAND_WELL[name])


def test_an_except_around_a_region_is_told_that_it_never_runs(tmp_path):
    """DSL520, for a block and for a marked function; not where the region is a caller's, or ends on the exception."""
    assert_finds(
        tmp_path,
        """
        from durable_dsl import atomic, http

        def place():
            try:
                with atomic:
                    http.post("https://pay.example/charges")
            except Exception:  # finds DSL520
                return "no"

        def again():
            try:
                inner()
            except Exception:  # finds DSL520
                return "no"

        @atomic
        def inner():
            http.post("https://pay.example/charges")

        def ending():
            try:
                with atomic(commit_on=Exception):
                    http.post("https://pay.example/charges")
            except Exception:
                return "no"
        """,
    )
