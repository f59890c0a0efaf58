"""Rules over a message and a directory: who wrote to whom through which account.

Pure: no I/O, no clock, no randomness. `engine.Engine.judge` is the door; `model` holds what goes in and
comes out. The way of a judgement:

- `engine` decides whether the message is judged at all, and on which day it counts
- `identify` says who wrote it, and on which step of the ladder that knowledge stands
- `rules.table` lists the rules; each is a function from a `context.Context` to drafts of findings
- `audience` says whom it reaches, `groups` which groups it reaches whole and who answers for them,
  `capacity` as what somebody writes or reads (parent, teacher, colleague), `declaration` what the
  sender declared, `exemptions` whom a rule leaves alone
- `wording` turns all this into sentences for people
"""
