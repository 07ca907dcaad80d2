"""The lease: what keeps a line, and who must hear that a line is no longer the one.

A gateway renews one lease for all its lines. A line is open while its gateway's lease runs on the database's
clock; it is forgotten long after, so that a gateway that comes back finds its lines with their epochs.
"""

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import reasons_pb2, signaling_pb2, types_pb2

LEASE = timedelta(seconds=6)
"""For how long one renewal is good; a gateway renews every 1.5 s."""
TOLD = timedelta(minutes=1)
"""For how long renewals tell a gateway of lines that it lost to others."""
FORGOTTEN = timedelta(minutes=10)
"""How long a line that was released, or whose gateway is gone, is remembered. Far longer than any statement
may run: a claim that began before the line was forgotten cannot hand out a lower epoch after it."""
SPENT = timedelta(minutes=1)
"""How long a spent ticket is remembered after it expired; until then the expiry alone does not refuse it."""
MOST_USERS = 100
"""Users in one question at most."""


def check_line(line: types_pb2.Line) -> None:
    """Raises Refusal(INVALID) unless user, device, instance and gateway are all of their form."""
    if not (
        ids.is_id(line.user_id, "u_")
        and ids.is_id(line.device_id, "d_")
        and ids.is_id(line.gateway_id, "g_")
        and ids.is_instance(line.instance)
    ):
        raise Refusal(reasons_pb2.REASON_INVALID, "A line has a user, a device, an instance and a gateway.")


def check_id(text: str, prefix: str) -> None:
    """Raises Refusal(INVALID) unless `text` is an id of that prefix."""
    if not ids.is_id(text, prefix):
        raise Refusal(reasons_pb2.REASON_INVALID, f"An id with the prefix {prefix} is missing.")


def fences(lines: Iterable[types_pb2.Line], expelled: bool) -> dict[str, signaling_pb2.Wake]:
    """What each gateway must hear about lines that were replaced, or `expelled`: gateway -> the Wake.

    A line here is as it was: its former gateway, its former epoch. Connections with a higher epoch stay.
    """
    by_gateway = sorted((line for line in lines if line.gateway_id), key=lambda line: line.gateway_id)
    wakes = {}
    for gateway, group in groupby(by_gateway, key=lambda line: line.gateway_id):
        wake = wakes[gateway] = signaling_pb2.Wake(sender="presence")
        (wake.expelled if expelled else wake.fenced).extend(group)
    return wakes
