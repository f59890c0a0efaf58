"""Writing a closed volume anew: compacted, and without what was lawfully disposed of.

`survey.py` reads the volume for what its messages have in common, `draft.py` writes the new file, `run.py` compares
every entry of both and puts the new one in the old one's place, `remains.py` destroys what is left of the old.
"""

from __future__ import annotations

from gateway.archive.errors import NotRewritable, RewriteRunning
from gateway.archive.rewriting.run import LEVEL, Rewritten, not_compacted, rewrite, sweep_leftovers

__all__ = [
    "LEVEL",
    "NotRewritable",
    "RewriteRunning",
    "Rewritten",
    "not_compacted",
    "rewrite",
    "sweep_leftovers",
]
