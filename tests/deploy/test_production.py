"""docs/operations.md, followed word by word: from nothing to a call in production, and what comes after."""

import asyncio
import re
import secrets
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from ringline.client import Call
from ringline.identity import name_of as name_in_certificates
from tests.browser.apart.turn import DONE, Turn
from tests.deploy import page
from tests.deploy.cast import Cast, callers, talking
from tests.deploy.cluster.cluster import Cluster, cluster
from tests.deploy.cluster.door import door
from tests.deploy.cluster.remains import remains
from tests.deploy.cluster.roots import of_image, stand_ins
from tests.deploy.cluster.site import Site
from tests.deploy.image import Image
from tests.deploy.manifests import name_of, namespace_of
from tests.deploy.reader import Reader
from tests.deploy.standby import database
from tests.house.sources import ROOT, services
from tests.servers import scratch, until
from tests.suite.people import PATIENCE, talk
from tests.suite.traffic import Log, moves, traffic

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIRST, SECOND = "10.20.0.10", "10.20.0.11"
LISTS = re.compile(r"ringline_(db_password_\w+|nats_password_\w+|\w+_key|\w+_secret)")
"""The keys of secrets that may be two values."""
RELAYS = {"relay-1.example.org": "198.51.100.201", "relay-2.example.org": "198.51.100.202"}
SITE = Site(
    "ingress-nginx",
    RELAYS,
    {"database.example.org": [FIRST], "relay.example.org": list(RELAYS.values())},
)
"""What the page says that one brings, and the names that it uses."""
OWN = """
RINGLINE_DIRECTORY_SIGN_UPS_PER_HOUR=0
RINGLINE_POLICY_RING_PLACES_PER_MINUTE=0
RINGLINE_POLICY_RING_PAIR=0
RINGLINE_POLICY_RING_STRANGERS_PER_DAY=0
RINGLINE_POLICY_RING_HEARD=0
RINGLINE_POLICY_RING_HEARD_PER_DAY=0
RINGLINE_POLICY_RING_DECLINED_S=0
RINGLINE_POLICY_RING_NEW_DAYS=0
"""
"""The same friends ring each other over and over, from one address."""
PAIRS = 2
BACK_SECONDS = 60.0
"""Within these everybody is connected again by himself, after all was away."""
DATA = (ROOT / "docs" / "operations-data.md").read_text()
ELSEWHERE = {
    *("trial: image", "trial: install", "uninstall: trial", "image", "registry", "mirror"),
    *("prometheus", "identity provider", "relay: translated addresses", "traces"),
}
"""Blocks that test_operations.py carries out."""
LOOKS = (
    "look CallsCannotBePlaced AnswersAreSlow ServiceIsGone NobodyIsReady ServicesDoNotAnswer FaultsAreLogged"
    " CertificatesExpire DatabaseIsAtRisk EventsWait EventsAreGivenUp EventLogWasLost"
    " RevocationsAreNotSettled pending"
).split()
"""Blocks of alerts and troubles that may be carried out at any time."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(image: Image) -> AsyncIterator[Cluster]:
    """A cluster with two nodes for the relay, and nothing of ours in it at first."""
    with scratch("ringline-production-") as folder:
        roots = {"registry.example.org/ringline": of_image(image)} | stand_ins(folder)
        async with cluster(folder, roots, SITE) as made:
            yield made
        assert not remains(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(running: Cluster) -> AsyncIterator[Reader]:
    """A newcomer with a Postgres, whose commits wait for its standby."""
    password = secrets.token_hex(8)
    first = await running.play("databases", "first", own=FIRST)
    second = await running.play("databases", "second", own=SECOND)
    desk = await running.play("newcomer", "newcomer")
    folder = running.folder / "newcomer"
    folder.mkdir()
    with database(running.folder, password, (first, FIRST), (second, SECOND)) as postgres:
        passwords = folder / "passwords"
        passwords.write_text(f"*:*:*:postgres:{password}\n")
        passwords.chmod(0o600)
        own = {"PGHOST": "database.example.org", "PGHOSTADDR": FIRST, "PGUSER": "postgres"}
        who = Reader(folder, desk, postgres.programs, PGPASSFILE=str(passwords), **own)
        async with door(running, folder, Path(sys.executable).with_name("kubectl")) as unknown:
            yield who
        assert not unknown


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(running: Cluster) -> AsyncIterator[Cast]:
    """Who calls."""
    async with callers(running, PAIRS) as everybody:
        yield everybody


async def test_the_page_leads_from_nothing_to_a_running_production(running: Cluster, reader: Reader) -> None:
    """Blocks of the page, in its order; only what a test changes in its own overlay is not the page's."""
    told = await reader.follows("database")
    assert "second" in told, "the database waits for its standby"
    await reader.follows("overlay")
    with (reader.folder / "ringline-site" / "settings.env").open("a") as settings:
        settings.write(OWN)
    await reader.follows("relay", "install", "owner", "wait")
    told = await reader.follows("certificates")
    ready = dict(line.split() for line in told.splitlines())
    assert ready == dict.fromkeys((*services(), "operator", "authority", "ringline-web"), "True")
    assert {name: len(running.pods(name)) for name in services()} == dict.fromkeys(services(), 2)
    assert len(running.pods("nats")) == 3
    assert {one.pod.address for one in running.pods("coturn")} == set(RELAYS.values())


