"""wasi:random. Every draw is recorded; the insecure sources are the secure one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.replay.durability import READ_LOCAL
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

random = Interface("wasi:random/random")
insecure = Interface("wasi:random/insecure")
insecure_seed = Interface("wasi:random/insecure-seed")
INTERFACES = (random, insecure, insecure_seed)


#: More is a mistake of the guest's, and would only fill memory here: 80 bytes for each on their way to the guest.
_MOST = 4 << 20


def _bytes(_host: Host, length: int) -> bytes:
    if length > _MOST:
        raise Failure(f"{length} random bytes were asked for; at most {_MOST} are given at once", "TooManyBytes")
    return os.urandom(length)


def _u64(_host: Host) -> int:
    return int.from_bytes(os.urandom(8), "little")


def _seed(host: Host) -> list[int]:
    return [_u64(host), _u64(host)]


random.durable("get-random-bytes", READ_LOCAL, "golem random::get_random_bytes")(_bytes)
random.durable("get-random-u64", READ_LOCAL, "golem random::get_random_u64")(_u64)
insecure.durable("get-insecure-random-bytes", READ_LOCAL, "golem random::insecure::get_insecure_random_bytes")(_bytes)
insecure.durable("get-insecure-random-u64", READ_LOCAL, "golem random::insecure::get_insecure_random_u64")(_u64)
insecure_seed.durable("insecure-seed", READ_LOCAL, "golem random::insecure_seed::insecure_seed")(_seed)
