"""The catalog: messages, people in them, findings and outcomes, in SQL.

A projection of the archive. Everything in it can be dropped and built again by `mailgw reindex`.
`queries` and `facts` answer questions; `store` writes;
`files` keeps the SQLite files and swaps a rebuilt one in, `reader` opens them to read, `sqlite` is the
only place that speaks SQLite.
"""
