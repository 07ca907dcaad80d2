"""What hypothesis makes up: who is who, what they do. A new command is a word here, a method in player.py.

A scene is a few people who know each other somehow, on two gateways of their own; an act is scenes that are
played beside each other on the same servers, one of which may be restarted meanwhile. Everything shrinks
towards fewer scenes, fewer and simpler steps, and no restart.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.properties.town import COPIES, SERVICES

PEOPLE = 4
"""So many that somebody calls who is in a call, and a third one while that call waits."""
DEVICES = 2
"""Of each of them."""
MOST_STEPS = 36
MOST_SCENES = 40

WORDS = {
    "goes on": 30,
    "places": 6,
    "calls who talks": 8,
    "answers": 4,
    "declines": 2,
    "hangs up": 3,
    "rings": 2,
    "sets media": 2,
    "describes": 2,
    "adds candidates": 1,
    "reports": 2,
    "says it again": 5,
    "says it late": 3,
    "opens": 5,
    "closes": 2,
    "is deaf": 4,
    "compares": 2,
    "holds": 3,
    "takes back": 2,
    "is revoked": 1,
    "blocks": 1,
    "unblocks": 2,
    "is ended by the operator": 1,
    "waits": 2,
}
"""What can be done, and how often of their sum. "goes on" is what a person would do next."""
ALPHABET = [word for word, weight in WORDS.items() for _ in range(weight)]
KEYS = ("", "0000000000000000", "zzzzzzzzzzzzzzzz", "99991231T235959Z")
"""How command ids begin: as ours, or as a hostile client's, low, high, or dated in the future."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does, on one of his devices, to somebody else."""

    word: str
    person: int = 0
    device: int = 0
    other: int = 0
    pods: tuple[int, ...] = (0,)
    """The processes of signaling that get it; both where it is sent twice at once."""
    back: int = 0
    """Which of the calls he knows, or of the commands he said, counted from the newest."""
    other_way: bool = False
    races: bool = False
    """The next step does not wait for the answer of this one."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Some people and what they do. `everyone` and `contacts` are who may call whom."""

    everyone: tuple[bool, ...]
    contacts: tuple[tuple[int, ...], ...]
    offline: tuple[int, ...]
    """Devices, by number, that are not there at the beginning."""
    key: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """A process that ends in the middle, and comes back."""

    service: str
    number: int
    crash: bool


@dataclass(frozen=True, slots=True)
class Act:
    """Scenes that are played at the same time."""

    scenes: tuple[Scene, ...]
    restart: Restart | None
    is_patient: bool = False
    """In the end nobody ends what did not connect: deadlines must. Of a whole act, because its scenes wait
    for them beside each other.
    """

    @property
    def steps(self) -> int:
        """How many steps there are in all scenes."""
        return sum(len(scene.steps) for scene in self.scenes)

    def __repr__(self) -> str:
        how = f"restart: {self.restart}, patient: {self.is_patient}"
        return f"<{len(self.scenes)} scenes of {self.steps} steps, {how}>"


_person = st.integers(0, PEOPLE - 1)
_pods = st.sampled_from([(0,), (1,), (0,), (1,), (0, 1)])
step = st.builds(
    Step,
    word=st.sampled_from(ALPHABET),
    person=_person,
    device=st.integers(0, DEVICES - 1),
    other=st.integers(1, PEOPLE - 1),
    pods=_pods,
    back=st.integers(0, 3),
    other_way=st.booleans(),
    races=st.booleans(),
)
_contacts = st.tuples(
    *(
        st.sampled_from(_some)
        for _some in ([(1,), (), (1, 2)], [(0,), (), (0, 2, 3)], [(0,), ()], [(1,), (0, 1), ()])
    )
)


@st.composite
def scene(draw: st.DrawFn) -> Scene:
    """One scene."""
    count = draw(st.integers(1, MOST_STEPS))
    return Scene(
        everyone=draw(st.tuples(*[st.sampled_from([True, True, True, False])] * PEOPLE)),
        contacts=draw(_contacts),
        offline=draw(st.sampled_from([(), (), (), (1,), (3,), (2, 3), (4, 5, 7)])),
        key=draw(st.sampled_from(KEYS)),
        steps=tuple(draw(step) for _ in range(count)),
    )


@st.composite
def act(draw: st.DrawFn) -> Act:
    """Scenes at the same time, one in five with a restart, one in eight with patience in the end."""
    count = draw(st.integers(1, MOST_SCENES))
    restart = None
    if draw(st.sampled_from([False] * 4 + [True])):
        restart = Restart(
            draw(st.sampled_from(SERVICES)), draw(st.integers(0, COPIES - 1)), draw(st.booleans())
        )
    is_patient = draw(st.sampled_from([False] * 7 + [True]))
    return Act(tuple(draw(scene()) for _ in range(count)), restart, is_patient)
