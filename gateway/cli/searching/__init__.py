"""`mailgw search`: questions to the search index, and answers that say how complete they are.

command    the options, and the order of things
typed      a query as a person typed it, before the shell took its quotes
roster     who is meant by `person:`
asking     index, catalog and archive made one answer
shown      lines for a terminal, objects, CSV, charts
excerpts   the piece of a message that shows what was found
"""
