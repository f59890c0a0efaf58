"""Full-text search: one query language, one syntax tree, and engines that answer it.

    query/      the language: text to a tree (`tree`), with errors that point at the character
    document    what an engine knows of one message
    engine      what every engine can do; `tantivy` does it embedded
    generations where an index is, and how a new one takes its place
    saved       searches that people keep by name

The index is a projection: the archive and the catalog make it anew at any time.
"""
