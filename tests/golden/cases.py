"""What each golden wrapper does when it is called: the outcome, and the host calls in their order.

An expression is evaluated with the names of the wrapper's module; each list of expressions shares one instance.
"""

from __future__ import annotations

BEGIN, END = "mark-begin-operation", "mark-end-operation"
READ_LEVEL, SET_LEVEL = "get-oplog-persistence-level", "set-oplog-persistence-level"
READ_MODE, SET_MODE = "get-idempotence-mode", "set-idempotence-mode"
READ_POLICY, SET_POLICY = "get-retry-policy", "set-retry-policy"
COMMIT, INDEX = "oplog-commit", "get-oplog-index"

REGION = [BEGIN, END]
LEVEL = [READ_LEVEL, SET_LEVEL, SET_LEVEL]
ENTER_ALL = [READ_POLICY, SET_POLICY, READ_LEVEL, SET_LEVEL, BEGIN, READ_MODE, SET_MODE]
LEAVE_ALL = [SET_MODE, END, SET_LEVEL, SET_POLICY, COMMIT]
LINE = "__import__('wit_world.exports.orders', fromlist=['Line']).Line('tea', 2)"

INFERRED_LINE = "api.Line('tea', 2)"
INFERRED_ORDER = (
    f"api.Order('o-1', [{INFERRED_LINE}], api.Speed.VERY_FAST, api.Extras.GIFT, None, [('tea', 1.5)], ('', False))"
)

