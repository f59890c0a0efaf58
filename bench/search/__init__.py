"""Search beside notmuch: the same mail in the gateway's archive and in a Maildir, indexed and asked alike."""
