"""The optional set `safesport/*`: coaches and minor athletes (U.S. Center for SafeSport, MAAPP).

The Minor Athlete Abuse Prevention Policies ask for electronic communication that is open and transparent. The
set is off until the district turns it on (`policy.safesport.enabled`, or rule by rule).

Whom it covers. *Adult participants* are the leaders of a team in season (kind `team`; advisors of clubs are
not in sport). *Minor athletes* are the enrolled students on such a team; the roster has no dates of birth, so
every one of them counts as a minor. A coach's own children are not contacted as athletes.

- `contact`: whom a message contacts as an athlete, and which second adults take part
- `copies`: `one-to-one`, `reply`, `team`: messages without a second adult
- `wishes`: `opt-out`: families that asked not to be written to
- `hours`: `quiet-hours`: messages in the evening and at night
- `draft`: what all findings of the set say alike

An emergency that the subject declares (`[EMERGENCY]`) makes every finding of the set a notice.
"""

from gateway.policy.rules.safesport.copies import ONE_TO_ONE, REPLY, TEAM
from gateway.policy.rules.safesport.hours import QUIET_HOURS
from gateway.policy.rules.safesport.wishes import OPT_OUT

__all__ = ["ONE_TO_ONE", "OPT_OUT", "QUIET_HOURS", "REPLY", "TEAM"]
