"""Who is told of a finding or of a held message.

    a matter for IT (`for-it`)                   notices.it, where empty: notices.reviewers
    a school concerned has its own reviewers     these, of all such schools
    anything else                                notices.reviewers

**Nobody is told about themselves**: whoever is behind an address that belongs to the author, or reads a list that
reaches the author, is left out. Where nobody is left, `notices.reviewers` are told, then `hold.escalate_to`, without
the author too; where that leaves nobody, nobody is told, and the answer is empty.

A finding concerns the schools of its groups and of its author, by today's roster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.catalog.rows import FindingRow
from gateway.config import Config
from gateway.directory.model import Group
from gateway.directory.snapshot import Directory
from gateway.message.canonical import canonical_address
from gateway.policy.groups import means_school
from gateway.policy.rules.identity import FOR_IT


@dataclass(frozen=True, slots=True)
class Audience:
    """One district's settings before one roster."""

    settings: Config
    directory: Directory

    def of(self, findings: Sequence[FindingRow], *, apart_from: Sequence[FindingRow] = ()) -> tuple[str, ...]:
        """The addresses of those who are told of some findings together, sorted; empty: nobody may be.

        `apart_from`: whom these are about is left out as well.
        """
        wanted = [address for finding in findings for address in self._responsible(finding)]
        return self.without_authors(wanted or self.settings.notices.reviewers, [*findings, *apart_from])

    def escalated(self, findings: Sequence[FindingRow]) -> tuple[str, ...]:
        """Who is told of a held message that reviewers left alone."""
        return self.without_authors(self.settings.hold.escalate_to, findings)

    def without_authors(self, wanted: Iterable[str], findings: Sequence[FindingRow]) -> tuple[str, ...]:
        """Some addresses, or those that stand in for them, without anybody whom a finding is about."""
        for addresses in (wanted, self.settings.notices.reviewers, self.settings.hold.escalate_to):
            once = {canonical_address(address): address for address in reversed(list(addresses))}
            left = [
                address
                for address in once.values()
                if not any(self.is_about(finding, address) for finding in findings)
            ]
            if left:
                return tuple(sorted(left))
        return ()

    def is_about(self, finding: FindingRow, address: str) -> bool:
        """Whether the author of a finding may read what is sent to an address."""
        if canonical_address(address) == finding["author_canonical"]:
            return True
        authors = (
            {finding["author_id"]} if finding["author_id"] else self._behind(finding["author_canonical"])
        )
        owners, group = self.directory.behind(address)
        if any(owner.person.id in authors for owner in owners):
            return True
        return group is not None and not authors.isdisjoint(_readers(self.directory, group))

    def schools(self, finding: FindingRow) -> tuple[str, ...]:
        """The schools that a finding concerns, as ids (or as groups.csv has them), those of groups first."""
        groups = (self.directory.groups.get(group) for group in finding["groups"])
        of_groups = sorted({group.school for group in groups if group is not None and group.school})
        author = self.directory.people.get(finding["author_id"] or "")
        return tuple(dict.fromkeys([*of_groups, *sorted(author.schools if author is not None else ())]))

    def _responsible(self, finding: FindingRow) -> Iterable[str]:
        notices = self.settings.notices
        if FOR_IT in finding["marks"]:
            return notices.it or notices.reviewers
        concerned = self.schools(finding)
        own = [
            address
            for name, addresses in notices.schools.items()
            if any(means_school(self.directory, name, school) for school in concerned)
            for address in addresses
        ]
        return own or notices.reviewers

    def _behind(self, address: str) -> set[str | None]:
        return {match.person.id for match in self.directory.matches(address)}


def _readers(directory: Directory, group: Group) -> set[str]:
    """Everybody who may read mail to a group's list, through groups in the group; cycles are tolerated."""
    seen: set[str] = set()
    readers: set[str] = set()
    ahead = [group.id]
    while ahead:
        current = directory.groups.get(ahead.pop())
        if current is None or current.id in seen:
            continue
        seen.add(current.id)
        readers.update(current.members, current.leaders, current.administrators, current.guardians)
        ahead += current.groups
    return readers
