"""The composition root: which processes run, and how their parts are wired."""
