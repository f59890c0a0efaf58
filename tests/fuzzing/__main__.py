"""`python -m tests.fuzzing TARGET [FOLDER] [libFuzzer's options]`."""

from __future__ import annotations

import importlib
import sys
from functools import partial


def main() -> None:
    atheris = importlib.import_module("atheris")  # not among the project's dependencies
    with atheris.instrument_imports(include=["gateway"]):
        targets = importlib.import_module("tests.fuzzing.targets")
    name, *options = sys.argv[1:] or [""]
    if name not in targets.TARGETS:
        raise SystemExit(f"expected one of {', '.join(targets.TARGETS)}, not {name!r}")
    atheris.Setup([sys.argv[0], *options], partial(targets.run, name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
