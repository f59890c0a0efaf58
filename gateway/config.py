"""Settings: `config/gateway.toml` as frozen, validated models.

Promises: a configuration is taken whole or not at all; every mistake is reported at once, each with
file, key and what was expected; secrets never stand in the file (they come from files that it names);
a configuration that would make an open relay is refused by name.

Fails with `ConfigError`, whose text is meant for the person who edits the file.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """The configuration cannot be used; the text names file, key and what was expected."""


# --- scalars -----------------------------------------------------------------------------------

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.IGNORECASE)
_UNITS = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip


def _size(value: object) -> object:
    """Bytes from `52428800` or from `"50 MiB"`."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError('expected bytes as a number or a size such as "50 MiB"')
    return int(float(match[1]) * _UNITS[(match[2] or "B").lower()])


def _domain(value: str) -> str:
    """A domain name in lower-case A-label form."""
    name = value.strip().rstrip(".").lower()
    try:
        ascii_name = name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"expected a domain name, got {value!r}: {error}") from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", ascii_name):
        raise ValueError(f"expected a domain name, got {value!r}")
    return ascii_name


def _route_domain(value: str) -> str:
    return "*" if value.strip() == "*" else _domain(value)


def _time_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f'expected an IANA time zone such as "America/New_York", got {value!r}')
    return value


class HostPort(BaseModel):
    """A host (name, IPv4 or IPv6 address) and a TCP port."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host_port(value: object) -> object:
    """`host:port`, `1.2.3.4:25`, `[::1]:25`."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]:(\d{1,5})|([^:\[\]\s]+):(\d{1,5})", value.strip())
    if match is None:
        raise ValueError(f'expected "host:port" or "[IPv6]:port", got {value!r}')
    return {"host": match[1] or match[3], "port": int(match[2] or match[4])}


