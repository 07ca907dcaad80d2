"""Tells stories to a real page, one for each seed, and finds the shortest that goes wrong."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from playwright.async_api import Locator
from playwright.async_api import TimeoutError as PlaywrightTimeout

from ringline.v1 import client_pb2, types_pb2
from tests.browser.hostile.judge import Judge, Press
from tests.browser.hostile.peer import HostilePeer
from tests.browser.hostile.server import HostileServer
from tests.browser.hostile.story import Turn, shortest, story
from tests.browser.person import Person, until

CLICK_MS = 1000
TALKED = "[aria-label^='Call with @']"
"""The call that is talked in, on the stage or in the bar."""
NAMED = re.compile(r"@(\S+)")
SIGNS = re.compile("^(Audio call|Answer|Hang up)$")
"""The page is there: what can be pressed now depends on the calls that it was welcomed with."""
_PHASES = {
    "rings": (client_pb2.ROLE_CALLEE, client_pb2.PHASE_CALLING, False),
    "rings with video": (client_pb2.ROLE_CALLEE, client_pb2.PHASE_CALLING, False),
    "is placed here": (client_pb2.ROLE_CALLER, client_pb2.PHASE_CALLING, True),
    "is answered here": (None, client_pb2.PHASE_CONNECTING, True),
    "is connected here": (None, client_pb2.PHASE_CONNECTED, True),
    "is answered elsewhere": (None, client_pb2.PHASE_CONNECTING, False),
    "is over": (None, client_pb2.PHASE_ENDED, False),
}
_ADMITS = {
    "admits video": types_pb2.Kinds(audio=True, video=True),
    "admits video no more": types_pb2.Kinds(audio=True),
    "admits nothing": types_pb2.Kinds(),
}
_HOLDS = {
    "is held by its user": (True, False),
    "is held by the other": (False, True),
    "is held by both": (True, True),
    "is held by nobody": (False, False),
    "is held by nobody, once more": (False, False),
}
"""What a view says of each side; `once more` under the version of the one before."""


@dataclass(frozen=True)
class Failure:
    """A story that went wrong: the shortest form of it that was found."""

    seed: int
    turns: list[Turn]
    wrongs: list[str]

    def words(self) -> str:
        """The story as a person reads it."""
        lines = [turn.words() for turn in self.turns]
        return "\n  ".join([f"seed {self.seed}:", *lines, *(f"WRONG: {wrong}" for wrong in self.wrongs)])


@dataclass
class Outcome:
    """What became of the stories."""

    stories: int = 0
    turns: int = 0
    seconds: float = 0.0
    talked: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})
    """Stories in which packets of a kind arrived at the peer: they may, after the gesture and the answer."""
    held: int = 0
    """Stories in which packets had left in a call that was then put on hold."""
    resumed: int = 0
    """And left again after the hold."""
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Scene:
    """A page of somebody who is signed in, with the server and the peer that mean harm."""

    person: Person
    server: HostileServer
    peer: HostilePeer
    judge: Judge
    bob: str

    async def tell(self, name: str, turns: list[Turn]) -> tuple[list[str], int]:
        """Tells one story; answers what went wrong, and in how many turns."""
        self.server.begin()
        await self.peer.begin()
        await self._load()
        self.judge.begin()
        for number, turn in enumerate(turns, 1):
            await self._take(name, turn)
            if wrongs := await self.judge.look():
                return wrongs, number
        return await self.judge.look(), len(turns)

    async def _load(self) -> None:
        before = self.server.welcomes
        await self.person.visit(f"/@{self.bob}")

        async def welcomes() -> int:
            return self.server.welcomes

        await until(welcomes, lambda now: now > before)
        await self.person.page.get_by_role("button", name=SIGNS).first.wait_for()

    async def _take(self, name: str, turn: Turn) -> None:
        call_id = f"c_{name}_{turn.call}"
        match turn.does:
            case "presses":
                await self._press(turn.how)
            case "reloads the page":
                await self._load()
                self.judge.loaded()
            case "says that it":
                self._show(call_id, turn.how)
            case "describes":
                if (description := await self.peer.describe(call_id, turn.how)) is not None:
                    view = self.server.next(call_id)
                    view.peer_description.CopyFrom(description)
                    self.server.show(view)
            case "replies":
                self._reply(call_id, turn.how)
            case "sends beat":
                live = [client_pb2.LiveCall(call_id=call_id, version=99)] if turn.how == "of it" else []
                self.server.send(client_pb2.ServerFrame(beat=client_pb2.Beat(calls=live)))
            case _:
                early = b'{"c":"candidate:1 1 udp 1 192.0.2.1 9 typ host","m":"0","u":""}'
                more = client_pb2.PeerCandidates(call_id=call_id, generation=1, candidates=[early])
                self.server.send(client_pb2.ServerFrame(peer_candidates=more))

    async def _press(self, button: str) -> None:
        """What was pressed counts as asked for; what cannot be pressed now is nothing."""
        found = self.person.page.get_by_role("button", name=button, exact=True)
        if not await found.count() or not await found.first.is_enabled():
            return
        whose, talked = await self._whose(found.first), await self._whose(self.person.page.locator(TALKED))
        self._ask(button, whose, talked)
        with suppress(PlaywrightTimeout):  # a ring came up just before, and stands in front of it
            await found.first.click(timeout=CLICK_MS)
            for username in {"Hold": (whose,), "Swap": (talked,)}.get(button, ()):
                for told in self.server.with_(username):
                    told.wish = True

    async def _whose(self, found: Locator) -> str:
        """The person in whose call it is; "" where the page names none."""
        if not await found.count():
            return ""
        label = await found.first.evaluate("(one) => one.closest('[aria-label*=\"@\"]')?.ariaLabel ?? ''")
        named = NAMED.search(label)
        return named[1] if named else ""

    def _ask(self, button: str, whose: str, talked: str) -> None:
        """What the user lets the page do by a button; a hold, which forbids, counts when it is pressed."""
        server = self.server
        match button:
            case "Answer":
                self.judge.pressed = Press()
            case "Hold and answer" | "End and answer":
                self.judge.pressed = Press(button.partition(" ")[0].lower(), talked)
            case "Resume" | "Swap":
                for told in server.with_(whose):
                    told.wish = False
            case "Audio call" | "Video call":
                server.dialled = types_pb2.Kinds(audio=True, video=button == "Video call")
            case "Hang up":
                server.dialled = None
            case "Turn camera on" | "Turn camera off" | "Unmute":
                kind = "audio" if button == "Unmute" else "video"
                live = [told.asked for told in server.with_(whose) if told.live]
                for asked in [*live, *([server.dialled] if server.dialled else [])]:
                    setattr(asked, kind, button != "Turn camera off")
            case _:
                pass

    def _show(self, call_id: str, how: str) -> None:
        view = self.server.next(call_id)
        if how in _PHASES:
            role, view.phase, view.here = _PHASES[how]
            view.role = role or view.role
            if "rings" in how:
                view.asked.video = how == "rings with video"
        elif how in _ADMITS:
            view.may_send.CopyFrom(_ADMITS[how])
        elif how in _HOLDS:
            view.holds, view.peer_holds = _HOLDS[how]
            view.version -= "once more" in how
        else:
            view.version = max(1, view.version - 2)
            view.holds = view.peer_holds = False
            view.phase, view.here = client_pb2.PHASE_CONNECTED, True
        view.sends.CopyFrom(types_pb2.Kinds(audio=True, video=True))
        self.server.show(view)

    def _reply(self, call_id: str, how: str) -> None:
        if not self.server.pending:
            return
        frame = self.server.pending.pop(0)
        verb = frame.WhichOneof("body")
        own = self.server.call_of(frame) or call_id
        match how:
            case "with a refusal":
                self.server.refuse(frame)
                if verb == "place":
                    self.server.dialled = None
                return
            case "with nothing":
                self.server.reply(frame, None)
                return
        view = self.server.next(call_id if how == "with another call" else own)
        if verb == "place":
            view.role, view.phase, view.here = client_pb2.ROLE_CALLER, client_pb2.PHASE_CALLING, True
        elif verb == "answer":
            view.phase, view.here = client_pb2.PHASE_CONNECTING, True
        elif verb in ("hang_up", "decline"):
            view.phase, view.here, view.ending = client_pb2.PHASE_ENDED, False, types_pb2.ENDING_HUNG_UP
        elif verb == "hold":
            view.holds = frame.hold.on
        if verb in ("place", "answer", "set_media"):
            view.sends.CopyFrom(getattr(frame, verb).kinds)
        self.server.reply(frame, view)


async def run(
    open_scene: Callable[[], Awaitable[Scene]], seeds: Iterable[int], most_failures: int = 1, tries: int = 40
) -> Outcome:
    """Tells the story of each seed to a page; stops after so many that went wrong.

    What went wrong is told again, without this or that turn, at most so many tries: for the shortest story.
    """
    scene = await open_scene()
    outcome = Outcome()
    started = time.monotonic()
    for seed in seeds:
        turns = story(seed)
        wrongs, told = await scene.tell(f"{seed}", turns)
        outcome.stories += 1
        outcome.turns += told
        for kind in outcome.talked:
            outcome.talked[kind] += scene.judge.arrived.get(kind, 0) > 0
        outcome.held += scene.judge.held
        outcome.resumed += scene.judge.resumed
        if wrongs:
            outcome.failures.append(await _shorter(scene, seed, turns[:told], wrongs, tries))
        if len(outcome.failures) >= most_failures:
            break
    outcome.seconds = time.monotonic() - started
    return outcome


async def _shorter(scene: Scene, seed: int, turns: list[Turn], wrongs: list[str], tries: int) -> Failure:
    told = 0
    found = wrongs

    async def fails(rest: list[Turn]) -> bool:
        nonlocal told, found
        told += 1
        again, _ = await scene.tell(f"{seed}_{told}", rest)
        found = again or found
        return bool(again)

    return Failure(seed, await shortest(turns, fails, tries), found)
