"""Whether a message comes from the domain that its author's address names: SPF, DKIM and DMARC.

`authenticate.Authenticator.authenticate` is the door. It asks:

- `results`: what a listed upstream found out already (`Authentication-Results`, RFC 8601); where it did, nothing
  else is asked
- `spf`: whether the client may send for the domain of MAIL FROM (RFC 7208)
- `dkim`: whether a signature of the message holds, and of which domain (RFC 6376, 8301, 8463)
- `dmarc`: whether that domain is the author's own, and what the author's domain publishes (RFC 7489)

All of them ask DNS through `resolver`, which remembers answers. None decides what happens to the message: what they
find is kept with the record, and the rules accuse nobody where it may be a forgery.

SPF and DKIM are our own code, because the libraries hold up the whole worker: pyspf looks up synchronously, and
dkimpy's patterns take quadratic time on lines of blanks, so that one hostile message would stop all mail for minutes.
"""
