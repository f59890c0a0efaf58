"""Who is who: people, their roles, addresses, groups and families, imported from the district's roster.

`importer.read_roster` makes a `snapshot.Directory` of the files; `reload.Watched` keeps the current one;
`coverage.coverage` says what it cannot answer. On the way, each module does one thing:

    source    the files in a folder or zip      csvfile   tolerant rows       columns  names of columns
    people    users, roles, guardians           classes   schools, classes    cells    status, dates, ids
    accounts  further addresses, forms          groups    teams and clubs     roles    words for roles
    draft     what has been read so far         join      one human, two ids  build    draft to snapshot

The registry of personal addresses (M.G.L. c.4 §7 cl.26(o)) leaves the process nowhere: no `repr`, no
problem and no error of this package quotes an address, and nothing here logs.
"""
