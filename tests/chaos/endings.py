"""How the calls of a book ended: by a word of one of the two, or for one of the few reasons for which a
server may end a call by itself. Pure.
"""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.finding import SKEW_SECONDS, WRONG, Finding
from tests.chaos.story import NEVER, Book
from tests.properties.checker import SHUT_OUT, UNKNOWN
from tests.properties.history import CALLER, Row, Said
from tests.properties.known import Known

ABSENT_SECONDS = 6.0
"""A caller who is away for longer gives up his ring; the server notices a dead line later than that."""


def nobody_else_ends_a_call(book: Book, known: Known) -> Iterator[Finding]:
    """Every ending has its reason; what is no reason is said in docs/reliability.md."""
    words: defaultdict[str, list[Said]] = defaultdict(list)
    for word in book.history.said:
        if word.verb in ("hang_up", "decline"):
            words[word.call_id or word.about].append(word)
    talked: defaultdict[str, set[str]] = defaultdict(set)
    for flow in book.flows:
        talked[flow.call_id].add(flow.user_id)
    for row in known.rows.values():
        if row.live:
            continue
        ended = _ended_at(book, row)
        said = {
            (one.verb, one.user_id)
            for one in words[row.call_id]
            if one.asked < ended + SKEW_SECONDS and _may_have_worked(known, row, one)
        }
        if row.answered_at_ms:
            is_talked_in = len(talked[row.call_id]) == 2 or bool(row.connected_at_ms)
            what = _why_no_talk_ends(book, known, row, ended, said, is_talked_in)
        else:
            what = _why_no_ring_ends(book, known, row, ended, said)
        if what:
            yield Finding(WRONG, row.call_id, ended, f"{row.call_id} {what}")


def _ended_at(book: Book, row: Row) -> float:
    """When the first of the two was told, of the caller and the line that answered; to the callee's other
    devices it is over when one has answered, and to one that declined, before it changed its mind.
    """
    times = []
    for saw in book.history.saw:
        if saw.view.call_id != row.call_id or saw.view.phase != "ended":
            continue
        is_answering = saw.line == row.answered_line and saw.view.ending != "declined"
        if saw.view.role == CALLER or is_answering:
            times.append(saw.at)
    return min(times, default=book.at(row.ended_at_ms))


def _may_have_worked(known: Known, row: Row, word: Said) -> bool:
    """Whether a word was carried out or may have been: a refused one ends nothing."""
    is_kept = word.command_id in row.commands[known.side(row, word.user_id)]
    return is_kept or word.answered == NEVER or word.refused in SHUT_OUT


Words = set[tuple[str, str]]


def _why_no_talk_ends(
    book: Book, known: Known, row: Row, ended: float, said: Words, is_talked_in: bool
) -> str:
    """Why a call that was answered should have gone on, or have ended otherwise; "" where all is well."""
    if row.ending == "hung_up" and any(verb == "hang_up" for verb, _ in said):
        return ""
    if row.ending == "hung_up":
        return "was hung up by nobody"
    if is_talked_in or row.ending != "media_failed":
        return f"was answered{' and talked in' * is_talked_in} and ended as {row.ending}"
    return _why_media_should_flow(book, known, row, ended)


def _why_media_should_flow(book: Book, known: Known, row: Row, ended: float) -> str:
    """The server gives up when nobody said that media flows until the time to connect is over. Only a fault
    that keeps both ends from saying anything explains that: else one of them says so, or hangs up.
    """
    about = [one for one in book.history.said if (one.call_id or one.about) == row.call_id]
    answered = min((one.asked for one in about if one.verb == "answer"), default=book.at(row.answered_at_ms))
    if ended - answered < book.connect_s - SKEW_SECONDS:
        return f"had {ended - answered:.1f} s to connect and not {book.connect_s:.0f} s"
    if any(one.verb == "report" and one.is_done for one in about):
        return "was given up as without media, and one of them had said that it flows"
    tries = known.attempts[row.caller_id, row.commands[0][0]] if row.commands[0] else []
    for line in {one.line for one in tries} | {row.answered_line}:
        unheard = any(
            one.line == line and one.asked < ended and (one.answered == NEVER or one.refused in UNKNOWN)
            for one in about
        )
        closed = any(one.line == line and answered - 1 < one.at < ended for one in book.history.closed)
        if not unheard and not closed:
            return f"was given up as without media, and {line} was there and heard"
    return ""


def _why_no_ring_ends(book: Book, known: Known, row: Row, ended: float, said: Words) -> str:
    """Why a ring should have gone on, or have ended otherwise; "" where all is well. The two sides may read
    two endings, and each has its reason.
    """
    tries = known.attempts[row.caller_id, row.commands[0][0]] if row.commands[0] else []
    placed = min((one.asked for one in tries), default=book.at(row.placed_at_ms))
    for ending in (row.ending, row.ending_for_caller):
        if ending == "no_answer":
            if ended - placed < book.ring_s - SKEW_SECONDS:
                return f"rang for {ended - placed:.1f} s and not {book.ring_s:.0f} s"
        elif ending == "cancelled":
            if ("hang_up", row.caller_id) not in said and not _was_away(book, row, placed, ended):
                return "was cancelled while its caller was there"
        elif ending == "declined":
            if ("decline", row.callee_id) not in said:
                return "was declined by nobody"
        elif ending == "busy":
            if not any(_keeps_busy(one, row) for one in known.rows.values()):
                return "was busy, and the callee was in no other call"
        elif ending or not row.shadow:  # nobody else calls a stranger: a shadow has no ending of the callee's
            return f"was not answered and ended as {ending}"
    return ""


def _keeps_busy(one: Row, row: Row) -> bool:
    """Whether the callee was in this other call when `row` was placed."""
    skew_ms = SKEW_SECONDS * 1000
    is_then = one.placed_at_ms - skew_ms <= row.placed_at_ms <= (one.ended_at_ms or NEVER) + skew_ms
    return one.call_id != row.call_id and is_then and row.callee_id in (one.caller_id, one.callee_id)


def _was_away(book: Book, row: Row, placed: float, ended: float) -> bool:
    """Whether a line of the caller was closed for a while before the end."""
    opened = [one for one in book.history.opened if one.user_id == row.caller_id]
    for closed in book.history.closed:
        if closed.user_id == row.caller_id and placed - 1 < closed.at < ended:
            back = [one.at for one in opened if one.line == closed.line and one.at > closed.at]
            if min(back, default=NEVER) - closed.at > ABSENT_SECONDS / 2:
                return True
    return False
