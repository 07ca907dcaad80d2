"""The one exception that is raised on purpose, and the one table that says what a reason means over HTTP.

A refusal is an outcome, not a fault: something was asked that is not so, and nothing was changed. It crosses
every hop (gRPC trailing metadata, items of a stream, client frames, RFC 9457 problems) and comes out the
same.
"""

from __future__ import annotations

from typing import NamedTuple

from ringline.v1 import reasons_pb2
from ringline.v1.reasons_pb2 import Reason


class Meaning(NamedTuple):
    """What a reason means to the outside."""

    status: int
    """The HTTP status of the problem."""
    sentence: str
    """The default sentence, in English, for a developer."""


REASONS: dict[Reason.ValueType, Meaning] = {
    Reason.REASON_INVALID: Meaning(400, "The request is malformed."),
    Reason.REASON_OVERLOADED: Meaning(503, "There is more work here than can be done in time."),
    Reason.REASON_UNAVAILABLE: Meaning(
        503, "A part that is needed did not answer in time; send the same again."
    ),
    Reason.REASON_FORBIDDEN: Meaning(403, "This caller may not call this method."),
    Reason.REASON_LIMITED: Meaning(429, "Too many tries."),
    Reason.REASON_CLIENT_TOO_OLD: Meaning(426, "This version of the client is no longer understood."),
    Reason.REASON_USERNAME_INVALID: Meaning(422, "The username breaks a rule of form."),
    Reason.REASON_USERNAME_TAKEN: Meaning(409, "The username is taken."),
    Reason.REASON_USERNAME_RESERVED: Meaning(422, "The username is a reserved word."),
    Reason.REASON_USERNAME_LOOKALIKE: Meaning(409, "The username looks like one that is taken."),
    Reason.REASON_PASSWORD_WEAK: Meaning(422, "The password is too short, too long, or too common."),
    Reason.REASON_CREDENTIALS_WRONG: Meaning(
        401, "Username and password or recovery code do not belong together."
    ),
    Reason.REASON_SIGN_UP_CLOSED: Meaning(403, "New accounts are closed or need an invite."),
    Reason.REASON_TOKEN_INVALID: Meaning(401, "The access token is missing, expired or not trusted here."),
    Reason.REASON_TICKET_INVALID: Meaning(
        401, "The ticket is expired, already used or not signed by its device."
    ),
    Reason.REASON_PROOF_INVALID: Meaning(
        401, "The proof that the device holds its private key does not verify."
    ),
    Reason.REASON_DEVICE_REVOKED: Meaning(401, "The device was revoked."),
    Reason.REASON_LINE_FENCED: Meaning(
        409, "The line was replaced by a newer connection of the same instance."
    ),
    Reason.REASON_ORIGIN_DENIED: Meaning(403, "This origin is not allowed."),
    Reason.REASON_USER_NOT_FOUND: Meaning(404, "There is no such user."),
    Reason.REASON_DEVICE_NOT_FOUND: Meaning(404, "There is no such device."),
    Reason.REASON_CALL_NOT_FOUND: Meaning(404, "There is no such call, or not for this line."),
    Reason.REASON_SELF: Meaning(422, "One cannot do this to oneself."),
    Reason.REASON_NOT_ENTITLED_AUDIO: Meaning(
        403, "The operator's rules do not entitle this user to audio calls."
    ),
    Reason.REASON_NOT_ENTITLED_VIDEO: Meaning(403, "The operator's rules do not entitle this user to video."),
    Reason.REASON_KIND_NOT_ADMITTED: Meaning(403, "This kind of media is not admitted in this call."),
    Reason.REASON_ALREADY_IN_CALL: Meaning(409, "The user has an active call already."),
    Reason.REASON_SUSPENDED: Meaning(403, "The operator has suspended calls of this user for a time."),
    Reason.REASON_CALL_ENDED: Meaning(410, "The call has ended."),
    Reason.REASON_ANSWERED_ELSEWHERE: Meaning(409, "Another device of this user answered first."),
    Reason.REASON_WRONG_ROLE: Meaning(409, "The message does not belong to this side of the call."),
    Reason.REASON_WRONG_STATE: Meaning(409, "The message does not belong to this state of the call."),
    Reason.REASON_STALE: Meaning(409, "A newer generation is already there."),
    Reason.REASON_TOO_LATE: Meaning(410, "Less than five seconds of ringing are left."),
}
"""reason -> HTTP status and default sentence; a house test holds it complete."""

LONGEST_MS = 2**32 - 1
"""The longest that `retry_after_ms` says: 49 days."""


class Refusal(Exception):
    """Refused, and nothing was changed.

    `reason` is what is so, `sentence` one English sentence for a developer (the reason's own where none is
    given; never anything personal), `retry_after` the seconds until another try is welcome, or None where
    time changes nothing; `missing` a short key of what the operator's rules miss, `budget` the name of the
    ring budget that is used up, each "" where it is about something else.
    """

    def __init__(
        self,
        reason: Reason.ValueType,
        sentence: str = "",
        retry_after: float | None = None,
        missing: str = "",
        budget: str = "",
    ) -> None:
        self.reason = reason
        self.sentence = sentence or REASONS[reason].sentence
        self.retry_after = retry_after
        self.missing = missing
        self.budget = budget
        super().__init__(self.sentence)

    @property
    def name(self) -> str:
        """The reason's name on the outside: lower case, without prefix, such as "username_taken"."""
        return Reason.Name(self.reason).removeprefix("REASON_").lower()

    @property
    def status(self) -> int:
        """The HTTP status of the problem it becomes."""
        return REASONS[self.reason].status

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"

    def to_proto(self) -> reasons_pb2.Refusal:
        """As it travels: of a longer time, the 49 days that its field holds."""
        milliseconds = 0
        if self.retry_after is not None:
            milliseconds = min(LONGEST_MS, max(1, round(self.retry_after * 1000)))
        return reasons_pb2.Refusal(
            reason=self.reason,
            sentence=self.sentence,
            retry_after_ms=milliseconds,
            missing=self.missing,
            budget=self.budget,
        )

    @classmethod
    def from_proto(cls, proto: reasons_pb2.Refusal) -> Refusal:
        """As it arrived. A reason that is unknown here (a newer sender) counts as unavailable."""
        reason = proto.reason if proto.reason in REASONS else Reason.REASON_UNAVAILABLE
        retry_after = proto.retry_after_ms / 1000 if proto.retry_after_ms else None
        return cls(reason, proto.sentence, retry_after, proto.missing, proto.budget)
