"""Does what the steps of a scene say."""

from __future__ import annotations

from ringline.v1 import client_pb2, types_pb2
from tests.properties.script import DEVICES, Step
from tests.properties.stage import Device, Stage, end_by_operator, gate, revoke
from tests.properties.town import Person

NEWS_SECONDS = 0.02
AUDIO, BOTH = types_pb2.Kinds(audio=True), types_pb2.Kinds(audio=True, video=True)


class Player:
    """Does what the steps of a scene say."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def play(self, step: Step) -> None:
        """One step."""
        device = self.stage.devices[step.person * DEVICES + step.device]
        if step.word == "goes on":
            device = await self._who_goes_on(step) or device
        work = getattr(self, "_" + step.word.replace(" ", "_"))(device, step)
        task = self.stage.start(work)
        if not step.races:
            await task

    def _call(self, device: Device, step: Step) -> str:
        """A call that this device knows, or else one that others know."""
        own = device.live() or list(reversed(device.calls.values()))
        if own and step.back < 3:
            return own[min(step.back, len(own) - 1)].call_id
        known = [call_id for one in self.stage.devices for call_id in one.calls]
        return known[step.back % len(known)] if known else "c_" + "0" * 30

    async def _say(self, device: Device, step: Step, verb: str, about: str, **body: object) -> None:
        await self.stage.say(device, verb, about, step.pods, **body)  # type: ignore[arg-type]

    # ------------------------------------------------------------ what people do

    async def _who_goes_on(self, step: Step) -> Device | None:
        """Somebody who has something to do, waiting a moment for it."""

        def able() -> list[Device]:
            return [one for one in self.stage.devices if self._next(one, step) is not None]

        if not await self.stage.until(lambda: bool(able()), NEWS_SECONDS):
            return None
        return able()[(step.person * DEVICES + step.device) % len(able())]

    def _next(self, device: Device, step: Step) -> tuple[str, str] | None:
        """What somebody would do next with this device: a word, and the call."""
        if device.line is None:
            return None
        for call in device.live():
            mine = call.call_id
            if call.role == client_pb2.ROLE_CALLEE and not call.here:
                return self._next_of_ringing(device, step, mine), mine
            if call.here and call.phase == client_pb2.PHASE_CONNECTING:
                if not call.described and (call.role == client_pb2.ROLE_CALLEE or call.peer_described):
                    return "describes", mine
                return "reports", mine
            if call.here and call.phase == client_pb2.PHASE_CONNECTED:
                return ("hangs up" if step.back == 3 else "sets media"), mine
        return None

    def _next_of_ringing(self, device: Device, step: Step, call: str) -> str:
        """It rings; behind another call it waits, is answered after that was put on hold, or declined; it
        waits no longer where that one is over.
        """
        if call not in device.rang or (call in device.waiting and not device.talking()):
            return "rings"
        if step.back == 3:
            return "declines"
        return "holds and answers" if device.talking() else "answers"

    async def _holds_and_answers(self, device: Device, step: Step, call: str) -> None:
        for other in device.talking():
            if not other.holds:
                await self._holds(device, step, other.call_id)
        await self._answers(device, step, call)

    async def _calls_who_talks(self, device: Device, step: Step) -> None:
        """Somebody who is in no call calls somebody who is in one."""

        def talkers() -> list[Person]:
            return [one.person for one in self.stage.devices if one.talking()]

        if not await self.stage.until(lambda: bool(talkers()), NEWS_SECONDS):
            return
        busy = {one.person.user_id for one in self.stage.devices if one.live()}
        free = [one for one in self.stage.devices if one.line and one.person.user_id not in busy]
        if free:
            caller = free[(step.person * DEVICES + step.device) % len(free)]
            await self._place(caller, step, talkers()[step.other % len(talkers())])

    async def _goes_on(self, device: Device, step: Step) -> None:
        found = self._next(device, step)
        if found is None:
            callee = self.stage.people[(step.person + step.other) % len(self.stage.people)]
            if callee is not device.person:
                await self._place(device, step, callee)
            return
        await getattr(self, "_" + found[0].replace(" ", "_"))(device, step, found[1])

    async def _places(self, device: Device, step: Step) -> None:
        callee = self.stage.people[(step.person + step.other) % len(self.stage.people)]
        await self._place(device, step, callee)

    async def _place(self, device: Device, step: Step, callee: Person) -> None:
        place = client_pb2.Place(username=callee.username, kinds=BOTH if step.back % 2 else AUDIO)
        await self._say(device, step, "place", callee.user_id, place=place)

    async def _rings(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        device.rang.add(call)
        waits = bool(device.talking()) and step.back != 3  # now and then it rings aloud all the same
        (device.waiting.add if waits else device.waiting.discard)(call)
        ringing = client_pb2.Ringing(call_id=call, waits=waits)
        await self._say(device, step, "ringing", call, ringing=ringing)

    async def _answers(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        answer = client_pb2.Answer(call_id=call, kinds=BOTH if step.back % 2 else AUDIO)
        if step.other_way:
            answer.description.CopyFrom(client_pb2.Description(generation=1, body=b"offer"))
        await self._say(device, step, "answer", call, answer=answer)

    async def _declines(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        decline = client_pb2.Decline(call_id=call, everywhere=step.other_way)
        await self._say(device, step, "decline", call, decline=decline)

    async def _hangs_up(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        await self._say(device, step, "hang_up", call, hang_up=client_pb2.HangUp(call_id=call))

    async def _sets_media(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        kinds = BOTH if step.other_way else AUDIO
        await self._say(
            device, step, "set_media", call, set_media=client_pb2.SetMedia(call_id=call, kinds=kinds)
        )

    async def _holds(self, device: Device, step: Step, call: str = "", on: bool = True) -> None:
        call = call or self._call(device, step)
        verb = "hold" if on else "resume"
        await self._say(device, step, verb, call, hold=client_pb2.Hold(call_id=call, on=on))

    async def _takes_back(self, device: Device, step: Step) -> None:
        await self._holds(device, step, on=False)

    async def _describes(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        known = device.calls.get(call, client_pb2.Call())
        description = client_pb2.Description(
            generation=known.described + 1, answers=known.peer_described, body=b"words"
        )
        describe = client_pb2.Describe(call_id=call, description=description)
        await self._say(device, step, "describe", call, describe=describe)

    async def _adds_candidates(self, device: Device, step: Step) -> None:
        call = self._call(device, step)
        known = device.calls.get(call, client_pb2.Call())
        add = client_pb2.AddCandidates(call_id=call, generation=known.described, candidates=[b"candidate"])
        await self._say(device, step, "add_candidates", call, add_candidates=add)

    async def _reports(self, device: Device, step: Step, call: str = "") -> None:
        call = call or self._call(device, step)
        failed = step.other_way and step.back == 3
        state = client_pb2.MEDIA_STATE_FAILED if failed else client_pb2.MEDIA_STATE_FLOWING
        await self._say(device, step, "report", call, report=client_pb2.Report(call_id=call, state=state))

    # ------------------------------------------------------------ what goes wrong

    async def _says_it_again(self, device: Device, step: Step) -> None:
        line = device.line
        if line is None or not device.said:
            return
        frame, verb, about = device.said[max(0, len(device.said) - 1 - step.back)]
        await line.say(frame, verb, about, step.pods)

    async def _says_it_late(self, device: Device, step: Step) -> None:
        """A connection that was replaced or closed says something after all."""
        if device.line is None or device.former is None:
            return
        call = self._call(device, step)
        body: dict[str, object] = {"hang_up": client_pb2.HangUp(call_id=call)}
        if step.other_way:
            body = {"answer": client_pb2.Answer(call_id=call, kinds=AUDIO)}
        frame = client_pb2.ClientFrame(command_id=self.stage.command_id(), **body)  # type: ignore[arg-type]
        await device.former.attempt(frame, next(iter(body)), call, step.pods[0])

    async def _opens(self, device: Device, step: Step) -> None:
        await self.stage.enter(device, int(step.other_way), step.pods[0])

    async def _closes(self, device: Device, step: Step) -> None:
        if device.line is not None:
            device.line.gateway.leave(device.line)

    async def _is_deaf(self, device: Device, step: Step) -> None:
        self.stage.gateways[int(step.other_way)].deaf += 1 + step.back

    async def _compares(self, device: Device, step: Step) -> None:
        self.stage.gateways[int(step.other_way)].link.compare()

    async def _waits(self, device: Device, step: Step) -> None:
        await self._who_goes_on(step)

    async def _is_revoked(self, device: Device, step: Step) -> None:
        if step.back == 0:  # rarely: it does nothing more for the rest of the scene
            await revoke(self.stage, device, step.pods[0])

    async def _blocks(self, device: Device, step: Step) -> None:
        await self._gate(device, step, closed=True)

    async def _unblocks(self, device: Device, step: Step) -> None:
        await self._gate(device, step, closed=False)

    async def _gate(self, device: Device, step: Step, closed: bool) -> None:
        other = self.stage.people[(step.person + step.other) % len(self.stage.people)]
        await gate(self.stage, device.person.user_id, other.user_id, closed, step.pods[0])

    async def _is_ended_by_the_operator(self, device: Device, step: Step) -> None:
        if step.back == 0:
            await end_by_operator(self.stage, self._call(device, step), step.pods[0])
