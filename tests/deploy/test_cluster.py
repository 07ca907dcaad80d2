"""The rendered manifests, run: a call, and then everything that happens to pods, while people call."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.browser.apart.turn import DONE, Turn
from tests.deploy import page
from tests.deploy.callgraph import expected_flows
from tests.deploy.cast import Cast, callers, friends, see_each_other, talking
from tests.deploy.cluster.cluster import Cluster, cluster, within_network
from tests.deploy.cluster.forward import forwarded
from tests.deploy.cluster.kubectl import kubectl
from tests.deploy.cluster.metrics import figure
from tests.deploy.cluster.network import NODE
from tests.deploy.cluster.objects import OVERLAY, copied
from tests.deploy.cluster.pod import Running
from tests.deploy.cluster.reach import reached
from tests.deploy.cluster.remains import remains
from tests.deploy.cluster.roots import of_image, stand_ins
from tests.deploy.cluster.volumes import size_of
from tests.deploy.image import Image
from tests.house.sources import ROOT, services
from tests.servers import scratch, until
from tests.suite.people import PATIENCE, People
from tests.suite.traffic import moves, traffic

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAIRS = 3
FORBIDDEN = 403
DRAIN_SECONDS = 60.0
FAIR_SECONDS = 60.0
"""A new pod has its share of calls so soon after it is ready."""
SAMPLE = 60
"""Calls among which shares are looked at."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(image: Image) -> AsyncIterator[Cluster]:
    """A cluster, with nothing of ours in it at first."""
    with scratch("ringline-cluster-") as folder:
        roots = {"ringline": of_image(image)} | stand_ins(folder)
        async with cluster(folder, roots) as made:
            yield made
            assert len(remains(folder)) > len(made.running), "what is left would not be found"
        assert not remains(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(running: Cluster) -> AsyncIterator[Cast]:
    """Who calls, to the last story."""
    await kubectl(running, f"kubectl apply -k {OVERLAY}")
    await running.until_exists("Secret", "ringline-relay")
    # What is the operator's part: the relay's secret, in the relay's namespace too.
    running.apply(copied(running.objects.get("Secret", "ringline", "ringline-relay"), "ringline-relay"))
    await running.until_settled()
    async with callers(running, PAIRS) as everybody:
        yield everybody


def stopped(running: Cluster, name: str) -> Running:
    """The pod of that Deployment that ended last: in order, within its grace."""
    last = [one for one in running.past if one.pod.owner == f"Deployment {name}"][-1]
    assert (last.was_overdue, last.status) == (False, 0), f"{last.pod.name} did not end by itself, and well"
    assert last.stop_seconds <= DRAIN_SECONDS
    return last


async def test_the_page_leads_from_nothing_to_a_call(running: Cluster) -> None:
    """The lines of both pages under "Trial", each as it is there."""
    *lines, forward = block((ROOT / "deploy/k8s/README.md").read_text(), "## Trial")
    [trial] = [one.commands for one in page.blocks() if one.title == "trial: install"]
    assert [*lines, forward] == trial.splitlines()
    for line in lines:
        await kubectl(running, line)
    await running.until_settled()
    restarts = {one.pod.name: one.restarts for one in running.running if one.restarts}
    assert not restarts, f"a start in any order is no crash: {restarts}\n{running.told()}"
    [service, port] = forward.removeprefix("kubectl -n ringline port-forward service/").split()
    async with forwarded(running, service, int(port)) as origin, httpx.AsyncClient(trust_env=False) as http:
        with within_network(running.outside):
            people = People([origin], http)
            ada, bob = await friends(people)
            async with talking(Cast(people, ada, bob, [])) as (call, ring):
                await see_each_other(call, ring)
            await people.close()


def block(text: str, title: str) -> list[str]:
    """The lines of the first block of commands under a title."""
    return text.partition(title)[2].partition("```sh\n")[2].partition("```")[0].splitlines()


async def test_a_call_may_use_the_relay_which_leads_nowhere_behind_it(running: Cluster, cast: Cast) -> None:
    async with talking(cast) as (call, _):
        given = call.relay
        turn = Turn(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), given.username, given.credential)
        with turn.socket:
            assert await asyncio.to_thread(turn.allocate) == DONE
            assert await asyncio.to_thread(turn.permit, NODE) == DONE
            for one in running.running:
                if not one.pod.is_on_host:
                    assert await asyncio.to_thread(turn.permit, one.pod.address) == FORBIDDEN


@pytest.mark.shows("S10", "L2", "L4", "L5")
@pytest.mark.parametrize("name", services())
async def test_a_deployment_is_restarted_pod_by_pod_under_calls_and_nobody_notices(
    running: Cluster, cast: Cast, name: str
) -> None:
    async with talking(cast), traffic(cast.people, cast.pairs) as log:
        log.gateway_stops = name == "gateway"
        await moves(log)
        await kubectl(running, f"kubectl -n ringline rollout restart deployment/{name}")
        await kubectl(running, f"kubectl -n ringline rollout status deployment/{name}")
        await moves(log)
    assert not log.troubles, f"{log.troubles}\n{running.told()}"
    print(f"{name}: stopped in {stopped(running, name).stop_seconds:.1f} s under {log.calls} calls")


