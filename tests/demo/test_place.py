"""The demo's folder: begun anew where it is the demo's own, and never at anybody else's cost."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.config import Role, load, route_for
from gateway.demo.district import DOMAIN, STUDENT_DOMAIN, District
from gateway.demo.place import HOST, PlaceError, Ports, free_ports, furnish, taken, write_config


def test_made_and_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo data"
    with taken(folder) as place:
        assert not place.anew
        place.config.write_text("old", "utf-8")
        (place.storage / "archive").mkdir()
        (folder / "notes.txt").write_text("mine", "utf-8")
    with taken(folder) as place:
        assert place.anew
        assert not place.config.exists() and not (place.storage / "archive").exists()
        assert (folder / "notes.txt").read_text("utf-8") == "mine"


def test_other_peoples_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    with pytest.raises(PlaceError, match="holds something else"), taken(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["storage"]


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with taken(folder) as place:
        place.config.write_text("first", "utf-8")
        with pytest.raises(PlaceError, match="in use"), taken(folder):
            pass
        assert place.config.read_text("utf-8") == "first"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlaceError, match="cannot be used"), taken(tmp_path / "file"):
        pass


def test_ports() -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        found = free_ports(Ports(port, 0, 0))
    assert 0 < found.inbound != port
    assert len({found.inbound, found.outbound, found.metrics}) == 3


def test_configuration(tmp_path: Path, district: District) -> None:
    with taken(tmp_path / 'a "folder"') as place:
        furnish(place, district)
        write_config(place, district, Ports(1025, 1026, 1027), 1028, 1029)
        config = load(place.config)
    assert config.storage.path == place.storage
    assert config.directory.path == place.folder / "roster"
    assert {listener.role for listener in config.listener} == {Role.INBOUND, Role.OUTBOUND}
    inside, students, outside = (
        route_for(config, domain) for domain in (DOMAIN, STUDENT_DOMAIN, "x.example")
    )
    assert inside is not None and inside is students and inside is not outside
    assert config.policy.fallback_administrators["team"].people == (district.athletic_director.email,)
    assert set(place.mailboxes.read_text("utf-8").split()) == district.mailboxes
