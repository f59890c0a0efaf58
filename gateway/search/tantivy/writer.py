"""Writes the index: documents come in batches, each committed with its position.

Promises: killed at any moment, the index is as it was at its last commit, position included, because the position is
a document like any other. What raises leaves nothing behind but that. Segments are merged in threads of Tantivy's.

Deleting costs a look into every segment, so a document that cannot be there yet is added without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.search.document import Document
from gateway.search.engine import EngineError, WriteFailed
from gateway.search.tantivy import schema as fields
from gateway.search.tantivy.place import explained, open_index, position
from gateway.search.tantivy.questions import Questions

MEMORY = 64 * 2**20  # before a segment is written to disk


class TantivyWriter:
    """`engine.Writer` on Tantivy."""

    def __init__(self, folder: Path, *, memory: int = MEMORY, threads: int = 1) -> None:
        """memory: octets for all threads together, at least 15 MB for each.

        Raises IndexLocked, IndexOutdated, IndexDamaged.
        """
        index = open_index(folder, create=True)
        with explained("opening to write"):
            self._writer = index.writer(memory, threads)
            self._writer.garbage_collect_files()  # those that a killed process left
            index.reload()  # nobody else writes from here on
            self._position = position(index.searcher(), Questions(index.schema).mark())
        self._highest = self._position  # no document with a higher seq is in the index
        self._closed = False

    def position(self) -> int:
        """Of the last commit."""
        return self._position

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents; on failure, what was added since the last commit is gone."""
        self._safely("adding", lambda: self._add(documents))

    def commit(self, position: int) -> None:
        """Make it durable and visible."""
        if position < self._highest:
            raise ValueError(f"position {position} is before that of a document, {self._highest}")
        self._safely("committing", lambda: self._commit(position))

    def write(self, documents: Iterable[Document], position: int) -> None:
        """Add and commit."""
        self.add(documents)
        self.commit(position)

    def remove(self, seqs: Iterable[int]) -> None:
        """Remove documents; on failure, what was added since the last commit is gone."""
        self._safely("removing", lambda: self._remove(seqs))

    def close(self) -> None:
        """Wait for merges that run, and let another process write."""
        if self._closed:
            return
        self._closed = True
        with explained("closing"):
            self._writer.wait_merging_threads()

    def _add(self, documents: Iterable[Document]) -> None:
        for document in documents:
            made = fields.to_tantivy(document)
            if document.seq <= self._highest:
                self._writer.delete_documents_by_term(fields.SEQ, document.seq)
            else:
                self._highest = document.seq
            self._writer.add_document(made)

    def _remove(self, seqs: Iterable[int]) -> None:
        for seq in seqs:
            self._writer.delete_documents_by_term(fields.SEQ, seq)

    def _commit(self, position: int) -> None:
        self._writer.delete_documents_by_term(fields.MARK, fields.MARKED)
        self._writer.add_document(fields.mark(position))
        self._writer.commit()
        self._position = position

    def _safely(self, doing: str, act: Callable[[], object]) -> None:
        """On failure, back to the last commit."""
        try:
            with explained(doing):
                act()
        except BaseException as error:
            self._highest = self._position
            try:
                with explained("rolling back"):
                    self._writer.rollback()
            except EngineError as worse:
                raise WriteFailed(f"{doing}: the writer is broken, open it anew: {worse}") from error
            if type(error) is EngineError:
                raise WriteFailed(str(error)) from error
            raise
