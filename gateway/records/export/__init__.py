"""Exports: messages of the archive in files that others can read, in a BagIt bag, with a certificate and proofs.

choosing     which messages: what a query finds, less what is left out
bates        numbers, without a gap over all exports
plan         what is to be made, fixed before anything is written
run          the making of it: chunks by several processes, the bag, its name at the end
chunk        some hundred messages at once; `task`, `rows`, `cells`, `mboxrd` and `prover` are its parts
payload      files of the bag, hashed while they are written
certificate  what was asked, found and left out
bag          BagIt
acts         what the archive keeps of it, and the access log

The script that checks a bag without the gateway is gateway/records/proof/verify.py. docs/exporting.md is for people.
"""
