"""The component that a verb is given: a `.wasm` file as it is, an app by building it, which costs little if nothing
changed.

An app is a `.py` file or a folder; it is built as `durable-dsl build` builds it, to the same place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from durable_dsl.cli.data import existing
from durable_dsl.cli.terminal import console

__all__ = ["HELP", "component_of"]

HELP = "a component file (.wasm), or an app (.py or a folder), which is built first"


def component_of(given: str | None, *, quiet: bool = False, reports: bool = True, **settings: Any) -> Path:
    """The component file; without `given` that of the project. `settings` are more that the build takes;
    where it `reports`, what the build has to say is said.

    Raises CommandError if there is none, or if the app has faults, which are shown then.
    """
    if given is not None and Path(given).suffix != ".py" and not Path(given).is_dir():
        return existing(given)
    from durable_codegen.build import build
    from durable_codegen.faults import BuildFailed, errors_in
    from durable_codegen.project.config import resolve
    from durable_dsl.cli.build import not_built, report_faults, show_progress

    try:
        with show_progress(verbose=False, quiet=quiet) as show:
            result = build(resolve({"app": given, **settings}), progress=show)
    except BuildFailed as failed:
        errors = sum(errors_in([fault]) for fault in failed.faults)
        said = f"{given or 'the app'} was not built: {errors} fault{'' if errors == 1 else 's'}"
        raise not_built(failed.faults, said) from failed
    if reports and not (result.cached or quiet):
        report_faults(fault for fault in result.faults if fault.severity != "note")
        console.note(f"built {os.path.relpath(result.output)} in {result.seconds:.1f} s")
    return result.output
