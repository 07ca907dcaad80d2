"""A server that says anything, and remembers what the user of its page asked for and was told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from playwright.async_api import WebSocketRoute

from ringline.v1 import client_pb2, reasons_pb2, types_pb2

IN_CALL = (
    "answer", "decline", "hang_up", "hold", "set_media", "describe", "add_candidates", "report",
    "renew_relay",
)  # fmt: skip
"""What a page says about one call."""


@dataclass
class Told:
    """One call: what the page was told of it, and what its user asked for in it."""

    view: client_pb2.Call
    asked: types_pb2.Kinds = field(default_factory=types_pb2.Kinds)
    """The kinds that the user asked for, by gestures alone."""
    bound: bool = False
    """The page was told, since it was loaded and asked, that the call is answered and here."""
    ever: bool = False
    """It was bound at any time of the story."""
    over: bool = False
    """The user left it, or the page was told that it is over."""
    wish: bool | None = None
    """The user put it on hold, or took it back; None where neither. Only his gesture ends his hold."""

    @property
    def silent(self) -> bool:
        """One of the two has it on hold: as its user wishes, or as the newest view says."""
        return self.wish is True or self.view.holds or self.view.peer_holds

    def may_send(self, kind: str) -> bool:
        """Whether a kind may leave the device in this call now."""
        admitted = getattr(self.asked, kind) and getattr(self.view.may_send, kind)
        return bool(self.live and self.bound and admitted and not self.silent)

    @property
    def live(self) -> bool:
        """The user asked for it and has not left it."""
        return not self.over and (self.asked.audio or self.asked.video)

    def ask(self, kinds: types_pb2.Kinds) -> None:
        """The user places or answers this call: whatever was before, it begins now."""
        self.asked = types_pb2.Kinds(audio=kinds.audio, video=kinds.video)
        self.bound = self.over = False
        self.wish = None


class HostileServer:
    """Speaks to the page whose socket it has."""

    def __init__(self, peers: Sequence[types_pb2.Profile]) -> None:
        self._peers = peers
        self._socket: WebSocketRoute | None = None
        self.calls: dict[str, Told] = {}
        self.pending: list[client_pb2.ClientFrame] = []
        """Commands without a reply."""
        self.heard: list[client_pb2.ClientFrame] = []
        """What the page said and nobody has looked at yet."""
        self.dialled: types_pb2.Kinds | None = None
        """The user pressed a button to call; the answer to Place will name the call."""
        self.welcomes = 0

    def begin(self) -> None:
        """A new story: nothing of the one before is known."""
        self.calls = {}
        self.pending = []
        self.heard = []
        self.dialled = None

    def meet(self, socket: WebSocketRoute) -> None:
        """Takes a connection of the page; only the newest one counts."""
        self._socket = socket
        socket.on_message(lambda data: self._hear(socket, data))

    def call(self, call_id: str) -> Told:
        """What is known of this call, from the first mention on."""
        if call_id not in self.calls:
            peer = self._peers[int(call_id.rpartition("_")[2])]
            both = types_pb2.Kinds(audio=True, video=True)
            view = client_pb2.Call(
                call_id=call_id, role=client_pb2.ROLE_CALLEE, phase=client_pb2.PHASE_CALLING, peer=peer,
                asked=types_pb2.Kinds(audio=True), may_send=both, peer_may_send=both, ring_left_ms=40_000,
            )  # fmt: skip
            self.calls[call_id] = Told(view)
        return self.calls[call_id]

    def with_(self, username: str) -> list[Told]:
        """The call with this person, as the page names it: at most one."""
        return [told for told in self.calls.values() if told.view.peer.username == username]

    def next(self, call_id: str) -> client_pb2.Call:
        """The view that would follow the newest one of this call, to be changed and shown."""
        view = client_pb2.Call()
        view.CopyFrom(self.call(call_id).view)
        view.ClearField("peer_description")
        view.version += 1
        return view

    def show(self, view: client_pb2.Call) -> None:
        """Sends a view."""
        self._tell(view)
        self.send(client_pb2.ServerFrame(call=view))

    def reply(self, frame: client_pb2.ClientFrame, view: client_pb2.Call | None) -> None:
        """Says that a command was carried out."""
        done = client_pb2.Done()
        if view is not None:
            if frame.WhichOneof("body") == "place" and self.dialled is not None:
                self.call(view.call_id).ask(self.dialled)
                self.dialled = None
            # A view of another call than the command's own is one that no page may take for its own.
            if self.call_of(frame) in ("", view.call_id):
                self._tell(view)
            done.call.CopyFrom(view)
        self.send(client_pb2.ServerFrame(reply_to=frame.id, done=done))

    def refuse(self, frame: client_pb2.ClientFrame) -> None:
        """Says that a command was refused."""
        refusal = reasons_pb2.Refusal(reason=reasons_pb2.REASON_KIND_NOT_ADMITTED, sentence="no")
        self.send(client_pb2.ServerFrame(reply_to=frame.id, refused=refusal))

    def send(self, frame: client_pb2.ServerFrame) -> None:
        """Sends a frame as it is."""
        assert self._socket is not None
        self._socket.send(frame.SerializeToString())

    def call_of(self, frame: client_pb2.ClientFrame) -> str:
        """The call that a frame of the page is about; "" for Place."""
        verb = frame.WhichOneof("body")
        return str(getattr(frame, verb).call_id) if verb in IN_CALL else ""

    def may_send(self, kind: str, call_id: str = "") -> bool:
        """Whether a kind may leave the device in this call; in any where it is not known in which."""
        calls = [self.calls[call_id]] if call_id in self.calls else self.calls.values()
        return any(told.may_send(kind) for told in calls)

    def asked(self, kind: str) -> bool:
        """Whether the user has asked for a kind in a call that goes on."""
        dialled = self.dialled is not None and bool(getattr(self.dialled, kind))
        return dialled or any(told.live and getattr(told.asked, kind) for told in self.calls.values())

    def _tell(self, view: client_pb2.Call) -> None:
        told = self.call(view.call_id)
        if view.version < told.view.version:
            return
        told.view.CopyFrom(view)
        answered = view.phase in (client_pb2.PHASE_CONNECTING, client_pb2.PHASE_CONNECTED)
        elsewhere = not view.here and (answered or view.role == client_pb2.ROLE_CALLER)
        if view.phase == client_pb2.PHASE_ENDED or elsewhere:
            told.over = True
        elif answered:
            told.bound = told.ever = True

    def _hear(self, socket: WebSocketRoute, data: str | bytes) -> None:
        if socket is not self._socket:
            return
        assert isinstance(data, bytes)
        frame = client_pb2.ClientFrame.FromString(data)
        match frame.WhichOneof("body"):
            case "hello":
                self._welcome(frame.id)
            case "ping":
                self.send(client_pb2.ServerFrame(beat=client_pb2.Beat()))
            case _:
                self.heard.append(frame)
                if frame.id:
                    self.pending.append(frame)

    def _welcome(self, number: int) -> None:
        """A page that was loaded anew knows the calls that its welcome names, and no other."""
        self.pending = []
        self.heard = []
        self.dialled = None
        live = [told for told in self.calls.values() if told.live]
        for told in self.calls.values():
            told.bound = False
            told.over = told not in live
        for told in live:
            self._tell(told.view)
            if told.bound and told.wish is None and told.view.holds:
                told.wish = True  # the page knows of no gesture: what it finds on hold waits for one
        welcome = client_pb2.Welcome(calls=[told.view for told in live], incarnation=1, silence_ms=60_000)
        self.send(client_pb2.ServerFrame(reply_to=number, welcome=welcome))
        self.welcomes += 1
