"""The indexer's process ends when it can follow no more, so that the supervisor starts it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.config import Config
from gateway.service import follower
from gateway.service.channel import Parent
from gateway.telemetry.metrics import Metrics


async def test_a_process_that_follows_nothing_does_not_live_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(follower, "run", broken)
    config = Config.model_validate(
        {
            "hostname": "gateway.district.example",
            "district": {"name": "Test District", "domains": ["district.example"]},
            "storage": {"path": tmp_path / "data"},
            "listener": [{"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]}],
            "route": [{"domains": ["district.example"], "next_hop": "127.0.0.1:1"}],
        }
    )
    with capture_logs() as lines:
        assert await follower.serve(config, None, Parent(None), Metrics()) == 1
    assert [line["event"] for line in lines] == ["indexer_failed"]
