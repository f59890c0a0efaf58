"""Messages in files, folders and zips; and what is told of those that cannot be read."""

from __future__ import annotations

import io
import mailbox
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importing.found import MOST_OCTETS, Found, Status, Unread
from gateway.importing.sources import files, read

ONE = b"Subject: one\r\n\r\n1\r\n"
TWO = b"Subject: two\n\n2\n"
MBOX = b"From a@x.example Thu Nov 20 12:00:00 2025\n" + TWO + b"\n"
Zipped = Callable[..., Path]


def looked(*paths: Path) -> tuple[dict[str, bytes], dict[str, tuple[Status, str]]]:
    """Messages by place, and what is none."""
    found: dict[str, bytes] = {}
    unread: dict[str, tuple[Status, str]] = {}
    for file in files(paths):
        for each in [file] if isinstance(file, Unread) else read(file):
            if isinstance(each, Found):
                found[each.place] = each.octets
            else:
                unread[each.place] = each.status, each.reason
    return found, unread


@pytest.fixture
def zipped(tmp_path: Path) -> Zipped:
    """Makes a zip of names and octets."""

    def make(entries: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / "old.zip"
        with zipfile.ZipFile(path, "w", how) as file:
            for name, octets in entries.items():
                file.writestr(name, octets)
        return path

    return make


# --- where mail is ---------------------------------------------------------------------------------------


def test_a_folder_is_read_to_its_depths(tmp_path: Path) -> None:
    deep = tmp_path / "old" / "2019" / "may"
    deep.mkdir(parents=True)
    (deep / "1.eml").write_bytes(ONE)
    (deep / "2.EML").write_bytes(TWO)
    (deep / "notes.txt").write_text("no mail")
    (tmp_path / "old" / "Inbox").write_bytes(MBOX)
    found, unread = looked(tmp_path / "old")
    assert found == {
        "old/2019/may/1.eml": ONE,
        "old/2019/may/2.EML": TWO,
        "old/Inbox#1 (octet 0)": TWO,
    }
    assert unread == {
        "old/2019/may/notes.txt": (Status.PASSED_OVER, "no mail, by its name and its beginning")
    }


def test_a_maildir_with_its_subfolders(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "smith")
    box.add(ONE)
    seen = mailbox.MaildirMessage(TWO)
    seen.set_subdir("cur")
    seen.add_flag("S")
    box.add_folder("Sent").add(seen)
    (tmp_path / "smith" / "tmp" / "1.half").write_bytes(b"Subj")
    (tmp_path / "smith" / "subscriptions").write_text("Sent\n")
    found, unread = looked(tmp_path / "smith")
    assert sorted(place.rpartition("/")[0] for place in found) == ["smith/.Sent/cur", "smith/new"]
    assert sorted(found.values()) == [ONE, TWO]
    assert {status for status, _ in unread.values()} == {Status.PASSED_OVER}
    assert {"smith/tmp/1.half", "smith/subscriptions"} <= unread.keys()


def test_a_folder_called_new_need_not_be_of_a_maildir(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "plan.pdf").write_bytes(b"%PDF-")
    assert looked(tmp_path)[0] == {}


def test_a_file_is_told_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(b"From a\n" + ONE)
    (tmp_path / "box").write_bytes(b"\n" + MBOX)
    found, _ = looked(tmp_path / "1.eml", tmp_path / "box")
    assert found == {"1.eml": b"From a\n" + ONE, "box#1 (octet 1)": TWO}


@pytest.mark.parametrize(
    ("name", "octets", "reason"),
    [
        ("a.eml", b"", "empty"),
        ("a.mbox", b"Subject: none\n\n", 'does not begin with a line "From "'),
        ("a.pst", b"!BDN", "a kind of file that is not read, or not what its name says: .pst"),
        ("a.zip", b"nothing", "a kind of file that is not read, or not what its name says: .zip"),
        ("a.zip", b"PK\x03\x04 cut off", "a zip that cannot be read: File is not a zip file"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, octets: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(octets)
    (tmp_path / "b.eml").write_bytes(ONE)
    assert looked(tmp_path / name, tmp_path / "b.eml") == (
        {"b.eml": ONE},
        {name: (Status.UNREADABLE, reason)},
    )


def test_links_pipes_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "outside.eml").write_bytes(ONE)
    here = tmp_path / "here"
    here.mkdir()
    (here / "link.eml").symlink_to(tmp_path / "outside.eml")
    (here / "round").symlink_to(here)
    os.mkfifo(here / "pipe.eml")
    found, unread = looked(here, tmp_path / "gone")
    assert found == {}
    assert unread == {
        "here/link.eml": (Status.UNREADABLE, "a link; links are not followed"),
        "here/round": (Status.UNREADABLE, "a link; links are not followed"),
        "here/pipe.eml": (Status.UNREADABLE, "neither a file nor a folder"),
        "gone": (Status.UNREADABLE, "No such file or directory"),
    }


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(ONE)
    (file,) = files([path])
    path.rename(tmp_path / "b.eml")
    path.symlink_to(tmp_path / "b.eml")
    assert not isinstance(file, Unread)
    assert [type(each) for each in read(file)] == [Unread]


def test_one_that_is_too_large_is_told_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.eml").open("wb") as file:
        file.truncate(MOST_OCTETS + 1)
    (status, reason) = looked(tmp_path / "a.eml")[1]["a.eml"]
    assert status is Status.TOO_LARGE
    assert str(MOST_OCTETS + 1) in reason


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.eml"))
    path.write_bytes(ONE)
    assert looked(tmp_path)[0] == {f"{tmp_path.name}/caf\\xe9.eml": ONE}


def test_folders_within_folders_without_an_end(tmp_path: Path) -> None:
    """As deep as the system lets a path be; what is below is told."""
    name = "d" * 19
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(250):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    ((_, reason),) = looked(tmp_path / name)[1].values()
    assert reason == "File name too long"


# --- zips ------------------------------------------------------------------------------------------------


def test_a_zip_of_everything(zipped: Zipped) -> None:
    path = zipped(
        {
            "mail/inbox/3.eml": ONE,
            "mail/box": MBOX,
            "smith/cur/1:2,S": ONE,
            "smith/new/2": TWO,
            "new/plan.pdf": b"%PDF-",
            "jones\\cur\\3!2,S": TWO,
        }
    )
    found, unread = looked(path)
    assert found == {
        "old.zip!mail/inbox/3.eml": ONE,
        "old.zip!mail/box#1 (octet 0)": TWO,
        "old.zip!smith/cur/1:2,S": ONE,
        "old.zip!smith/new/2": TWO,
        "old.zip!jones\\cur\\3!2,S": TWO,
    }
    assert [status for status, _ in unread.values()] == [Status.PASSED_OVER]


def test_a_name_in_a_zip_leads_nowhere(zipped: Zipped, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    path = zipped({"/etc/mail.eml": ONE, "../../up.eml": TWO, "a/../b.eml": ONE})
    assert set(looked(path)[0]) == {
        "old.zip!/etc/mail.eml",
        "old.zip!../../up.eml",
        "old.zip!a/../b.eml",
    }
    assert sorted(tmp_path.rglob("*")) == [*before, path]


@pytest.mark.parametrize(
    "how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_one_damaged_message_does_not_stop_the_others(zipped: Zipped, how: int) -> None:
    damaged = b"Subject: damaged\n\n" + os.urandom(100).hex().encode()
    path = zipped({"1.eml": ONE, "2.eml": damaged, "3.eml": TWO}, how)
    with zipfile.ZipFile(path) as file:
        second = file.getinfo("2.eml")
    octets = bytearray(path.read_bytes())
    at = second.header_offset + 30 + len("2.eml") + second.compress_size // 2
    octets[at] ^= 0xFF
    path.write_bytes(octets)
    found, unread = looked(path)
    assert found == {"old.zip!1.eml": ONE, "old.zip!3.eml": TWO}
    assert [status for status, _ in unread.values()] == [Status.UNREADABLE]
    assert list(unread) == ["old.zip!2.eml"]


def test_encrypted_linked_and_nested(zipped: Zipped) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("1.eml", ONE)
    path = zipped({"secret.eml": ONE, "inner.zip": inner.getvalue(), "2.eml": TWO})
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("link.eml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    octets = bytearray(path.read_bytes())
    at = octets.index(b"PK\x01\x02")  # the first in the table of contents
    octets[at + 8] |= 1
    path.write_bytes(octets)
    found, unread = looked(path)
    assert found == {"old.zip!2.eml": TWO}
    assert {place: reason for place, (_, reason) in unread.items()} == {
        "old.zip!secret.eml": "encrypted",
        "old.zip!inner.zip": "a zip within a zip: unpack it first",
        "old.zip!link.eml": "a link; links are not followed",
    }


def test_a_way_of_packing_that_is_not_known(zipped: Zipped) -> None:
    path = zipped({"1.eml": ONE, "2.eml": TWO}, zipfile.ZIP_STORED)
    octets = bytearray(path.read_bytes())
    octets[octets.index(b"PK\x01\x02") + 10] = 97
    octets[8] = 97
    path.write_bytes(octets)
    found, unread = looked(path)
    assert found == {"old.zip!2.eml": TWO}
    assert "old.zip!1.eml" in unread


def test_a_bomb_is_not_unpacked(zipped: Zipped) -> None:
    path = zipped({"bomb.eml": bytes(40_000_000), "1.eml": os.urandom(200_000)})
    found, unread = looked(path)
    assert list(found) == ["old.zip!1.eml"]
    assert "no mail packs so well" in unread["old.zip!bomb.eml"][1]


def test_a_bomb_that_shares_its_octets_among_many_names_is_not_unpacked(tmp_path: Path) -> None:
    """Each of the files alone is harmless; the table of contents has the same one a thousand times."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("0.eml", b"Subject: x\n\n" + bytes(200_000))
    whole = octets.getvalue()
    at, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    table = whole[at:end] * 1000
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(table), at, 0)
    path = tmp_path / "bomb.zip"
    path.write_bytes(whole[:at] + table + last)
    found, unread = looked(path)
    assert found == {}
    assert "more than mail can be packed" in unread["bomb.zip"][1]


def test_too_many_files(tmp_path: Path) -> None:
    """The table of contents alone would fill the memory, so it is not read."""
    path = tmp_path / "many.zip"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(300_000_000)
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 250_000_000, 4, 0))
    assert looked(path)[1] == {"many.zip": (Status.UNREADABLE, "a zip of more than 1000000 files")}


def test_a_zip_that_was_cut_off(zipped: Zipped) -> None:
    path = zipped({"1.eml": ONE, "2.eml": TWO})
    octets = path.read_bytes()
    for length in range(10, len(octets) - 1, 7):
        path.write_bytes(octets[:length])
        found, unread = looked(path)
        assert found == {}
        assert list(unread) == ["old.zip"]


@given(st.data())
def test_a_zip_may_hold_any_octets(data: st.DataObject) -> None:
    """Nothing raises, and what comes out whole is what was put in."""
    from gateway.importing.zips import in_zip

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("1.eml", ONE * 3)
        file.writestr("box", MBOX)
        file.writestr("2.eml", TWO)
    octets = bytearray(made.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
        octets[at] = data.draw(st.integers(0, 255))
    found = list(in_zip(io.BytesIO(octets), len(octets), "z"))
    whole = {ONE * 3, TWO}
    assert all(each.octets in whole for each in found if isinstance(each, Found) and "eml" in each.place)
