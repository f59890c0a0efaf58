"""The ledger: a Merkle tree over everything archived, and signed statements of what it was.

Built from the archive's sequence, leaf by leaf (`leaf.py`), kept beside it (`tree.py`), signed at intervals
(`checkpoint.py`, `note.py`). Whoever kept a checkpoint can prove years later that a record was there and is
unchanged, and that nothing before it was removed, added or reordered since.
"""
