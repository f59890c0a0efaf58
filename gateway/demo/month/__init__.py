"""A generated month of the demo district's mail, with labels: what `mailgw policy measure` judges.

- `town` is the demo district with namesakes, seasons that end within the month, exemptions
- `desk` writes one message with its label; the scenarios are in `everyday`, `accounts`, `names`, `parents`,
  `teams`, `forgery` and `split`, and `scenes` says how often each is met
- `plan` lays them out over the days; `judging` puts a day before the engine; `score` compares and sums up

Labels come from how a message was made: a scenario knows who wrote, from which account, to whom, and what the
policy says to that. They are never taken from the engine.
"""
