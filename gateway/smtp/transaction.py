"""What one transaction has gathered by the time its message comes."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.message.envelope import Client, Recipient
from gateway.smtp.commands import Path
from gateway.smtp.relay import Relay


@dataclass(slots=True)
class Transaction:
    """From MAIL to the final dot; `relay` stays None on a journal listener and before the first recipient."""

    mail: Path
    client: Client
    listener: str
    role: str
    strict: bool = False  # bare CR and LF are refused
    recipients: list[Recipient] = field(default_factory=list)
    relay: Relay | None = None

    def accept(self, path: Path, answer: str) -> None:
        self.recipients.append(Recipient(path.address, " ".join(path.parameters), answer))

    def abandon(self) -> None:
        """Nothing will be delivered: end what was begun at the next hop."""
        if self.relay is not None:
            self.relay.abandon()
            self.relay = None