def _mail_address(value: str) -> str:
    """An address as people write it, its domain in lower-case A-labels."""
    try:
        # A district may live in a domain of its own network only; whether it accepts mail shows when mail is sent.
        found = validate_email(value.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(f"expected an e-mail address, got {value!r}: {error}") from None
    return f"{found.local_part}@{found.ascii_domain.lower()}"


Size = Annotated[int, BeforeValidator(_size), Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
Domain = Annotated[str, AfterValidator(_domain)]
RouteDomain = Annotated[str, AfterValidator(_route_domain)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Address = Annotated[HostPort, BeforeValidator(_host_port)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Section(BaseModel):
    """Every section: frozen, and an unknown key is an error rather than a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


# --- sections ----------------------------------------------------------------------------------


class District(Section):
    """Whose mail this is."""

    name: str = Field(description="Name of the district, shown to people.")
    domains: tuple[Domain, ...] = Field(
        min_length=1, description="The district's mail domains; their subdomains count as well."
    )
    time_zone: TimeZone = Field("America/New_York", description="IANA time zone of the district.")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @model_validator(mode="after")
    def _no_bare_suffix(self) -> District:
        for domain in self.domains:
            if "." not in domain:
                raise ValueError(
                    f"domains: {domain!r} is a top-level name; with its subdomains it would make an open relay"
                )
        return self


class Storage(Section):
    """Where everything is kept."""

    path: Path = Field(Path("/var/lib/mailgw"), description="Folder of archive, catalog and run-time files.")
    min_free: Size = Field(
        2**30, description="Free disk space below which new mail is deferred with 452 4.3.1."
    )

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    @property
    def catalog(self) -> Path:
        return self.path / "catalog"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def search(self) -> Path:
        """The search index."""
        return self.path / "search"

    @property
    def searches(self) -> Path:
        """The searches that people keep by name."""
        return self.path / "searches"

    @property
    def exports(self) -> Path:
        """The register of the numbers that exports gave."""
        return self.path / "exports"

    @property
    def ledger(self) -> Path:
        """The Merkle tree over the archive, and its signed checkpoints."""
        return self.path / "ledger"

    @property
    def ledger_public(self) -> Path:
        """Checkpoints and public keys, as they are handed out under /ledger/."""
        return self.ledger / "public"

    @property
    def rosters(self) -> Path:
        """The directories that were in use, by day."""
        return self.path / "rosters"

    @property
    def log_key(self) -> Path:
        """The key of the hashes that stand for addresses in the log."""
        return self.path / "log.key"


class Role(StrEnum):
    """What a listener is for (design: "Listeners have a role")."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    JOURNAL = "journal"


class TlsMode(StrEnum):
    OFF = "off"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"


class Listener(Section):
    """An address on which SMTP is spoken, and for whom."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$", description="Short name; a metrics label.")
    role: Role = Field(
        description="inbound: from anywhere, only to district domains. outbound: only from `networks` or "
        "authenticated clients, to anywhere. journal: only from `networks`, archives and relays nothing."
    )
    bind: tuple[Address, ...] = Field(
        min_length=1, description='Addresses, such as "0.0.0.0:25" or "[::]:25".'
    )
    networks: tuple[IPNetwork, ...] = Field(
        (), description="outbound, journal: networks whose clients may send without signing in."
    )
    tls: TlsMode = Field(TlsMode.OFF, description="STARTTLS to clients; needs `[tls]` unless off.")
    auth: bool = Field(False, description="outbound: offer AUTH PLAIN and LOGIN under TLS; needs `[auth]`.")
    proxy_protocol: bool = Field(
        False, description="Expect a PROXY protocol header (v1 or v2) on each connection."
    )
    proxy_networks: tuple[IPNetwork, ...] = Field(
        (), description="Load balancers whose PROXY header is believed; others are disconnected."
    )
    strict_networks: tuple[IPNetwork, ...] = Field(
        (), description="Clients from whom every bare CR or LF is refused (550 5.6.11) instead of mended."
    )


class Route(Section):
    """The next hop for recipient domains."""

    domains: tuple[RouteDomain, ...] = Field(
        min_length=1, description='Recipient domains with their subdomains; "*" is every other domain.'
    )
    next_hop: Literal["mx"] | tuple[Address, ...] = Field(
        description='"mx", or hosts as "host:port", tried in order.'
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(25, description='Port for next_hop = "mx".')
    tls: TlsMode = Field(
        TlsMode.OPPORTUNISTIC,
        description="STARTTLS to the next hop. required: a verified certificate, else mail is deferred.",
    )
    ca_file: Path | None = Field(None, description="CA certificates to verify with; default: the system's.")
    xclient: bool = Field(
        True, description="Tell the next hop the real client by XCLIENT where it offers it."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_next_hop(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("next_hop"), str) and data["next_hop"] != "mx":
            return {**data, "next_hop": [data["next_hop"]]}
        return data

    @model_validator(mode="after")
    def _some_next_hop(self) -> Route:
        if not self.next_hop:
            raise ValueError("next_hop: expected at least one host")
        return self

    @property
    def name(self) -> str:
        """A short name for logs and metrics: the first domain."""
        return self.domains[0]


class Tls(Section):
    """The gateway's certificate."""

    certificate: Path = Field(description="PEM file: certificate and chain.")
    key: Path = Field(description="PEM file: private key, readable by the gateway only.")


class Auth(Section):
    """Who may sign in on outbound listeners."""

    users_file: Path = Field(description="Lines `name:hash`; a hash is made by `mailgw hash-password`.")


class Dns(Section):
    """The resolver for MX routes and for the authentication of authors."""

    servers: tuple[Address, ...] = Field((), description="DNS servers; empty: the system's.")
    timeout: Seconds = Field(10.0, description="Seconds for one look-up with its retries.")


class Limits(Section):
    """Bounds; each has a soft or hard refusal of its own."""

    message_size: Size = Field(50 * 2**20, ge=1, description="Largest message; 552 5.3.4 beyond.")
    connections: Annotated[int, Field(ge=1)] = Field(
        1000, description="Connections in each worker; 421 beyond."
    )
    connections_per_address: Annotated[int, Field(ge=1)] = Field(
        100, description="Connections of one client address in each worker; 421 beyond."
    )
    recipients: Annotated[int, Field(ge=100)] = Field(
        1000, description="Recipients of a transaction; 452 beyond."
    )
    commands: Annotated[int, Field(ge=10)] = Field(
        10_000, description="Commands in one connection; 421 beyond."
    )
    errors: Annotated[int, Field(ge=1)] = Field(
        20, description="Refused commands in one connection; 421 beyond."
    )
    command_line: Annotated[int, Field(ge=512)] = Field(
        8192, description="Octets in a command line (RFC 5321 §4.5.3.1.4 asks for 512 and more); 500 beyond."
    )
    line_length: Size = Field(
        2**20, ge=1, description="Octets in one line of a message; 550 5.6.0 beyond (RFC 5321 allows 998)."
    )
    in_flight: Size = Field(
        256 * 2**20,
        description="Message bytes held at once in each worker; 452 4.3.1 beyond. Memory may reach twice as much.",
    )
    hops: Annotated[int, Field(ge=5)] = Field(
        50, description="Received: lines beyond which mail loops; 554 5.4.6."
    )
    upstream_connections: Annotated[int, Field(ge=1)] = Field(
        500, description="Connections to one next hop in each worker; 451 4.4.5 beyond."
    )
    upstream_idle: Annotated[int, Field(ge=0)] = Field(
        20, description="Idle connections kept to each next hop."
    )


class Timeouts(Section):
    """Seconds each phase may take."""

    command: Seconds = Field(300.0, description="Waiting for a client's command (RFC 5321 §4.5.3.2.7).")
    data: Seconds = Field(180.0, description="Waiting for the next block of a message (RFC 5321 §4.5.3.2.5).")
    connect: Seconds = Field(20.0, description="Connecting to one next hop, its greeting and TLS included.")
    reply: Seconds = Field(60.0, description="Waiting for the next hop's reply to MAIL, RCPT or DATA.")
    commit: Seconds = Field(
        100.0,
        description="Everything after the final dot; then 451 and the next hop's transaction is dropped.",
    )
    upstream_idle: Seconds = Field(30.0, description="Idle connections to a next hop are closed after this.")
    drain: Seconds = Field(30.0, description="On SIGTERM, time for running transactions to end.")


class ArchiveSettings(Section):
    """The embedded archive."""

    compression_level: Annotated[int, Field(ge=-7, le=19)] = Field(
        1, description="zstd level of stored messages; 0 stores them as they are."
    )
    compact: bool = Field(
        True, description="Write each month's volume anew, much smaller, some hours after its end."
    )


class EncryptionSettings(Section):
    """Encryption of the archive at rest (docs/encryption.md). Whoever loses the master key loses the mail."""

    enabled: bool = Field(
        False,
        description="Encrypt new volumes. Those that are encrypted are read whatever this says, as long as a master "
        "key is named.",
    )
    key_file: Path | None = Field(
        None,
        description="The master key, from a file that only the service's user may read; best not on the archive's "
        "disk. `mailgw encryption new-key` makes it.",
    )
    key_variable: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = Field(
        "", description="Instead of `key_file`: the environment variable that holds the master key."
    )
    key_command: tuple[str, ...] = Field(
        (),
        description="Instead of `key_file`: a command with its arguments that prints the master key; no shell.",
    )
    key_timeout: Seconds = Field(
        10.0, description="Seconds that `key_command` may take; mail may wait for it at the turn of a month."
    )

    @model_validator(mode="after")
    def _one_master_key(self) -> EncryptionSettings:
        named = [
            name
            for name in ("key_file", "key_variable", "key_command")
            if getattr(self, name) not in (None, "", ())
        ]
        if len(named) > 1:
            raise ValueError(f"expected one of {' and '.join(named)}, not several")
        if self.enabled and not named:
            raise ValueError(
                "enabled: expected key_file, key_variable or key_command; nothing is encrypted without a master key"
            )
        return self


class LedgerSettings(Section):
    """What makes the archive provable: signed checkpoints of the tree over all its entries."""

    origin: Annotated[str, Field(pattern=r"^[^\s+]*$")] = Field(
        "",
        description="Name of the tree in its checkpoints; default: the first domain of the district and `/mail`. "
        "Never to be changed.",
    )
    key_file: Path | None = Field(
        None, description="PEM file of the key that signs; default: `ledger/key.pem` in `storage.path`."
    )
    interval: Seconds = Field(600.0, description="Seconds between checkpoints, where there is anything new.")
    entries: Annotated[int, Field(ge=1)] = Field(
        10_000, description="New entries that are signed before `interval` is over."
    )
    publish: tuple[Path, ...] = Field(
        (),
        description="Folders that the newest checkpoint, and the first of each day, are copied to: best on a "
        "machine that the gateway's administrators do not control.",
    )
    witnesses: tuple[MailAddress, ...] = Field(
        (), description="Addresses that get the first checkpoint of each day by mail; it names nobody."
    )
    timestamp_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "", description="A time stamping authority (RFC 3161), asked once a day; none: not asked."
    )
    timestamp_roots: Path | None = Field(
        None, description="PEM file of that authority's root certificates; needed with `timestamp_url`."
    )


class SearchSettings(Section):
    """The search index."""

    ocr: bool = Field(True, description="Read scanned pages and pictures, where tesseract is installed.")


class RetentionSettings(Section):
    """How long mail is kept (docs/retention.md). Nothing is destroyed by a schedule: disposal has to be permitted."""

    schedule: Path = Field(
        Path("retention.toml"),
        description="The retention schedule: series with their periods and authorities.",
    )


class DirectorySettings(Section):
    """The roster."""

    path: Path | None = Field(
        None, description="OneRoster folder or zip, with the four extra files; none: empty."
    )
    max_shrink: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="Share of people that a new roster may drop before it is refused as truncated."
    )
    poll: Seconds = Field(60.0, description="Seconds between looks at the files for a change.")


class TrustedResults(Section):
    """A mail server in front of the gateway whose finding on the author's authentication is taken."""

    authserv_id: str = Field(
        min_length=1,
        pattern=r"^[^\s;()]+$",
        description="Name at the start of its Authentication-Results: lines. It must remove lines that others "
        "wrote in this name (RFC 8601 §5).",
    )
    networks: tuple[IPNetwork, ...] = Field(
        min_length=1, description="Networks of its hosts; the lines of other clients are not looked at."
    )


class AuthenticationSettings(Section):
    """Whether the author of a message is who the address says: SPF, DKIM and DMARC, on inbound listeners."""

    check: Literal["never", "findings", "always"] = Field(
        "findings",
        description="findings: where a rule finds something, or the author's address is the district's own; "
        "other mail asks DNS nothing.",
    )
    timeout: Seconds = Field(
        5.0, description="Seconds for all look-ups of a message; then what is not known stays undecided."
    )
    trusted: tuple[TrustedResults, ...] = Field((), description="Mail servers in front of the gateway.")


class Severity(StrEnum):
    VIOLATION = "violation"
    ADVISORY = "advisory"
    NOTICE = "notice"


class Action(StrEnum):
    """What is done about a finding, weakest first."""

    RECORD = "record"
    TAG = "tag"
    NOTIFY = "notify"
    HOLD = "hold"
    REJECT = "reject"


class Exemption(Section):
    """Who a rule leaves alone, why, and until when (a public record itself)."""

    people: tuple[str, ...] = Field((), description="sourcedId or district address of people.")
    groups: tuple[str, ...] = Field((), description="group_id of groups.")
    addresses: tuple[str, ...] = Field((), description="E-mail addresses.")
    domains: tuple[Domain, ...] = Field((), description="Domains with their subdomains.")
    reason: str = Field(min_length=3, description="Why; shown to whoever asks.")
    expires: date = Field(description="Last day, YYYY-MM-DD.")


class RuleSettings(Section):
    """One rule, as `[policy.rules."coach/one-to-one"]`."""

    enabled: bool | None = Field(
        None, description="Whether the rule is applied; unset: as docs/policy.md has it."
    )
    severity: Severity | None = Field(None, description="Instead of the rule's own severity.")
    action: Action = Field(
        Action.RECORD,
        description="record; tag: a header line says it; notify: `notices` tells people; hold: the message waits for "
        "a reviewer, who is told; reject: refused, and reviewers are told.",
    )
    exemptions: tuple[Exemption, ...] = Field((), description="Who is left alone.")


class Administrators(Section):
    """Who answers for groups of one kind that name no administrator of their own."""

    people: tuple[str, ...] = Field(
        (), description="sourcedId or district address; e.g. the athletic director."
    )
    schools: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="By sourcedId or name of a school: who answers for its groups, instead of `people`; its "
        "principals too, unless `principals` is false.",
    )
    principals: bool = Field(True, description="The principal(s) of the group's school count too.")


def _time_of_day(value: object) -> object:
    """A time such as `08:00:00` or "08:00"; a bare number would be taken for seconds after midnight."""
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d(:\d\d)?", value):
        return value
    if isinstance(value, time) and value == value.replace(microsecond=0, tzinfo=None):
        return value
    raise ValueError(f'expected a time of day such as "08:00", got {value!r}')


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]


