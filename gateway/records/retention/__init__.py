"""How long a message is kept: a schedule of series, and what follows from it today.

    periods    "7 years", counted by the calendar
    triggers   from which day a period runs, and which mail it has ended for
    schedule   the series: whom each covers, from when, how long at least and at most, by which authority
    reading    a schedule from its file
    standing   what a schedule says of one message today
    eligible   the same as a question to the search engine
    leaving    when students left, by the rosters that were kept
    finding    everything that may be disposed of today
    counting   how many messages of each series there are, and how they stand
    telling    the sentences that explain it
    labels     the names that people give to messages, and the act that does

What a series covers is a query of the search language, asked anew whenever it matters and written down nowhere: a
schedule that was changed holds at once for all mail. A period runs from the gateway's own time of receipt, or from what
the series names; never from a date that a sender wrote. The page for readers is docs/retention.md.
"""
