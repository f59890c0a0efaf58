"""One module for each family of formats.

`read` puts the text of the part itself into the sink; `children` gives what is in it. Both may raise anything:
`walk.py` makes a status of it.
"""
