"""From raw octets to a message that can be read: `readable(raw)`."""

from gateway.message.readable.links import Link
from gateway.message.readable.model import Kind, Limits, Part, Readable
from gateway.message.readable.reader import readable

__all__ = ["Kind", "Limits", "Link", "Part", "Readable", "readable"]
