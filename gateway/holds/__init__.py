"""Held messages: what may be decided about one, what the clock decides, and what a reviewer is shown.

Pure: the catalog's holds and the settings come in, documents for the archive go out. Nothing here does I/O.
"""
