"""Destroying mail lawfully: from what is eligible to a certificate, with a tombstone where each entry was.

`batch.py` tells what a batch is, out of the acts of people; `choosing.py` what may be in one; `executing.py` destroys;
`certificate.py` says what was destroyed, when and by whose permission. M.G.L. c.66 §8: nothing without the permission
of the Supervisor of Records; so a batch goes from one person's hands to another's, and no clock ever executes one.
"""
