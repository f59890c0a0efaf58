"""Notices: mail to people about findings and held messages.

    audience    who is told, and who is not: nobody is told about themselves
    plan        what is to be told now, by the catalog
    held        what of it is about held messages: one letter for a message, and one for very many
    desk        what both are planned from
    told        what a letter says, as facts
    letters     the letter: plain text and HTML, from templates
    record      the letter as a record of the archive
    wording     names, times and the texts of others in a form that may stand in a letter

Pure but for the reading of the catalog in `plan` and `held`. Whoever calls it archives the records; from there they
are mail in the outbox, and the catalog knows what has been told.
"""
