"""A BagIt bag (RFC 8493): the payload in data/, a manifest of it, and what describes the bag. Pure but for its files.

    bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt  README.txt  verify.py  data/

The manifests are in the form that `sha256sum --check` reads. Fails with OSError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from hashlib import sha256
from pathlib import Path

from gateway.records.export.plan import Plan

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST, INFO = "manifest-sha256.txt", "tagmanifest-sha256.txt", "bag-info.txt"
_SCRIPT = Path(__file__).parent.parent / "proof" / "verify.py"

_README = """\
Mail of {district}

An export of its mail archive, in a BagIt bag (RFC 8493).

    data/messages/           the messages, to the octet as they were received; any mail program opens them
    data/index.csv           a line for each, for a spreadsheet; one apostrophe is taken away where a cell begins with
                             one (it keeps spreadsheets from computing what others wrote)
    data/index.jsonl         the same for programs, with every text as it is
    data/mail.mbox           all messages in one file (mboxrd), where this was asked for
    data/concordance.dat     a load file for review programs, and data/natives/, where this was asked for
    data/certificate.txt     what was searched for, found, and left out, and why; certificate.json for programs
    data/proofs/             by which the messages can be checked against the archive's signed ledger

To check that the bag is whole:

    sha256sum --check --quiet manifest-sha256.txt tagmanifest-sha256.txt

To check, besides, that the messages are those of the archive, which needs no network and no other program:

    python3 verify.py

verify.py needs Python 3.9 or newer, and for the signature its package `cryptography`. It and this text are no evidence
themselves: who does not trust this copy takes another one from the gateway's source code
(gateway/records/proof/verify.py), and the archive's public key from the district.
"""


def info(plan: Plan, files: int, octets: int) -> bytes:
    """bag-info.txt. files, octets: of the payload."""
    facts = {
        "Source-Organization": plan.district,
        "External-Description": "Messages of a mail archive, with the certificate of the search that found them",
        "External-Identifier": plan.id,
        "Bagging-Date": f"{plan.at.astimezone(UTC):%Y-%m-%d}",
        "Bag-Software-Agent": f"district-mail-gateway {plan.gateway}",
        "Payload-Oxum": f"{octets}.{files}",
    }
    return "".join(f"{name}: {_line(value)}\n" for name, value in facts.items()).encode("utf-8", "replace")


def tags(plan: Plan, files: int, octets: int, manifest: str) -> Mapping[str, bytes]:
    """All files beside data/ but the manifest, whose hash is given; the tag manifest last."""
    found = {
        "bagit.txt": DECLARATION,
        INFO: info(plan, files, octets),
        "README.txt": _README.format(district=_line(plan.district)).encode("utf-8", "replace"),
        "verify.py": _SCRIPT.read_bytes(),
    }
    hashes = {name: sha256(content).hexdigest() for name, content in found.items()} | {MANIFEST: manifest}
    return found | {TAG_MANIFEST: lines(sorted((digest, name) for name, digest in hashes.items()))}


def lines(hashes: Iterable[tuple[str, str]]) -> bytes:
    """Lines of a manifest, of hash and path. No path of an export has a character that would have to be encoded."""
    return "".join(f"{digest}  {name}\n" for digest, name in hashes).encode("ascii")


def _line(text: str) -> str:
    """A value of bag-info.txt stands in one line."""
    return " ".join(text.split())
