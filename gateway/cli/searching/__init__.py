"""`mailgw search`: questions to the search index, and answers that say how complete they are.

command    the order of things
options    the options, and which go together
typed      a query as a person typed it, before the shell took its quotes
question   words, a saved search or both as one query
saving     searches kept by name
roster     who is meant by `person:`
matters    what is held for `hold:`
asking     index, catalog and archive made one answer, or page after page
alike      messages that say nearly the same as one
unread     the parts that nobody could read
answers    which of those, in which form
shown      lines for a terminal, objects, CSV, charts
excerpts   the piece of a message that shows what was found
"""
