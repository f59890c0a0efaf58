"""The judge of a process: the rules and the directory in use, and how both are replaced while mail flows.

A new roster or configuration is read in a thread and taken by one assignment; a bad one is refused with its
errors in the log, and the old one stays.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from gateway.config import Config, ConfigError, load
from gateway.policy.engine import Engine
from gateway.policy.model import Transaction, Verdict
from gateway.service.roster import Roster
from gateway.telemetry.metrics import Metrics


class Judge:
    """Judges transactions by today's rules and directory."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._config = config
        self._log = structlog.get_logger()
        self._engine = self._new_engine(config)
        self._roster = Roster(config, metrics)

    def start(self) -> None:
        """Read the roster. One that cannot be used is logged, and mail flows unjudged by it (promise 4)."""
        self._roster.load()

    def __call__(self, transaction: Transaction) -> Verdict:
        return self._engine.judge(transaction, self._roster.directory)

    def refresh(self) -> None:
        """Read the roster where it has changed since it was last read."""
        self._roster.refresh()

    async def follow(self) -> None:
        """Look for a changed roster for ever."""
        while True:
            await asyncio.sleep(self._config.directory.poll)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:
                self._log.exception("roster_look_failed")

    async def reload(self, path: Path | None) -> None:
        """Read the roster, and the rules in the configuration file, again (SIGHUP)."""
        if path is not None:
            try:
                self._engine = self._new_engine(await asyncio.to_thread(load, path))
            except ConfigError as error:
                self._log.error("configuration_refused", problems=str(error).splitlines())
        await asyncio.to_thread(self._roster.load)

    def _new_engine(self, config: Config) -> Engine:
        return Engine(config.policy, config.district, on_error=self._rule_failed)

    def _rule_failed(self, rule: str, error: Exception) -> None:
        self._log.error("rule_failed", rule=rule, exc_info=error)
