"""The JSON of reports, and of the calls of which nobody heard."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ringline.v1 import records_pb2
from services.gateway.shapes import Body, Profile, Username

CallId = Annotated[str, Field(pattern=r"^c_[0-9a-z]{26,34}$")]
MessageId = Annotated[str, Field(pattern=r"^m_[0-9a-z]{26,34}$")]


class NewReport(Body):
    """A report about somebody, with the evidence that one wants to show."""

    username: Username
    category: Literal["spam", "harassment", "impersonation", "other"]
    text: str = Field("", max_length=1_000, description="In one's own words.")
    call_ids: list[CallId] = Field(
        [], max_length=20, description="Calls with the other that the operator may look at."
    )
    message_ids: list[MessageId] = Field(
        [], max_length=20, description="Messages of the thread with the other that are shown to the operator."
    )
    block: bool = Field(False, description="Block the other in the same act.")
    client_id: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]{0,40}$", description="Sent twice, the report is there once."
    )

    def to_proto(self, user_id: str, other_user_id: str) -> records_pb2.ReportRequest:
        """As policy takes it."""
        return records_pb2.ReportRequest(
            user_id=user_id,
            other_user_id=other_user_id,
            client_id=self.client_id,
            category=records_pb2.ReportCategory.Value(f"REPORT_CATEGORY_{self.category.upper()}"),
            text=self.text,
            call_ids=self.call_ids,
            message_ids=self.message_ids,
            block=self.block,
        )


class ReportMade(BaseModel):
    """The report is in the operator's queue."""

    report_id: str


class RefusedAttempt(BaseModel):
    """A call of which one did not hear."""

    person: Profile
    at_ms: int
    video: bool
    reason: str = Field(
        description="The rule that settled it; `operator` where the service did not let it through.",
        examples=["audience.none"],
    )


class RefusedAttempts(BaseModel):
    """Calls of which one did not hear, newest first."""

    attempts: list[RefusedAttempt]
    next: int = Field(description="Pass it as `before` for the next page; 0 at the end.")
