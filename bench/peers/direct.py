"""No relay at all: the generator sends straight to the sink. The ceiling of this machine, the zero of delays."""

from __future__ import annotations

from pathlib import Path

from bench.peers import Candidate, Running


class _Direct(Running):
    def __init__(self, sink_port: int) -> None:
        self.port = sink_port
        self.child = None


class Direct(Candidate):
    name = "direct"
    title = "direct to the sink (ceiling)"

    def version(self) -> str:
        return "smtp-source and smtp-sink"

    def start(self, folder: Path, sink_port: int) -> Running:
        return _Direct(sink_port)
