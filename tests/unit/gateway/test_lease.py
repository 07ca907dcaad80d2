"""The lease: what is claimed anew, and when."""

import asyncio
import itertools
from collections.abc import Sequence

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import presence_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.lease import Lease

GATEWAY = ids.mint_gateway()


def line(number: int) -> types_pb2.Line:
    """A registered line."""
    return types_pb2.Line(user_id="u_1", device_id="d_1", instance=f"instance-{number}", epoch=number + 1)


class FakePresence:
    """Counts what it is told; says that `registered` lines are there and that `fenced` ones are replaced."""

    def __init__(self, registered: int, fenced: Sequence[str] = ()) -> None:
        self.registered = registered
        self.fenced = fenced
        self.replaced: list[types_pb2.Line] = []
        self.expelled: list[types_pb2.Line] = []
        self.dropped_before: list[int] = []
        self.is_claiming_hard = False
        self.claimed_at_renewals: list[int] = []
        self.claimed: list[str] = []
        self.released: list[str] = []
        self.is_away = False

    async def Renew(self, request: presence_pb2.RenewRequest) -> presence_pb2.RenewResponse:
        self.claimed_at_renewals.append(len(self.claimed))
        if request.claimed_anew_since_ms:
            self.dropped_before.append(request.claimed_anew_since_ms)
        return presence_pb2.RenewResponse(
            lines=self.registered, replaced=self.replaced, expelled=self.expelled, now_ms=1_000
        )

    async def Claim(self, request: presence_pb2.ClaimRequest) -> presence_pb2.ClaimResponse:
        if self.is_claiming_hard:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        if request.line.instance in self.fenced:
            raise Refusal(Reason.REASON_LINE_FENCED)
        assert not request.ticket_id and request.line.epoch
        self.claimed.append(request.line.instance)
        return presence_pb2.ClaimResponse(line=request.line)

    async def Release(self, request: presence_pb2.ReleaseRequest) -> presence_pb2.ReleaseResponse:
        if self.is_away:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        self.released += [one.instance for one in request.lines]
        return presence_pb2.ReleaseResponse(released=len(request.lines))


def lease_of(presence: FakePresence, held: int) -> Lease:
    """A lease with so many lines."""
    lease = Lease(presence, GATEWAY)  # type: ignore[arg-type]
    lines = [line(number) for number in range(held)]
    lease.lines = lambda: lines
    return lease


async def test_when_both_sides_count_the_same_nothing_is_claimed() -> None:
    presence = FakePresence(registered=4)
    lease = lease_of(presence, held=4)
    for _ in range(3):
        await lease.renew()
    assert not presence.claimed


async def test_a_small_difference_is_believed_when_it_lasts() -> None:
    presence = FakePresence(registered=3)
    lease = lease_of(presence, held=4)
    await lease.renew()
    assert not presence.claimed
    await lease.renew()
    assert len(presence.claimed) == 4


async def test_what_is_on_its_way_is_no_difference() -> None:
    presence = FakePresence(registered=5)
    lease = lease_of(presence, held=4)
    lease.release(line(9))
    for _ in range(4):
        await lease.renew()
    assert not presence.claimed


async def test_after_an_outage_lines_are_claimed_at_once_and_replaced_ones_are_closed() -> None:
    presence = FakePresence(registered=0, fenced=["instance-2"])
    lease = lease_of(presence, held=4)
    closed: list[str] = []
    lease.fence = lambda lines: closed.extend(one.instance for one in lines)
    await lease.renew()
    assert sorted(presence.claimed) == ["instance-0", "instance-1", "instance-3"]
    assert closed == ["instance-2"]


async def test_a_release_that_nobody_heard_is_said_again() -> None:
    presence = FakePresence(registered=0)
    presence.is_away = True
    lease = lease_of(presence, held=0)
    lease.release(line(1))
    await lease.flush()
    assert not presence.released
    presence.is_away = False
    await asyncio.gather(lease.flush())
    assert presence.released == ["instance-1"]


async def test_what_was_lost_to_others_is_closed_though_the_bus_said_nothing() -> None:
    presence = FakePresence(registered=4)
    presence.replaced, presence.expelled = [line(1)], [line(2)]
    lease = lease_of(presence, held=4)
    closed: list[str] = []
    lease.fence = lambda lines: closed.extend(f"fenced {one.instance}" for one in lines)
    lease.expel = lambda lines: closed.extend(f"expelled {one.instance}" for one in lines)
    await lease.renew()
    assert closed == ["fenced instance-1", "expelled instance-2"]


async def test_a_line_whose_claim_was_never_answered_is_taken_off_once_all_others_are_claimed_anew() -> None:
    presence = FakePresence(registered=5)
    lease = lease_of(presence, held=4)
    await lease.renew()
    assert not presence.dropped_before
    await lease.renew()
    assert (len(presence.claimed), presence.dropped_before) == (4, [1_000])


async def test_nothing_is_taken_off_while_a_line_could_not_be_claimed_anew() -> None:
    presence = FakePresence(registered=5)
    presence.is_claiming_hard = True
    lease = lease_of(presence, held=4)
    for _ in range(4):
        await lease.renew()
    assert not presence.dropped_before


async def test_the_lease_is_renewed_while_many_lines_are_claimed_anew() -> None:
    presence = FakePresence(registered=0)
    await lease_of(presence, held=1000).renew()
    gaps = [after - before for before, after in itertools.pairwise(presence.claimed_at_renewals)]
    assert sum(gaps) == 1000 and max(gaps) <= 256