#: Case → (expression, outcome, host calls).
CALLS = {
    "inferred": [
        (
            f"Api().place({INFERRED_ORDER}, api.Payment_Cash()).items[0].speed",
            "<Speed.VERY_FAST: 1>",
            [READ_POLICY, SET_POLICY, *REGION, SET_POLICY, COMMIT],
        ),
        (
            f"Api().place({INFERRED_ORDER}, api.Payment_Card(api.Card('0')))",
            "Err(value=CardDeclined(card='0', reason='no money'))",
            [READ_POLICY, SET_POLICY, *REGION, SET_POLICY, COMMIT],
        ),
        (
            f"Api().place({INFERRED_ORDER.replace(INFERRED_LINE, '')}, api.Payment_Cash())",
            "LookupError('no lines')",
            [READ_POLICY, SET_POLICY, BEGIN],
        ),
        ("Api().refuse('no')", "None", []),
        ("Api().refuse('empty')", "Err(value=EmptyOrCardDeclinedOrClosed_Empty())", []),
        ("Api().refuse('closed')", "Err(value=EmptyOrCardDeclinedOrClosed_Closed(value='until tomorrow'))", []),
        ("Api().refuse('other')", "KeyError('other')", []),
        (
            "Api().paid_by([api.Payment_Cash(), api.Payment_Card(api.Card('1'))])",
            "Payment_Card(value=Card(number='1'))",
            [],
        ),
        ("Api().wrong(255)", "255", []),
        (
            "Api().wrong(256)",
            "OverflowError('the result of a_small_number is 256, which does not fit u8 (0 to 255)')",
            [],
        ),
        ("Api().text_of([104, 105])", "'hi'", []),
        (
            "Api().count([('a', [api.Line('tea', 2)]), ('b', [])])",
            "[('a', (1, Line(sku='tea', quantity=2))), ('b', (0, None))]",
            [],
        ),
        ("Cart('ann', 3).add(api.Line('tea', 1))", "1", REGION),
        ("Cart('ann', 3).add(api.Line('tea', 0))", "Err(value=None)", REGION),
        ("[each.held.owner for each in Cart.of(['a', 'b'])]", "['a', 'b']", []),
        ("Cart.count(Cart.of(['a', 'b']))", "0", []),
        ("Api().merge(*Cart.of(['a', 'b']))", "None", []),
    ],
    "functions": [
        (f"Orders().place(orders.Order('o-1', [{LINE}], None))", "'o-1'", ENTER_ALL + LEAVE_ALL),
        ("Orders().place(orders.Order('o-2', [], None))", "Err(value=Refusal_Empty())", ENTER_ALL + LEAVE_ALL),
        (f"Orders().place(orders.Order('broken', [{LINE}], None))", "ValueError('broken')", ENTER_ALL),
        ("Orders().stock('tea')", "2", LEVEL),
        ("Orders().audit(1, 2)", "[('o-1', 3)]", []),
        ("Orders().cancel('o-9')", "Err(value='no order o-9')", []),
        ("Orders().cancel('o-1')", "None", []),
        ("Orders().reset()", "None", [READ_MODE, SET_MODE, SET_MODE]),
    ],
    "classes": [
        ("Orders().place('a')", "1", REGION),
        ("Orders().place('a')", "Err(value='a was placed before')", REGION),
        ("Orders().status()", "'1 placed'", []),
        ("Carts().status()", "'no carts'", LEVEL),
        ("Carts().clear()", "None", []),
        ("WitWorld().version()", "'1'", []),
    ],
    "shapes": [
        ("Shapes().numbers(-1, 2, 3, 4, 5.0, True, 'x')", "(-1, 15, 'x')", []),
        ("Shapes().sizes([kinds.Size.LARGE], kinds.Rights.READ)", "<Size.LARGE: 1>", []),
        ("Shapes().shapes([], [kinds.Point(1.0, 2.0)])", "[None, Shape_Dot(value=Point(x=1.0, y=2.0))]", []),
        ("Shapes().nested(Some(None))", "Some(value=None)", []),
        ("Shapes().measure(kinds.Shape_Dot(kinds.Point(1.0, 2.0)))", "Point(x=1.0, y=2.0)", REGION),
        ("Shapes().measure(kinds.Shape_Empty())", "Err(value=Shape_Empty())", REGION),
        ("Shapes().bytes(b'x')", "[b'x', b'x']", []),
    ],
    "shared": [
        ("Orders().status()", "'orders'", REGION),
        ("Carts().status()", "'carts'", []),
        ("Stock().status()", "'stock'", REGION),
        ("Orders().place('four')", "4", []),
    ],
    "snapshots": [
        ("WitWorld().add('a')", "1", REGION),
        ("SaveSnapshot().save()", "b'[\"a\"]'", []),
        ('LoadSnapshot().load(b\'["b", "c"]\')', "None", []),
        ("WitWorld().add('d')", "3", REGION),
        (
            "LoadSnapshot().load(b'[1]')",
            "Err(value='the snapshot is not list[str]: [0]: expected a text, got 1')",
            [],
        ),
        ("LoadSnapshot().load(b'[]')", "Err(value='ValueError: nothing to load (entries.py:25)')", []),
    ],
    "world": [
        ("WitWorld().greet('you', 2)", "'hello you hello you'", []),
        ("WitWorld().shout('you')", "'YOU'", [*REGION, COMMIT]),
        ("WitWorld().shout('')", "Err(value=0)", [*REGION, COMMIT]),
        ("WitWorld().import_(b'')", "False", []),
    ],
    "resources": [
        ("Cart('ann').lines()", "[]", REGION),
        ("Cart('ann').add('tea', 2)", "2", [*REGION, READ_POLICY, SET_POLICY, BEGIN, END, SET_POLICY]),
        (
            "Cart('ann').add('tea', 0)",
            "Err(value='nothing to add')",
            [*REGION, READ_POLICY, SET_POLICY, *REGION, SET_POLICY],
        ),
        ("type(Cart.open('bob')).__name__", "'Cart'", [READ_LEVEL, SET_LEVEL, *REGION, SET_LEVEL]),
        ("Cart.count()", "4", []),
        (
            "[type(each).__name__ for each in vars(CartsInterface().split(Cart('ann'))).values()]",
            "['Cart', 'Cart']",
            [*REGION, *REGION],
        ),
        ("CartsInterface().find(['a', 'b']).value[1].held.owner", "'b'", [BEGIN, *REGION, *REGION, END]),
        ("CartsInterface().find([])", "Found_Nothing()", REGION),
        ("CartsInterface().empty([Cart('ann')])[1].held.owner", "'ann'", [*REGION, *REGION]),
        ("CartsInterface().empty([])", "Err(value='no carts')", REGION),
        (
            "CartsInterface().pay((lambda cart: [cart, cart.add('tea', 2)][0])(Cart('ann')))",
            "2",
            [*REGION, READ_POLICY, SET_POLICY, BEGIN, END, SET_POLICY],
        ),
        ("Cart('ann').merge(Cart('bob'))", "None", [*REGION, *REGION]),
        ("ShelvesInterfaceCart().wheels()", "4", []),
    ],
    "asynchronous": [
        ("Waiting().fetch('a')", "'A'", [*REGION, COMMIT]),
        ("Waiting().fetch('')", "Err(value='no address')", [*REGION, COMMIT]),
        ("Waiting().gather('a', 'b', 'c')", "'AB'", [BEGIN, END, BEGIN, END]),
        ("Waiting().traced('a')", "'A'", [BEGIN, BEGIN, END, COMMIT, END]),
        ("Waiting().plain()", "1", []),
    ],
    "leaving": [
        ("Leaving().on_nothing('ok')", "7", REGION),
        ("Leaving().on_nothing('err')", "Err(value='refused')", [BEGIN]),
        (
            "Leaving().on_timeout('ok')",
            "7",
            [READ_POLICY, SET_POLICY, BEGIN, READ_MODE, SET_MODE, SET_MODE, END, SET_POLICY],
        ),
        (
            "Leaving().on_timeout('timeout')",
            "TimeoutError('timeout')",
            [READ_POLICY, SET_POLICY, BEGIN, READ_MODE, SET_MODE, END],
        ),
        ("Leaving().on_timeout('fail')", "ValueError('fail')", [READ_POLICY, SET_POLICY, BEGIN, READ_MODE, SET_MODE]),
        ("Leaving().on_own('own')", "Gone('own')", REGION),
        ("Leaving().on_own('err')", "Err(value='refused')", [BEGIN]),
        ("Leaving().on_all('fail')", "ValueError('fail')", REGION),
        ("Leaving().pending('ok')", "7", [BEGIN, READ_POLICY, SET_POLICY, SET_POLICY, END]),
        ("Leaving().pending('err')", "Err(value='refused')", [BEGIN, READ_POLICY, SET_POLICY, SET_POLICY, END]),
        ("Leaving().unmarked('ok')", "7", []),
        ("Leaving().unmarked('fail')", "ValueError('fail')", []),
    ],
    "names": [
        ("Names().app('a', 'b', 'c', 'd')", "4", REGION),
        ("Names().policy(1, names.Region(2), 3, 0, 4)", "10", ENTER_ALL + LEAVE_ALL[:-1]),
        ("Names().policy(1, names.Region(2), 3, 1, 4)", "Err(value='error')", ENTER_ALL + LEAVE_ALL[:-1]),
        ("Names().class_(1, 2)", "3", []),
        ("Names().a_function_with_a_rather_long_name('', None, 1)", "[]", REGION),
        ("Names().nothing()", "Err(value=None)", []),
        ("Names().exports(b'', 'x')", "0.5", []),
    ],
    "package": [
        ("Orders().place('o-1')", "'o-1 2024'", REGION),
        ("Orders().price('mug')", "1200", []),
    ],
    "py_example": [
        ("Api().add(3)", "None", REGION),
        ("Api().get()", "3", [INDEX]),
    ],
    "jitter": [
        ("WitWorld().ask()", "1", [READ_POLICY, SET_POLICY, *LEVEL, SET_POLICY]),
    ],
}
