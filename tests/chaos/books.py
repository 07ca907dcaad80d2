"""Books written by hand: a call that went well, and other calls made of it; for the tests of the checker."""

from dataclasses import replace

from tests.chaos.story import NEVER, Book, Flow, Ring
from tests.properties.history import Entry, Fact, History, Kept, Opened, Row, Said, Saw, View

ADA, BOB = "u_ada", "u_bob"
LAPTOP, PHONE = "d_laptop.tab", "d_phone.tab"
CALL = "c_1"
OWNER = {LAPTOP: ADA, PHONE: BOB}


def said(line: str, at: float, verb: str, call_id: str = CALL, **more: object) -> Said:
    """A command that was answered a moment later."""
    about = BOB if verb == "place" else call_id
    one = Said(line, OWNER[line], 1, f"{verb}-{line}", verb, about, at, at + 0.1, "", call_id)
    return replace(one, **more)  # type: ignore[arg-type]


def saw(line: str, at: float, version: int, phase: str, **more: object) -> Saw:
    """What a line was told by a wake-up."""
    role = "caller" if line == LAPTOP else "callee"
    view = View(CALL, version, role, phase, **more)  # type: ignore[arg-type]
    return Saw(line, OWNER[line], 1, at, at, "wake", view)


def row(**more: object) -> Row:
    """A call that Ada placed at 1 s, Bob answered at 2 s, and Ada hung up at 50 s."""
    values: dict[str, object] = {
        "version": 3, "caller_id": ADA, "callee_id": BOB, "live": False, "holds_pair": False,
        "shadow": False, "truth": True, "ending": "hung_up", "ending_for_caller": "hung_up",
        "placed_at_ms": 1_000, "answered_at_ms": 2_000, "connected_at_ms": 3_000, "ended_at_ms": 50_000,
        "answered_line": PHONE, "bound": ((), ()), "versions": (3, 3),
        "commands": ((f"place-{LAPTOP}", f"hang_up-{LAPTOP}"), (f"answer-{PHONE}",)), "digest": "three",
    }  # fmt: skip
    return Row(CALL, **values | more)  # type: ignore[arg-type]


def good() -> Book:
    """That call, with everything that belongs to it."""
    history = History(
        people=(ADA, BOB),
        opened=[Opened(line, user_id, 1, 0.0, 0.1) for line, user_id in OWNER.items()],
        said=[said(LAPTOP, 1.0, "place"), said(PHONE, 2.0, "answer"), said(LAPTOP, 50.0, "hang_up")],
        saw=[
            saw(LAPTOP, 1.1, 1, "calling", here=True),
            saw(PHONE, 1.2, 1, "calling"),
            saw(PHONE, 2.1, 2, "connecting", here=True),
            saw(LAPTOP, 2.2, 2, "connecting", here=True),
            saw(LAPTOP, 50.1, 3, "ended", ending="hung_up"),
            saw(PHONE, 50.2, 3, "ended", ending="hung_up"),
        ],
        kept=[Kept(60.0, 60.1, (row(),))],
        facts=[
            Fact("e_1", CALL, 1, "call_placed"),
            Fact("e_2", CALL, 2, "call_answered"),
            Fact("e_3", CALL, 3, "call_ended", is_last=True),
        ],
        entries=[Entry(ADA, CALL, "hung_up"), Entry(BOB, CALL, "hung_up")],
        repaired_at=59.0,
    )
    rings = [Ring(LAPTOP, ADA, CALL, 1.1, 2.2), Ring(PHONE, BOB, CALL, 1.2, 2.1)]
    flows = [Flow(line, user_id, CALL, 3.0, 50.0, 200) for line, user_id in OWNER.items()]
    return Book(history, rings, flows)


def keep(book: Book, **more: object) -> None:
    """The row that was kept is another one."""
    book.history.kept = [Kept(60.0, 60.1, (row(**more),))]


def unanswered(book: Book, ending: str, said_too: list[Said], **more: object) -> None:
    """The call rang and was never answered; it was over at 50 s."""
    values: dict[str, object] = {"answered_at_ms": 0, "connected_at_ms": 0, "answered_line": "", "version": 2}
    values |= {"versions": (2, 2), "ending": ending, "ending_for_caller": ending}
    values["commands"] = ((f"place-{LAPTOP}",), ())
    keep(book, **values | more)
    book.flows, book.rings = [], []
    history = book.history
    history.said = [said(LAPTOP, 1.0, "place"), *said_too]
    history.saw = [*history.saw[:2], saw(LAPTOP, 50.1, 2, "ended", ending=ending)]
    history.saw.append(saw(PHONE, 50.2, 2, "ended", ending=ending))
    history.facts = [Fact("e_1", CALL, 1, "call_placed"), Fact("e_3", CALL, 2, "call_ended", is_last=True)]
    history.entries = [Entry(ADA, CALL, ending), Entry(BOB, CALL, ending)]


def without_media(book: Book, *, since: float = 2.0, cut_off: tuple[str, ...] = (LAPTOP, PHONE)) -> None:
    """The call was answered, no media flowed, and it was given up 45 s later, at 47 s; of those who were cut
    off the descriptions had no answer.
    """
    values: dict[str, object] = {"ending": "media_failed", "ending_for_caller": "media_failed"}
    keep(book, connected_at_ms=0, ended_at_ms=47_000, commands=((f"place-{LAPTOP}",), (f"answer-{PHONE}",)),
         **values)  # fmt: skip
    history, end = book.history, {"ending": "media_failed"}
    book.flows = []
    history.said = [said(LAPTOP, 1.0, "place"), said(PHONE, since, "answer")]
    history.said += [said(line, 2.5, "describe", answered=NEVER) for line in cut_off]
    history.saw[-2:] = [saw(LAPTOP, 47.1, 3, "ended", **end), saw(PHONE, 47.2, 3, "ended", **end)]
    history.entries = [Entry(ADA, CALL, "media_failed"), Entry(BOB, CALL, "media_failed")]
