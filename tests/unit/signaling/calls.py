"""Calls for the unit tests of signaling: Ada calls Bob, in each phase that there is."""

from collections.abc import Callable

from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import CALLEE, CALLER, Phase, Times
from services.signaling.verbs import EndByOperator, Who

BOTH = types_pb2.Kinds(audio=True, video=True)
AUDIO = types_pb2.Kinds(audio=True)
LAPTOP = Who(CALLER, "d_ada.laptop01", "g_1", 1)
PHONE = Who(CALLEE, "d_bob.phone001", "g_2", 1)
OFFER = client_pb2.Description(generation=1, body=b"offer")


def placed(
    caller: str = "u_ada",
    callee: str = "u_bob",
    admitted: bool = True,
    room: dial.Room = dial.FREE,
    call_id: str = "c_1",
    asks: types_pb2.Kinds = BOTH,
) -> signaling_pb2.CallRecord:
    """A call that was placed at 0 by the laptop of the caller, where the callee has one line."""
    verdict = policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_ADMITTED if admitted else policy_pb2.OUTCOME_UNHEARD,
        caller_may_send=BOTH,
        callee_may_send=AUDIO,
        device_truth=True,
        caller=types_pb2.Profile(user_id=caller),
        callee=types_pb2.Profile(user_id=callee),
    )
    who = Who(CALLER, f"d_{caller[2:]}.laptop01", "g_1", 1)
    line = types_pb2.Line(
        user_id=callee, device_id=f"d_{callee[2:]}", instance="phone001", epoch=1, gateway_id="g_2"
    )
    place = client_pb2.Place(username=callee, kinds=asks)
    return dial.place(call_id, verdict, who, place, [line], room, 0, Times()).record


def answered(record: signaling_pb2.CallRecord) -> signaling_pb2.CallRecord:
    """The call after the callee's phone answered with an offer."""
    callee = record.members[CALLEE].profile.user_id
    phone = Who(CALLEE, f"d_{callee[2:]}.phone001", "g_2", 1)
    return step(record, phone, client_pb2.Answer(kinds=AUDIO, description=OFFER), 1_000).record


def over() -> signaling_pb2.CallRecord:
    """A call that is over for both."""
    return step(placed(), None, EndByOperator(), 2_000).record


IN: dict[Phase, Callable[[], signaling_pb2.CallRecord]] = {
    Phase.RINGING: placed,
    Phase.TALKING: lambda: answered(placed()),
    Phase.VEILED: lambda: placed(admitted=False),
    Phase.OVER: over,
}
