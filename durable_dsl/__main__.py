"""`python -m durable_dsl` is the same program as `durable-dsl`."""

from __future__ import annotations

import sys

from durable_dsl.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
