"""District Mail Gateway: a transparent SMTP relay that archives and judges a school district's mail."""

__version__ = "0.1.0"
