"""Legal matters, and the holds that keep mail for them from being disposed of.

A hold is a question of the search language, kept as text, and a list of single messages. It has no list of hits: it is
asked again whenever it matters, so mail that arrives later and matches is held too. Matters are made of their acts in
the archive (`message.events`) and nothing else.

    acts       what is written when a matter is opened or closed, a hold placed or lifted
    model      acts to matters: a pure fold
    covering   what a hold is to cover, as people say it, made text; and read back
    standing   which messages are held, for whoever is about to dispose of some
    figures    how much a hold covers now

What a rule holds back before delivery is something else: `gateway.holds`.
"""

from gateway.records.matters.model import Hold, Matter, Step, matters, named, read_matters
from gateway.records.matters.standing import CatalogBehind, held, is_held

__all__ = ["CatalogBehind", "Hold", "Matter", "Step", "held", "is_held", "matters", "named", "read_matters"]
