"""Proof packages: one message and its events, with what anybody needs to check them without the gateway.

`package.py` gathers a package from archive and ledger, `folder.py` writes it, `verify.py` is the script that goes with
it. docs/proof.md tells whoever receives one what it proves.
"""

from __future__ import annotations

from gateway.records.proof.folder import FolderUnusable, require_free, write
from gateway.records.proof.package import NotProvable, Package, gather

__all__ = ["FolderUnusable", "NotProvable", "Package", "gather", "require_free", "write"]
