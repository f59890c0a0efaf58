"""Old mail, from files, into the archive: never through the mail path, and never judged.

`sources` finds messages in mbox files, Maildirs, folders of .eml files and zips of those; `claimed` reads the dates
that a message bears; `record` is what the archive keeps of one; `known` tells what the archive has already; `reading`
reads files in several threads; `importer` archives what is new and says what became of each message.
"""