class SafeSport(Section):
    """The optional rules `safesport/*` on writing to minor athletes (U.S. Center for SafeSport, MAAPP)."""

    enabled: bool = Field(
        False, description="Apply them all; a rule's own `enabled` goes before this for that rule."
    )
    day_begins: TimeOfDay = Field(
        time(8), description="Minor athletes are written to from this time on, in the district's time zone."
    )
    day_ends: TimeOfDay = Field(time(20), description="And up to this time, later than `day_begins`.")

    @field_validator("day_ends")
    @classmethod
    def _after_it_begins(cls, day_ends: time, info: ValidationInfo) -> time:
        begins = info.data.get("day_begins")  # absent where it was wrong itself
        if begins is not None and day_ends <= begins:
            raise ValueError(f"expected a time later than day_begins ({begins:%H:%M}), got {day_ends:%H:%M}")
        return day_ends


class Policy(Section):
    """Rules and their settings (policy.md)."""

    require_administrators: Literal["any", "all"] = Field(
        "any", description="Whether any or all of a group's administrators must be copied."
    )
    fallback_administrators: dict[Literal["team", "club", "class", "organization"], Administrators] = Field(
        default_factory=dict, description="By kind of group; where a group names no administrator."
    )
    settle_window: Annotated[float, Field(ge=1, le=86400)] = Field(
        600.0,
        description="Seconds within which transactions of one message are taken together, and after which a finding "
        "is told to people.",
    )
    rules: dict[str, RuleSettings] = Field(default_factory=dict, description="Settings by rule id.")
    safesport: SafeSport = SafeSport()

    def with_action(self, *actions: Action) -> tuple[str, ...]:
        """The rules that have one of some actions."""
        return tuple(rule for rule, chosen in self.rules.items() if chosen.action in actions)


