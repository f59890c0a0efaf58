"""The district's own files about people: accounts.csv (further addresses) and forms.csv (signed forms)."""

from __future__ import annotations

from gateway.directory.addresses import usable_address
from gateway.directory.cells import day
from gateway.directory.csvfile import Table
from gateway.directory.draft import Draft, DraftPerson
from gateway.directory.model import AddressKind, PersonAddress, SignedForm
from gateway.directory.roles import folded
from gateway.message.canonical import canonical_address

_KINDS = {
    "alias": AddressKind.ALIAS,
    "district": AddressKind.ALIAS,
    "secondary": AddressKind.ALIAS,
    "personal": AddressKind.PERSONAL,
    "private": AddressKind.PERSONAL,
    "home": AddressKind.PERSONAL,
    "outside": AddressKind.PERSONAL,
}


def one_user(table: Table, line: int, draft: Draft, text: str) -> DraftPerson | None:
    """The one person whom a `user` cell means, by sourcedId or e-mail address; anything else is reported."""
    found = draft.find(text)
    if len(found) == 1:
        return found[0]
    if found:
        table.problem(line, "user", "an address of several people; expected a sourcedId; not used")
    elif text not in draft.gone:
        table.problem(line, "user", "names nobody in users.csv; not used" if text else "empty; not used")
    return None


def read_accounts(table: Table, draft: Draft) -> None:
    """accounts.csv: aliases and known personal addresses."""
    for line, (user, text, kind_text, source, verified) in table.rows(
        "user", "address", "kind", "source", "verified_on"
    ):
        person = one_user(table, line, draft, user)
        if person is None:
            continue
        address = usable_address(text)
        if address is None:
            table.problem(line, "address", f"{'not an e-mail address' if text else 'empty'}; not used")
            continue
        kind = _KINDS.get(folded(kind_text))
        if kind is None:
            table.problem(line, "kind", "expected alias or personal; taken from the address's domain")
        canonical = canonical_address(address)
        if kind is None or (kind == AddressKind.PERSONAL and draft.is_district(canonical)):
            kind = AddressKind.ALIAS if draft.is_district(canonical) else AddressKind.PERSONAL
        verified_on = day(table, line, "verified_on", verified)
        person.accounts += (PersonAddress(address, canonical, kind, source or "accounts", verified_on),)
        draft.learn_address(canonical, person.id)


def read_forms(table: Table, draft: Draft) -> None:
    """forms.csv: who signed what and when; a row without a day is no signature."""
    draft.forms_loaded = table.usable
    for line, (user, form, signed) in table.rows("user", "form", "signed_on"):
        person = one_user(table, line, draft, user)
        signed_on = day(table, line, "signed_on", signed)
        if not form:
            table.problem(line, "form", "empty; not used")
        elif not signed:
            table.problem(line, "signed_on", "empty; not taken as signed")
        elif person is not None and signed_on is not None:
            draft.forms.setdefault(person.id, []).append(SignedForm(form, signed_on))