@pytest.mark.parametrize("name", services())
async def test_a_pod_that_is_killed_is_replaced_and_calls_go_on(
    running: Cluster, cast: Cast, name: str
) -> None:
    async with talking(cast):
        [victim] = running.pods(name)
        await kubectl(running, f"kubectl -n ringline delete pod {victim.pod.name} --force --grace-period=0")
        await running.settled(name)
        [other] = running.pods(name)
        assert other.pod.name != victim.pod.name
    async with talking(cast):
        pass


async def test_a_process_that_crashes_begins_anew_in_its_pod(running: Cluster, cast: Cast) -> None:
    async with talking(cast):
        [pod] = running.pods("signaling")
        address, container = pod.pod.address, pod.container
        assert container is not None
        await container.signal("KILL")
        await until(lambda: pod.restarts == 1 and pod.pod.serves, PATIENCE * 3, running.told)
        assert pod.pod.address == address


async def test_a_gateway_is_drained_and_its_lines_are_elsewhere(running: Cluster, cast: Cast) -> None:
    running.scale("gateway", 2)
    await running.settled("gateway")
    async with talking(cast), traffic(cast.people, cast.pairs) as log:
        log.gateway_stops = True
        lines = {one: await figure(one, "ringline_lines") for one in running.pods("gateway")}
        fullest = max(lines, key=lambda one: lines[one])
        assert lines[fullest] > 0
        await kubectl(running, f"kubectl -n ringline delete pod {fullest.pod.name}")
        await running.settled("gateway")
        await moves(log)
    assert not log.troubles, f"{log.troubles}\n{running.told()}"
    stopped(running, "gateway")
    running.scale("gateway", 1)
    await running.settled("gateway")


async def test_a_new_signaling_pod_has_its_share_of_calls_soon_and_leaves_without_losing_one(
    running: Cluster, cast: Cast
) -> None:
    async with traffic(cast.people, cast.pairs, writes=False) as log:
        await kubectl(running, "kubectl -n ringline scale deployment/signaling --replicas=3")
        await running.settled("signaling")
        clock = asyncio.get_running_loop().time
        ready_at = clock()
        shares: list[float] = []
        while not shares or min(shares) < 1 / 6:
            assert clock() - ready_at < FAIR_SECONDS, f"shares of calls: {shares}"
            before = [await placed(one) for one in running.pods("signaling")]
            await moves(log, SAMPLE, within=FAIR_SECONDS)
            after = [await placed(one) for one in running.pods("signaling")]
            shares = [
                (new - old) / (sum(after) - sum(before)) for new, old in zip(after, before, strict=True)
            ]
            print("share of calls per pod:", " ".join(f"{share:.0%}" for share in shares))
        running.scale("signaling", 1)
        await running.settled("signaling")
        await moves(log)
    assert not log.troubles, f"{log.troubles}\n{running.told()}"
    stopped(running, "signaling")


async def placed(pod: Running) -> float:
    """How many calls this pod of signaling has asked policy about."""
    return await figure(pod, "ringline_ask_seconds_count", stream="policy")


async def test_only_whom_the_charters_name_is_reached_and_everybody_of_those_is(running: Cluster) -> None:
    running.scale("operator", 1)
    await running.settled("operator")
    named = {flow for flow in expected_flows("trial") if running.pods(flow[0])}
    named |= {("outside", "gateway", 8080), ("outside", "coturn", 3478)}
    found = await reached(running)
    assert found - named == set(), "reached, and no charter says so"
    assert named - found == set(), "named by a charter, and not reached"


async def test_the_operator_runs_commands_where_the_manifest_says(running: Cluster, cast: Cast) -> None:
    name = cast.ada.session.username
    await kubectl(running, "kubectl -n ringline scale deployment/operator --replicas=1")
    await running.settled("operator")
    line = f"kubectl -n ringline exec -it deployment/operator -- ringline user show {name}"
    assert name in await kubectl(running, line)
    await kubectl(running, "kubectl -n ringline scale deployment/operator --replicas=0")
    await running.settled("operator")


async def test_every_container_is_held_to_its_memory_and_none_came_near_it(running: Cluster) -> None:
    """Looked at at the end, after everything that was done."""
    shares = {one.pod.name: one.peak / limit_of(one) for one in (*running.running, *running.past)}
    fullest = max(shares, key=lambda name: shares[name])
    print(f"the most memory, of its limit: {fullest} {shares[fullest]:.0%}")
    assert shares[fullest] < 0.9
    if not any(one.peak for one in running.running):
        print("NO CONTROL GROUPS HERE: no container was held to its memory limit")


def limit_of(pod: Running) -> int:
    """The bytes that its container may have."""
    return size_of(pod.pod.container["resources"]["limits"]["memory"])