class Notices(Section):
    """Mail to people about findings and held messages. It names people, so it stays within the district."""

    reviewers: tuple[MailAddress, ...] = Field(
        (), description="Who is told what the rules found; nobody is told about themselves."
    )
    schools: dict[str, Annotated[tuple[MailAddress, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Reviewers of one school, by its sourcedId or name, instead of `reviewers` for what concerns it.",
    )
    it: tuple[MailAddress, ...] = Field(
        (),
        description="Who is told of possible forgeries instead of `reviewers`; empty: they are.",
    )
    sender: MailAddress | None = Field(
        None,
        description="From: of notices; unset: mailgw@ the first district domain. Their envelope sender is empty.",
    )
    digest_at: TimeOfDay = Field(
        time(7),
        description="When the daily digest of everything but violations goes out, in the district's time zone.",
    )
    authors: bool = Field(
        False,
        description="Tell authors too, kindly, at their district address: of violations and advisories that are "
        "certain or strong, and of those that turned out to be in order.",
    )


class Hold(Section):
    """Messages that wait for a reviewer (action `hold`)."""

    limit: Seconds = Field(
        86400.0, description="Seconds after which a held message is released or escalated by itself."
    )
    then: Literal["release", "escalate"] = Field(
        "release",
        description="release: it goes on, and reviewers are told. escalate: `escalate_to` is told, again "
        "and again after each `limit`.",
    )
    escalate_to: tuple[MailAddress, ...] = Field(
        (), description="Who is told, for instance the superintendent."
    )


class OutboxSettings(Section):
    """Mail that the gateway itself delivers: released messages and notices."""

    first_retry: Seconds = Field(60.0, description="Seconds before the second attempt; doubled each time.")
    longest_retry: Seconds = Field(3600.0, description="Seconds between two attempts at most.")
    give_up: Seconds = Field(
        172800.0,
        description="Seconds after which a released message that cannot be delivered goes back to the "
        "reviewers, and a notice is dropped, with a line in the log.",
    )


class Telemetry(Section):
    """Logs and metrics."""

    bind: Address = Field(
        HostPort(host="127.0.0.1", port=9108), description="Address of /metrics, /healthz and /readyz."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    hash_addresses: bool = Field(
        True,
        description="Write addresses to the log as a keyed hash only; `mailgw hash-address` tells the hash of one.",
    )


class Processes(Section):
    """Which processes run."""

    smtp_workers: Annotated[int, Field(ge=0, le=256)] = Field(0, description="SMTP workers; 0: one a core.")

    @property
    def workers(self) -> int:
        return self.smtp_workers or len(os.sched_getaffinity(0))


class Config(Section):
    """The whole file."""

    hostname: Domain = Field(description="The gateway's own name in greetings and Received: lines.")
    district: District
    storage: Storage = Storage()
    processes: Processes = Processes()
    listener: tuple[Listener, ...] = Field(min_length=1)
    route: tuple[Route, ...] = ()
    tls: Tls | None = None
    auth: Auth | None = None
    dns: Dns = Dns()
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    archive: ArchiveSettings = ArchiveSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    ledger: LedgerSettings = LedgerSettings()
    search: SearchSettings = SearchSettings()
    retention: RetentionSettings = RetentionSettings()
    directory: DirectorySettings = DirectorySettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    policy: Policy = Policy()
    notices: Notices = Notices()
    hold: Hold = Hold()
    outbox: OutboxSettings = OutboxSettings()
    telemetry: Telemetry = Telemetry()

    @property
    def ledger_origin(self) -> str:
        """Whose tree it is, in checkpoints and in the names of keys."""
        return self.ledger.origin or f"{self.district.domains[0]}/mail"

    @property
    def ledger_key(self) -> Path:
        """The file of the key that signs checkpoints."""
        return self.ledger.key_file or self.storage.ledger / "key.pem"

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        problems = [
            *self._listener_problems(),
            *self._route_problems(),
            *self._time_problems(),
            *self._notice_problems(),
            *self._ledger_problems(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _listener_problems(self) -> list[str]:
        found = []
        names = [listener.name for listener in self.listener]
        for index, listener in enumerate(self.listener):
            key = f"listener[{index}] ({listener.name})"
            if names.count(listener.name) > 1:
                found.append(f"{key}.name: expected names that differ")
            if listener.tls != TlsMode.OFF and self.tls is None:
                found.append(f"{key}.tls: expected a [tls] section with certificate and key")
            for address in listener.bind:
                if address.port and sum(address in other.bind for other in self.listener) > 1:
                    found.append(
                        f"{key}.bind: {address} stands in another listener too; expected one role each"
                    )
            found += [f"{key}.{problem}" for problem in _access_problems(listener, self)]
        return found

    def _time_problems(self) -> list[str]:
        if self.authentication.check == "never" or self.authentication.timeout < self.timeouts.commit:
            return []
        return [
            f"authentication.timeout: expected less than timeouts.commit ({self.timeouts.commit:g} s), "
            "which it is a part of"
        ]

    def _ledger_problems(self) -> list[str]:
        if self.ledger.timestamp_url and self.ledger.timestamp_roots is None:
            return [
                "ledger.timestamp_roots: expected a PEM file, by which the authority's stamps are checked"
            ]
        return []

    def _notice_problems(self) -> list[str]:
        found = []
        telling = self.policy.with_action(Action.NOTIFY, Action.HOLD)
        if telling and not self.notices.reviewers:
            found.append(
                f"notices.reviewers: expected addresses, for {telling[0]} has an action that tells reviewers"
            )
        if self.hold.then == "escalate" and not self.hold.escalate_to:
            found.append('hold.escalate_to: expected addresses, for hold.then is "escalate"')
        people = (
            *self.notices.reviewers,
            *self.notices.it,
            *self.hold.escalate_to,
            *(each for school in self.notices.schools.values() for each in school),
        )
        # Also where a route leads elsewhere: notices name students.
        for address in dict.fromkeys(people):
            domain = address.rpartition("@")[2]
            if not any(in_domain(domain, own) for own in self.district.domains):
                found.append(
                    f"notices, hold: {address} is not in a domain of the district; notices name students"
                )
        return found

    def _route_problems(self) -> list[str]:
        seen: dict[str, int] = {}
        found = []
        for index, route in enumerate(self.route):
            for domain in route.domains:
                if domain in seen:
                    found.append(
                        f"route[{index}].domains: {domain!r} stands in route[{seen[domain]}] already"
                    )
                seen[domain] = index
        if any(listener.role != Role.JOURNAL for listener in self.listener):
            for domain in self.district.domains:
                if route_for(self, domain) is None:
                    found.append(f"route: expected a route for the district's domain {domain!r}")
        return found


def _access_problems(listener: Listener, config: Config) -> list[str]:
    """What would make an open relay, or a door without a lock, in one listener."""
    found = []
    if listener.role == Role.INBOUND and (listener.networks or listener.auth):
        found.append('networks/auth: an inbound listener takes mail from anywhere; use role = "outbound"')
    if listener.role != Role.INBOUND:
        for network in listener.networks:
            if network.prefixlen < (8 if network.version == 4 else 16):
                found.append(
                    f"networks: {network} is wide enough to make an open relay; name the district's own"
                )
        if not listener.networks and not listener.auth:
            found.append("networks: expected the networks (or auth = true) whose clients may send here")
    if listener.auth:
        if listener.role != Role.OUTBOUND:
            found.append("auth: only outbound listeners offer AUTH")
        if config.auth is None:
            found.append("auth: expected an [auth] section with users_file")
        if listener.tls == TlsMode.OFF:
            found.append('auth: expected tls = "opportunistic" or "required"; passwords need it')
    if listener.proxy_protocol and not listener.proxy_networks:
        found.append(
            "proxy_networks: expected the load balancers; a believed PROXY header makes an open relay"
        )
    for network in listener.proxy_networks:
        if network.prefixlen < (8 if network.version == 4 else 16):
            found.append(f"proxy_networks: {network} would believe anybody and make an open relay")
    return found


def in_domain(domain: str, parent: str) -> bool:
    """Whether `domain` is `parent` or a subdomain of it (both lower case, A-labels)."""
    return domain == parent or domain.endswith("." + parent)


def route_for(config: Config, domain: str) -> Route | None:
    """The route with the longest matching domain for a recipient's domain; "*" matches last."""
    best: tuple[int, Route] | None = None
    for route in config.route:
        for pattern in route.domains:
            length = 0 if pattern == "*" else len(pattern)
            if (pattern == "*" or in_domain(domain, pattern)) and (best is None or length > best[0]):
                best = (length, route)
    return best[1] if best else None


# --- loading -----------------------------------------------------------------------------------


def load(path: Path) -> Config:
    """Read and validate a configuration file; relative paths in it start from its folder.

    Raises ConfigError: unreadable, not TOML, or not valid; the text lists every problem.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        data = tomllib.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        config: Config = _absolute(Config.model_validate(data), path.parent.resolve())
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in _problems(error))) from None
    return config


def _problems(error: ValidationError) -> list[str]:
    lines: list[str] = []
    items = error.errors()
    for item in items:
        within = len(item["loc"])
        if item["type"] == "too_short" and any(
            len(other["loc"]) > within and other["loc"][:within] == item["loc"] for other in items
        ):
            continue  # the list is short only because of what is wrong in it, which is told
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]).lstrip(
            "."
        )
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown key"
        elif item["type"] == "missing":
            message = "missing; expected a value"
        elif item["type"] != "value_error":
            message += (
                f" (got {item['input']!r})" if isinstance(item["input"], str | int | float | bool) else ""
            )
        lines += [f"{key}: {part}" if key else part for part in message.split("\n")]
    return lines


def _absolute(value: Any, base: Path) -> Any:
    """The same settings with every relative path resolved against `base`."""
    if isinstance(value, Path):
        return value if value.is_absolute() else base / value
    if isinstance(value, BaseModel):
        changed = {name: _absolute(getattr(value, name), base) for name in type(value).model_fields}
        return value.model_copy(update=changed)
    if isinstance(value, tuple):
        return tuple(_absolute(item, base) for item in value)
    return value
