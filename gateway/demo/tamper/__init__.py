"""`mailgw demo tamper`: what can be done to an archive behind the gateway's back, and what `mailgw verify` says of it.

`original.py` makes a small archive with its ledger, `forgeries.py` has what somebody does to a copy, `steps.py` does it
and looks, `telling.py` tells it. Nothing needs to run, and nothing outside of one folder is touched.
"""
