"""The form of what clients may send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline import ids
from ringline.asker import BATCH
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2
from ringline.v1.client_pb2 import AddCandidates, Answer, ClientFrame, Describe, Description, Hello, Place
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Kinds, Line
from ringline.wire import MAX_MESSAGE
from services.gateway.frames import LONGEST_COMMAND, kind_of

CALL = ids.mint_call()
KEY = "0123456789abcdef"
AUDIO = Kinds(audio=True)


def described(**given: object) -> Description:
    """A description that is well formed but for what is `given`."""
    return Description(**({"generation": 1, "body": b"x"} | given))  # type: ignore[arg-type]


WELL_FORMED = [
    ClientFrame(hello=Hello(ticket="t", signature=bytes(64), instance="instance-1")),
    ClientFrame(command_id=KEY, place=Place(username="@bob", kinds=AUDIO)),
    ClientFrame(command_id=KEY, place=Place(username="b" * 200, kinds=Kinds(video=True), binding=bytes(512))),
    ClientFrame(ringing=client_pb2.Ringing(call_id=CALL)),
    ClientFrame(command_id=KEY, answer=Answer(call_id=CALL)),
    ClientFrame(command_id=KEY, answer=Answer(call_id=CALL + "0a1b", kinds=AUDIO, description=described())),
    ClientFrame(command_id=KEY, decline=client_pb2.Decline(call_id=CALL, everywhere=True)),
    ClientFrame(command_id=KEY, hang_up=client_pb2.HangUp(call_id=CALL)),
    ClientFrame(command_id=KEY, set_media=client_pb2.SetMedia(call_id=CALL)),
    ClientFrame(command_id=KEY, hold=client_pb2.Hold(call_id=CALL, on=True)),
    ClientFrame(describe=Describe(call_id=CALL, description=described(body=bytes(32_768)))),
    ClientFrame(describe=Describe(call_id=CALL, description=described(candidates=[bytes(500)] * 64))),
    ClientFrame(add_candidates=AddCandidates(call_id=CALL, generation=1, candidates=[bytes(512)] * 32)),
    ClientFrame(report=client_pb2.Report(call_id=CALL, state=client_pb2.MEDIA_STATE_FLOWING)),
    ClientFrame(renew_relay=client_pb2.RenewRelay(call_id=CALL)),
    ClientFrame(ping=client_pb2.Ping()),
]

MALFORMED = [
    ClientFrame(),
    ClientFrame(hello=Hello(ticket="", signature=bytes(64), instance="instance-1")),
    ClientFrame(hello=Hello(ticket="t" * 2049, signature=bytes(64), instance="instance-1")),
    ClientFrame(hello=Hello(ticket="t", signature=bytes(63), instance="instance-1")),
    ClientFrame(hello=Hello(ticket="t", signature=bytes(64), instance="short")),
    ClientFrame(hello=Hello(ticket="t", signature=bytes(64), instance="with.dots.")),
    ClientFrame(hello=Hello(ticket="t", signature=bytes(64), instance="a" * 8, client_version="v" * 65)),
    ClientFrame(hello=Hello(ticket="t", signature=bytes(64), instance="a" * 8, capabilities=["w"] * 33)),
    ClientFrame(place=Place(username="@bob", kinds=AUDIO)),
    ClientFrame(command_id="short", place=Place(username="@bob", kinds=AUDIO)),
    ClientFrame(command_id="k" * 41, place=Place(username="@bob", kinds=AUDIO)),
    ClientFrame(command_id="k" * 15 + "\n", place=Place(username="@bob", kinds=AUDIO)),
    ClientFrame(command_id="é" * 16, ping=client_pb2.Ping()),
    ClientFrame(command_id=KEY, place=Place(kinds=AUDIO)),
    ClientFrame(command_id=KEY, place=Place(username="b" * 201, kinds=AUDIO)),
    ClientFrame(command_id=KEY, place=Place(username="@bob")),
    ClientFrame(command_id=KEY, place=Place(username="@bob", kinds=AUDIO, binding=bytes(513))),
    ClientFrame(command_id=KEY, answer=Answer()),
    ClientFrame(command_id=KEY, answer=Answer(call_id="u_" + CALL[2:])),
    ClientFrame(command_id=KEY, answer=Answer(call_id=CALL, binding=bytes(513))),
    ClientFrame(command_id=KEY, answer=Answer(call_id=CALL, description=described(body=b""))),
    ClientFrame(command_id=KEY, hang_up=client_pb2.HangUp(call_id=CALL + " * > \r\n")),
    ClientFrame(describe=Describe(call_id=CALL)),
    ClientFrame(describe=Describe(call_id=CALL, description=described(generation=0))),
    ClientFrame(describe=Describe(call_id=CALL, description=described(body=bytes(32_769)))),
    ClientFrame(describe=Describe(call_id=CALL, description=described(candidates=[b"c"] * 65))),
    ClientFrame(describe=Describe(call_id=CALL, description=described(candidates=[bytes(513)]))),
    ClientFrame(add_candidates=AddCandidates(call_id=CALL, generation=1)),
    ClientFrame(add_candidates=AddCandidates(call_id=CALL, candidates=[b"c"])),
    ClientFrame(add_candidates=AddCandidates(call_id=CALL, generation=1, candidates=[b"c"] * 33)),
    ClientFrame(report=client_pb2.Report(call_id=CALL)),
    ClientFrame(report=client_pb2.Report(call_id=CALL, state=9)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("frame", WELL_FORMED, ids=str)
def test_a_well_formed_frame_is_what_it_says(frame: ClientFrame) -> None:
    assert kind_of(frame) == frame.WhichOneof("body")


@pytest.mark.parametrize("frame", MALFORMED, ids=str)
def test_a_malformed_frame_is_refused_with_a_sentence(frame: ClientFrame) -> None:
    with pytest.raises(Refusal) as refused:
        kind_of(frame)
    assert refused.value.reason == Reason.REASON_INVALID
    assert refused.value.sentence.endswith(".")


def test_every_kind_of_frame_has_a_well_formed_example() -> None:
    kinds = {field.name for field in ClientFrame.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert {frame.WhichOneof("body") for frame in WELL_FORMED} == kinds


@given(st.builds(ClientFrame.FromString, st.just(b"")), st.binary(max_size=300))
def test_whatever_parses_is_judged_and_never_a_fault(frame: ClientFrame, noise: bytes) -> None:
    frame.place.username = noise.decode("latin-1")
    frame.place.binding = noise
    frame.command_id = noise[:40].decode("latin-1")
    try:
        kind_of(frame)
    except Refusal as refusal:
        assert refusal.reason == Reason.REASON_INVALID


def test_a_batch_of_the_longest_commands_is_one_message_that_grpc_takes() -> None:
    """Padding of fields that nobody knows counts: else whoever likes breaks the stream of everybody."""
    padding = b"\xfa\x3f\xb0\xea\x01" + bytes(30_000)
    padded = ClientFrame.FromString(WELL_FORMED[-2].SerializeToString() + padding)
    assert kind_of(padded)
    longer = ClientFrame.FromString(padded.SerializeToString() + padding)
    with pytest.raises(Refusal) as refused:
        kind_of(longer)
    assert refused.value.reason == Reason.REASON_INVALID
    command = signaling_pb2.Command(id=2**64 - 1, line=Line(user_id="u" * 40), frame=ClientFrame())
    commands = [command] * BATCH
    empty = signaling_pb2.LinkRequest(gateway_id=ids.mint_gateway(), commands=commands).ByteSize()
    assert empty + BATCH * (LONGEST_COMMAND + 200) < MAX_MESSAGE
