"""The indexer: follows the archive's sequence and keeps the catalog.

`projection` makes rows of one entry; `batch` takes entries from the archive into the catalog; `follower`
keeps a catalog current; `rebuild` makes a new one; `process` is the process that does it all day.
`entries` says what the archive must offer.
"""
