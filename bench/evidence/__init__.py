"""What proving costs: building the ledger, proofs, and verifying an archive."""
