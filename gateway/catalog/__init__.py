"""The catalog: messages, people in them, findings and outcomes, in SQL.

A projection of the archive. Everything in it can be dropped and built again by `mailgw reindex`.
`grammar` reads a query, `conditions` turns it into SQL, `queries` answers it; `store` writes;
`files` keeps the SQLite files and swaps a rebuilt one in, `reader` opens them to read, `sqlite` is the
only place that speaks SQLite.
"""
