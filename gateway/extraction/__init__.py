"""Text of attachments, read in a child process that can do no harm.

Promises: `Extractor.extract` never raises on any content and always gives at least one result; what the
content does to its reader (endless loops, crashes, any amount of memory) costs the time and memory of
`Settings`, and nothing else. What was not read says so: see `Status`.

Nothing is imported here: the child imports modules of this package, and starts the faster for it.
"""
