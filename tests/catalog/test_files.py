"""The files of the catalog: a rebuilt one is swapped in under readers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from gateway.catalog.files import catalog_files
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.rows import Watermark
from gateway.catalog.schema import messages
from gateway.catalog.sqlite import open_writer, seal
from gateway.catalog.store import Store
from gateway.generations import BuildRunning, Generations


def make(files: Generations, rows: Any, count: int) -> Path:
    """Build a catalog of `count` messages and make it the current one."""
    with files.building() as path:
        store = Store(open_writer(path, durable=False))
        store.prepare()
        store.write(
            rows.batch(count, messages=[rows.message(seq) for seq in range(1, count + 1)]), Watermark()
        )
        seal(store.engine, path)
        files.swap(path)
    return path


def count(catalog: Catalog) -> int | None:
    with catalog.connect() as connection:
        return connection.scalar(select(func.count()).select_from(messages))


def names(folder: Path) -> list[str]:
    """The catalogs in a folder. (A reader may leave the current one's -wal and -shm: it cannot remove them.)"""
    return sorted(path.name for path in folder.glob("*.sqlite"))


def test_there_is_no_catalog_at_first(tmp_path: Path) -> None:
    with (
        pytest.raises(CatalogUnavailableError, match="no catalog yet; start the indexer"),
        Catalog(tmp_path / "none").connect(),
    ):
        pass
    assert catalog_files(tmp_path).current() is None


def test_a_sealed_file_is_all_there_is(rows: Any, tmp_path: Path) -> None:
    path = make(catalog_files(tmp_path), rows, 3)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "catalog.sqlite", "rebuild.lock"]
    assert path.stat().st_mode & 0o007 == 0


def test_readers_find_the_new_catalog_and_finish_with_the_old(rows: Any, tmp_path: Path) -> None:
    files, catalog = catalog_files(tmp_path), Catalog(tmp_path)
    make(files, rows, 1)
    with catalog.connect() as old:
        assert old.scalar(select(func.count()).select_from(messages)) == 1
        make(files, rows, 5)
        assert old.scalar(select(func.count()).select_from(messages)) == 1
    assert count(catalog) == 5
    catalog.close()
    assert names(tmp_path) == ["catalog-000002.sqlite", "catalog.sqlite"]


def test_a_writer_of_the_old_file_harms_nobody(rows: Any, tmp_path: Path) -> None:
    files, catalog = catalog_files(tmp_path), Catalog(tmp_path)
    first = make(files, rows, 1)
    late = Store(open_writer(first))
    mark = late.prepare()
    make(files, rows, 2)
    late.write(rows.batch(2, messages=[rows.message(2, subject="late")]), mark)
    late.close()
    assert count(catalog) == 2
    catalog.close()


def test_a_rebuild_that_fails_leaves_the_old_catalog(rows: Any, tmp_path: Path) -> None:
    files, catalog = catalog_files(tmp_path), Catalog(tmp_path)
    make(files, rows, 1)
    with pytest.raises(OSError, match="full"), files.building() as path:
        with closing(Store(open_writer(path))) as store:
            store.prepare()
        raise OSError("disk full")
    assert count(catalog) == 1
    catalog.close()
    assert names(tmp_path) == ["catalog-000001.sqlite", "catalog.sqlite"]


def test_what_a_killed_rebuild_left_is_swept(rows: Any, tmp_path: Path) -> None:
    files = catalog_files(tmp_path)
    make(files, rows, 1)
    for name in ("catalog-000007.sqlite", "catalog-000007.sqlite-wal", "catalog-000007.sqlite-shm"):
        (tmp_path / name).write_bytes(b"left over")
    make(files, rows, 2)
    assert names(tmp_path) == ["catalog-000008.sqlite", "catalog.sqlite"]
    assert not list(tmp_path.glob("catalog-000007*"))


def test_one_rebuild_at_a_time(tmp_path: Path) -> None:
    files = catalog_files(tmp_path)
    with (
        files.building(),
        pytest.raises(BuildRunning, match="another process builds"),
        files.building(),
    ):
        pass
    with files.building():
        pass


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "UPDATE watermark SET schema_version = 0",
            r"made by another version .schema 0, expected \d+.; run mailgw reindex",
        ),
        ("DROP TABLE watermark", "made by another version .schema None"),
    ],
)
def test_a_catalog_of_another_version_says_what_to_do(
    rows: Any, tmp_path: Path, change: str, says: str
) -> None:
    engine = open_writer(make(catalog_files(tmp_path), rows, 1))
    with engine.begin() as connection:
        connection.execute(text(change))
    engine.dispose()
    with closing(Catalog(tmp_path)) as catalog, pytest.raises(CatalogUnavailableError, match=says):
        count(catalog)


def test_a_damaged_catalog_says_what_to_do(rows: Any, tmp_path: Path) -> None:
    make(catalog_files(tmp_path), rows, 1).write_bytes(b"no database at all, but long enough" * 200)
    catalog = Catalog(tmp_path)
    with pytest.raises(CatalogUnavailableError, match="not a database"):
        count(catalog)
    catalog.close()


def test_a_link_to_nothing_is_no_catalog(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").symlink_to("catalog-000001.sqlite")
    with (
        closing(Catalog(tmp_path)) as catalog,
        pytest.raises(CatalogUnavailableError, match="no catalog yet"),
    ):
        count(catalog)
