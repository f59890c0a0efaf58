"""Proving that archive, ledger and catalog are what they were: `mailgw verify`.

The archive is read in pieces, by several processes (`pieces.py`); what they find is compared in sequence with the
ledger (`attested.py`), whose own files are checked as well (`checkpoints.py`); the catalog is compared on the way.
`run.py` puts it together.
"""
