"""What DNS said is remembered for as long as it may be, and no longer; what it did not say is told apart."""

from __future__ import annotations

import pytest

from gateway.config import Dns
from gateway.smtp.authentication import resolver as module
from gateway.smtp.authentication.resolver import LookupFailed, NoName, Resolver
from tests.smtp.authentication.nameserver import SERVFAIL, NameServer, serving, text


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def new(server: NameServer, clock: Clock) -> Resolver:
    return Resolver(Dns.model_validate({"servers": [server.address]}), 5, clock)


async def asked_after(zone: dict[str, list[str]], ttl: int, name: str, seconds: float) -> int:
    """How often a name is asked for, in two look-ups so many seconds apart."""
    clock = Clock()
    async with serving(zone) as server:
        server.ttl = ttl
        resolver = new(server, clock)
        for _ in range(2):
            try:
                await resolver.txt(name)
            except LookupFailed:
                assert SERVFAIL in zone[name]
            clock.now += seconds
        return len(server.asked)


# Time to live, what is asked, how long after the first time, whether DNS is asked again.
REMEMBERED = [
    (60, "here.example", 59, False),
    (60, "here.example", 60, True),
    (0, "here.example", 0, True),
    (86_400, "here.example", module.LONGEST - 1, False),
    (86_400, "here.example", module.LONGEST, True),
    (60, "gone.example", module.LONGEST_NOTHING - 1, False),
    (60, "gone.example", module.LONGEST_NOTHING, True),
    (60, "empty.example", module.LONGEST_NOTHING - 1, False),
    (60, "empty.example", module.LONGEST_NOTHING, True),
    (60, "broken.example", module.FAILURE - 1, False),
    (60, "broken.example", module.FAILURE, True),
]


@pytest.mark.parametrize(("ttl", "name", "seconds", "again"), REMEMBERED)
async def test_remembered(ttl: int, name: str, seconds: float, again: bool) -> None:
    zone = {"here.example": [text("x")], "empty.example": ["A 192.0.2.1"], "broken.example": [SERVFAIL]}
    once = await asked_after(zone, ttl, name, 10_000) / 2
    assert await asked_after(zone, ttl, name, seconds) == (2 * once if again else once)


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that was not asked for longest is forgotten first."""
    monkeypatch.setattr(module, "MAX_ANSWERS", 3)
    async with serving({f"{n}.example": [text(str(n))] for n in range(5)}) as server:
        resolver = new(server, Clock())
        for number in (0, 1, 2, 0, 3, 0, 1):
            assert await resolver.txt(f"{number}.example") == (str(number).encode(),)
        assert server.asked == [f"{n}.example TXT" for n in (0, 1, 2, 3, 1)]


async def test_records() -> None:
    zone = {
        "t.example": ['TXT "a" "b" "c"', r'TXT "\255\000"'],
        "a.example": ["A 192.0.2.1", "AAAA 2001:db8::1"],
        "m.example": ["MX 20 b.example.", "MX 10 a.example."],
        "null.example": ["MX 0 ."],
        "1.2.0.192.in-addr.arpa": ["PTR host.example."],
        "alias.example": ["CNAME t.example."],
    }
    async with serving(zone) as server:
        resolver = new(server, Clock())
        assert set(await resolver.txt("T.Example.")) == {b"abc", b"\xff\0"}
        assert set(await resolver.txt("alias.example")) == {b"abc", b"\xff\0"}
        (four,), (six,) = await resolver.addresses("a.example", 4), await resolver.addresses("a.example", 6)
        assert (str(four), str(six)) == ("192.0.2.1", "2001:db8::1")
        assert await resolver.exchangers("m.example") == ("a.example", "b.example")
        assert await resolver.exchangers("null.example") == ("",)
        assert await resolver.names(four) == ("host.example",)


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "x" * 64 + ".example", "a." * 130, "ü.example", "a.\udcff"]
)
async def test_what_cannot_be_a_name(name: str) -> None:
    async with serving() as server:
        try:
            assert await new(server, Clock()).txt(name) == ()
        except NoName:
            assert server.asked == []
