"""`mailgw export`: messages in files that others can read.

command    the options, and what is told
releasing  what is asked of index, catalog, roster and ledger, and recorded in the archive
"""