async def test_people_call_through_gateways_that_speak_tls_with_the_services(
    running: Cluster, cast: Cast
) -> None:
    for name in services():
        for pod in running.pods(name):
            assert await shown(running, pod.pod.address) == [name_in_certificates(name)]
    before = logged(running)
    async with talking(cast) as (call, _):
        for relay in RELAYS.values():
            assert await relayed(call, relay) == DONE
    assert '"level":"info"' in before
    assert call.call_id not in logged(running)
    assert '"level":"info"' not in logged(running)[len(before) :], "the page says that no call is logged"


def logged(running: Cluster) -> str:
    """What pods of signaling wrote."""
    return "".join(one.log.read_text() for one in running.pods("signaling"))


async def relayed(call: Call, relay: str) -> int:
    """What a relay says to who asks for an address in that call."""
    given, own = call.relay, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with own:
        turn = Turn(own, given.username, given.credential, server=relay)
        return await asyncio.to_thread(turn.allocate)


async def paper(running: Cluster, address: str) -> bytes:
    """The certificate that a pod shows."""
    return await asyncio.to_thread(running.node.inside, lambda: certificate_of(address))


async def shown(running: Cluster, address: str) -> list[str]:
    """The names in the certificate that a pod shows."""
    certificate = x509.load_der_x509_certificate(await paper(running, address))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.DNSName)


