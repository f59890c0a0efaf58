"""Real-world nasty mail: all of it is catalogued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.catalog import queries
from gateway.catalog.reader import Catalog
from gateway.indexer.follower import Follower


def test_every_message_of_the_corpus_is_catalogued(
    corpus: Path, follower: Follower, archive: Any, watcher: Any, tmp_path: Path
) -> None:
    files = sorted(path for path in (corpus / "mail").rglob("*") if path.is_file())
    for path in files:
        archive.message(path.read_bytes())
    while follower.step().entries:
        pass
    assert watcher.failures == []
    assert (follower.mark.messages, follower.mark.unindexed) == (len(files), 0)
    catalog = Catalog(tmp_path / "catalog")
    with catalog.connect() as connection:
        rows = queries.hits(connection, range(1, len(files) + 1)).values()
        assert len(rows) == len(files)
        assert sum(1 for row in rows if row["subject"]) > len(files) // 2
        for row in rows:
            assert queries.message(connection, row["id"]) is not None
    catalog.close()
