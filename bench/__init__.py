"""The bench: the gateway beside its peers on one machine, in turns (`make bench`; see bench/README.md)."""