def certificate_of(address: str) -> bytes:
    """What is shown to who asks for nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((address, 7000), 10.0) as own, context.wrap_socket(own) as safe:
        paper = safe.getpeercert(binary_form=True)
        assert paper is not None
        return paper


@asynccontextmanager
async def calling(running: Cluster, cast: Cast) -> AsyncIterator[Log]:
    """People talk and others call, whatever is done meanwhile; none of them may notice."""
    async with talking(cast), traffic(cast.people, cast.pairs) as log:
        log.gateway_stops = True
        await moves(log)
        yield log
        await moves(log)
    assert not log.troubles, f"{log.troubles}\n{running.told()}"


async def test_the_operator_has_a_pod_for_commands(reader: Reader) -> None:
    await reader.follows("operator")


async def test_services_are_scaled_alone_under_calls(running: Cluster, reader: Reader, cast: Cast) -> None:
    async with calling(running, cast):
        for title, name in (("scale signaling", "signaling"), ("scale gateways", "gateway")):
            await reader.follows(title)
            assert len([one for one in running.pods(name) if one.pod.serves]) == 4
        assert "signaling 4 4" in await reader.follows("watch")
        await reader.shell("what the page says of apply", "kubectl apply -k ../ringline-site")
        await until(lambda: len(running.pods("gateway")) == 2, PATIENCE * 5, running.told)
        await running.until_settled()
    assert {len(running.pods(name)) for name in services()} == {2}, "the overlay's bounds hold again"


async def test_a_release_replaces_the_one_before_under_calls(
    running: Cluster, reader: Reader, cast: Cast
) -> None:
    before = {one.pod.name for name in services() for one in running.pods(name)}
    release = reader.checkout / "deploy/k8s/components/release/kustomization.yaml"
    release.write_text(release.read_text().replace("newTag: 0.1.0.dev0", "newTag: 0.2.0"))
    async with calling(running, cast):
        assert await reader.follows("upgrade: secrets") == "nothing is missing\n"
        await reader.follows("upgrade")
    await running.until_settled()
    assert not before & {one.pod.name for name in services() for one in running.pods(name)}
    await reader.follows("migrations failed")
    await running.until_settled()


async def test_a_backup_is_restored_and_calls_that_ended_since_are_in_the_history(
    running: Cluster, reader: Reader, cast: Cast
) -> None:
    blocks = {one.title: one.commands for one in page.blocks(DATA)}
    await reader.follows("owner's shell")
    own = next(one.commands for one in page.blocks() if one.title == "owner's shell")
    where = f"{own}export BACKUP={reader.folder}/backup\n"
    await reader.shell("backup", where + blocks["backup"])
    call, ring = await talk(cast.ada, cast.bob)
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)
    async with asyncio.timeout(PATIENCE):  # what only the lost database knows is lost with it
        while call.call_id not in str(await cast.ada.session.past_calls()):
            pass
    await reader.follows("restore: stop")
    there = [line for line in blocks["restore"].splitlines() if not line.startswith("ringline ")]
    await reader.shell("restore", where + "\n".join(there))
    await reader.follows("restore: bring up to date", "restore: start")
    await asyncio.gather(*(phone.until_connected(BACK_SECONDS) for phone in cast.phones))
    async with talking(cast):
        past = await cast.ada.session.past_calls()
    assert call.call_id in str(past)


async def test_every_secret_is_changed_and_no_call_fails(
    running: Cluster, reader: Reader, cast: Cast
) -> None:
    old = keys(running)
    assert len(old) > 12
    async with calling(running, cast) as log:
        await reader.follows("rotate: add")
        await moves(log)
        await reader.follows("rotate: use")
        await moves(log)
        # A quarter of an hour later everybody has renewed a token of the old key, which is good for so long.
        await asyncio.gather(*(phone.session.renew() for phone in cast.phones))
        await reader.follows("rotate: forget")
    new = keys(running)
    assert new.keys() == old.keys() and not {key for key in new if "," in new[key] or new[key] == old[key]}
    async with talking(cast) as (call, _):
        assert [await relayed(call, relay) for relay in RELAYS.values()] == [DONE, DONE]


def keys(running: Cluster) -> dict[str, str]:
    """The values of all secrets that may be changed under calls."""
    found = [
        (namespace_of(one), key, content.decode())
        for one in running.objects.kind("Secret")
        for key, content in running.objects.contents("Secret", namespace_of(one), name_of(one)).items()
    ]
    return {f"{space} {key}": value for space, key, value in found if LISTS.fullmatch(key)}


async def test_the_owners_password_and_a_certificate_are_changed(
    running: Cluster, reader: Reader, cast: Cast
) -> None:
    async with calling(running, cast):
        await reader.follows("rotate: owner", "owner")
        before = {one: await paper(running, one.pod.address) for one in running.pods("signaling")}
        await reader.follows("rotate: certificate")
        for pod, old in before.items():
            async with asyncio.timeout(PATIENCE):
                while await paper(running, pod.pod.address) == old:
                    pass


async def test_what_the_page_says_to_look_at_is_there(running: Cluster, reader: Reader, cast: Cast) -> None:
    async with calling(running, cast):
        told = {title: await reader.follows(title) for title in LOOKS}
    assert "sync" in told["AnswersAreSlow"]
    assert not told["FaultsAreLogged"]
    assert "max_storage" in told["EventsWait"]
    operator = "kubectl -n ringline exec deployment/operator -- ringline user add"
    await reader.shell(
        "accounts",
        f"""
kubectl -n ringline scale deployment/operator --replicas=1
kubectl -n ringline rollout status deployment/operator --timeout=2m
{operator} ada --password {secrets.token_hex(8)}
{operator} bob --password {secrets.token_hex(8)}""",
    )
    await reader.follows("explain")
    assert "turn:relay.example.org:3478" in await reader.follows("relay is there")


async def test_nothing_is_left_when_the_page_was_followed_to_its_end(
    running: Cluster, reader: Reader, cast: Cast
) -> None:
    await cast.people.close()
    await reader.follows("uninstall")
    await running.until_settled()
    assert not running.running and not running.claims()
    left = [one for one in running.objects.things if namespace_of(one) in ("ringline", "ringline-relay")]
    assert not left
    assert {one.title for one in page.blocks()} - set(reader.done) == ELSEWHERE
