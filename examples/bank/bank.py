"""A small bank. There is no WIT: the type hints of what bears `@export` are the component's world.

Accounts live in an ordinary dict. A worker's memory is rebuilt from its oplog, so it needs no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from durable_dsl import atomic, commit, export, persist, retry
from durable_dsl.types import u64


class Currency(Enum):
    """What an account is kept in."""

    EUR = "EUR"
    USD = "USD"


@dataclass(frozen=True)
class Money:
    """An amount in the smallest unit."""

    cents: u64
    currency: Currency = Currency.EUR

    def __str__(self) -> str:
        return f"{self.cents / 100:.2f} {self.currency.value}"


@dataclass
class Deposited:
    """Money came from outside."""

    amount: Money


@dataclass
class Moved:
    """Money went to another account."""

    to: str
    amount: Money


Entry = Deposited | Moved


@dataclass
class Receipt:
    """What is left after a transfer."""

    number: int
    left: Money


@dataclass
class UnknownAccount(Exception):
    """There is no account of that name."""

    name: str


@dataclass
class Overdrawn(Exception):
    """The account holds less than was asked for."""

    missing: Money


accounts: dict[str, list[Entry]] = {}
balances: dict[str, Money] = {}
transfers = 0


@export
def open_account(name: str, first: Money) -> None:
    """Open an account with a first deposit."""
    accounts[name] = [Deposited(first)]
    balances[name] = first


@export(raises=(UnknownAccount, Overdrawn))
@commit
@retry(max_attempts=5, min_delay="100ms")
@atomic
def transfer(source: str, target: str, amount: Money) -> Receipt:
    """Move money: all of it or nothing, and on disk before the caller hears of it."""
    global transfers  # noqa: PLW0603 - a worker's variables are its state
    have, _ = balance_of(source), balance_of(target)
    if have.cents < amount.cents:
        raise Overdrawn(Money(amount.cents - have.cents, have.currency))
    transfers += 1
    balances[source] = Money(have.cents - amount.cents, have.currency)
    print(f"transfer {transfers}: {amount} from {source} to {target}")
    balances[target] = Money(balances[target].cents + amount.cents, have.currency)
    accounts[source].append(Moved(target, amount))
    accounts[target].append(Deposited(amount))
    return Receipt(transfers, balances[source])


@export(raises=UnknownAccount)
@persist("persist-nothing")
def balance(account: str) -> Money:
    """A question leaves nothing in the oplog."""
    return balance_of(account)


def balance_of(account: str) -> Money:
    """What an account holds, for the functions here."""
    if account not in balances:
        raise UnknownAccount(account)
    return balances[account]


@export
def statement(account: str, last: int | None) -> list[Entry]:
    """The entries of an account, the newest last; at most `last` of them."""
    return accounts.get(account, [])[-(last or 0) :]


@export
class StandingOrder:
    """The same transfer again and again."""

    def __init__(self, source: str, target: str, amount: Money) -> None:
        """Nothing is moved yet."""
        self.source = source
        self.target = target
        self.amount = amount
        self.receipts: list[Receipt] = []

    @export(raises=(UnknownAccount, Overdrawn))
    def execute(self) -> Receipt:
        """Move the money once more."""
        receipt = transfer(self.source, self.target, self.amount)
        self.receipts.append(receipt)
        return receipt

    def history(self) -> list[Receipt]:
        """What came of it so far."""
        return self.receipts
