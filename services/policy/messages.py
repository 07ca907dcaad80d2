"""Messages: may this one write to that one, and is he a stranger there?

As for calls (rules.py) three things can come out: admitted; refused, which is the sender's own fault and is
said at once: to oneself, or more than the budgets allow (budget.py); unheard, which hangs on the receiver.
Where either blocks the other, or the sender belongs to none of the receiver's audiences, the message looks
sent and is never delivered.

**Whom one writes to may answer**, whatever one's audiences are: somebody who writes and hears nothing would
have to guess that his own setting keeps the answer away. Only a block ends that.

A **stranger** is whom the receiver neither has as a contact nor follows nor has ever written to. That hangs
on the graph alone, so an unheard message has the same answer as a delivered one, but for the outcome, and
costs the same statements: the sender learns nothing from either.

For the same reason the budget of new strangers goes by what the sender can see anyhow: whether the receiver
has written to him, and whether he may see the receiver's presence. Would it go by the graph alone, then
somebody whom a contact blocks could use his budget up, write to that contact, and see that it does not count:
still a contact, so the presence that went away is a block.
"""

from typing import NamedTuple

from ringline.v1 import directory_pb2, policy_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy.callee import welcome_as
from services.policy.rules import shows_presence

DEFAULT_AUDIENCES = frozenset({Audience.AUDIENCE_EVERYONE})
"""Of a user who never chose: strangers arrive as requests, without a sound."""


class Standing(NamedTuple):
    """What policy itself knows about a sender and a receiver."""

    audiences: frozenset[Audience.ValueType]
    """Who may write to the receiver."""
    blocked: bool
    """The receiver blocks the sender."""
    blocking: bool
    """The sender blocks the receiver."""


class Verdict(NamedTuple):
    """What becomes of a message that the sender's budgets allow."""

    outcome: policy_pb2.Outcome.ValueType
    stranger: bool
    """The sender is a stranger to the receiver: the thread goes to the requests."""
    is_new: bool
    """The message counts against the sender's budget of new strangers."""


def decide(pair: directory_pb2.PairAnswer, standing: Standing, is_first: bool) -> Verdict:
    """The verdict on a message from the user of the pair to the other; `is_first` of his to the other."""
    edges = pair.other_to_user
    is_blocked = standing.blocked or standing.blocking
    is_welcome = edges.messaged or welcome_as(standing.audiences, edges, pair.user.profile.verified)
    is_heard = is_welcome and not is_blocked
    return Verdict(
        outcome=policy_pb2.OUTCOME_ADMITTED if is_heard else policy_pb2.OUTCOME_UNHEARD,
        stranger=not (edges.contact or edges.follows or edges.messaged),
        is_new=is_first and not edges.messaged and not shows_presence(edges, is_blocked),
    )
