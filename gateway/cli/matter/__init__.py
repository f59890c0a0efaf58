"""`mailgw matter`: legal matters and the mail that is kept for them. A command is a module here; `app` gathers them.

opening    a matter is opened
placing    a hold is placed
asked      what it is to cover, read from the command line
ending     a hold is lifted, a matter closed
showing    which there are, and all that happened in one
told       matters and holds as lines and objects
known      the matters of the catalog; an act recorded, and what holds after it
covered    how much a hold covers now
"""

from __future__ import annotations

import typer

from gateway.cli.matter import ending, opening, placing, showing
from gateway.cli.searching.typed import QueryCommand

app = typer.Typer(
    help="Legal matters: mail that is kept from being disposed of until a hold is lifted.",
    epilog="A hold is asked again whenever it matters: mail that arrives later and matches is held too. `hold:NAME` "
    "in a search finds what is held. Mail that a rule holds back before delivery is something else: `mailgw hold`.",
)
app.command("open")(opening.open_matter)
app.command("hold", cls=QueryCommand)(placing.hold)
app.command()(ending.lift)
app.command()(ending.close)
app.command("list")(showing.list_matters)
app.command()(showing.show)
