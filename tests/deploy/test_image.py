"""What is in the image, and what is not; and its roles, run from it on a read-only root."""

import json
import re
import secrets
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import httpx
from packaging.markers import Marker

from services.__main__ import SERVICES
from services.embedded import Nats, Postgres
from tests.deploy.container import container
from tests.deploy.image import PYTHON_VERSION, REVISION, ROOT, Image
from tests.servers import Process, free_port
from tests.suite.topology import SETTINGS, Topology, environment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PATIENCE = 60.0
BUILDERS = re.compile(
    r"^(cc|c\+\+|c[89]9(-gcc)?|cpp|gcc.*|g\+\+.*|clang.*|make|ld(\.(bfd|gold|lld))?|as|ar|cargo|rustc|node|npm|npx|pip.*|uv|uvx"
    r"|git|curl|wget|hatchling|cyclonedx.*|buf|nats-server|postgres|initdb)$"
)
"""Programs that build, install or fetch, or are a database or a bus."""


def files(root: Path) -> list[Path]:
    """Every file of the image."""
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def installed(image: Image) -> list[Distribution]:
    """The Python packages of the image."""
    [site] = image.root.glob("app/lib/python*/site-packages")
    return list(distributions(path=[str(site)]))


def named(found: list[Distribution]) -> dict[str, str]:
    """Their versions by their names, as indexes spell them."""
    return {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in found}


def locked() -> dict[str, str]:
    """What the lock of the product pins for this platform and Python."""
    lines = re.findall(r"^([\w.-]+)==(\S+)(.*)$", (ROOT / "requirements" / "runtime.txt").read_text(), re.M)
    here = {"python_full_version": f"{PYTHON_VERSION}.0", "python_version": PYTHON_VERSION}
    pinned = {}
    for name, version, rest in lines:
        marker = rest.strip(" \\").removeprefix(";").strip()
        if not marker or Marker(marker).evaluate(here):
            pinned[name] = version
    return pinned


def parts(image: Image) -> list[dict[str, str]]:
    """The parts that the image's own list names."""
    found: list[dict[str, str]] = json.loads((image.root / "app/sbom.cdx.json").read_text())["components"]
    return found


def listed(image: Image, kind: str) -> dict[str, str]:
    """The versions of those of one kind (pypi, npm, deb), by name."""
    return {
        unquote(part["purl"].removeprefix(f"pkg:{kind}/").rpartition("@")[0]): part["version"]
        for part in parts(image)
        if part.get("purl", "").startswith(f"pkg:{kind}/")
    }


def test_it_says_what_it_is(image: Image) -> None:
    told = image.config["Labels"].items()
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in told}
    assert labels["title"] == "ringline" and labels["licenses"] == PROJECT["license"]
    assert labels["version"] == PROJECT["version"] and labels["revision"] == REVISION
    assert named(installed(image))["ringline"] == PROJECT["version"]
    assert image.config["Entrypoint"] == ["ringline"] and not image.config.get("Cmd")
    assert set(image.config["ExposedPorts"]) == {"7000/tcp", "8080/tcp", "9090/tcp"}


def test_it_runs_as_a_user_that_can_become_no_other(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    raised = stat.S_ISUID | stat.S_ISGID
    assert not [path for path in files(image.root) if path.stat().st_mode & raised]


def test_nothing_of_the_product_can_be_written_to_by_its_user(image: Image) -> None:
    states = [(path, path.lstat()) for path in (image.root / "app").rglob("*") if not path.is_symlink()]
    assert states and not [path for path, state in states if state.st_uid != 0 or state.st_mode & 0o022]


def test_nothing_in_it_builds_or_installs_or_belongs_to_the_tests(image: Image) -> None:
    folders = [folder for folder in image.root.rglob("*bin") if folder.is_dir() and not folder.is_symlink()]
    programs = {path.name for folder in folders for path in folder.iterdir()}
    assert {"ringline", "sh"} <= programs
    assert not {name for name in programs if BUILDERS.match(name)}
    [site] = image.root.glob("app/lib/python*/site-packages")
    assert not {"tests", "bench", "tools", "pip", "web"} & {path.name for path in site.iterdir()}
    assert not [path for path in files(image.root) if path.name.startswith("pip-") or path.suffix == ".whl"]
    assert not list((image.root / "src").glob("*")) and not (image.root / "tools").exists()


def test_its_python_packages_are_those_of_the_lock_and_no_other(image: Image) -> None:
    assert named(installed(image)) == locked() | {"ringline": PROJECT["version"]}


def test_its_list_of_parts_is_what_is_in_it(image: Image) -> None:
    assert listed(image, "pypi") | {"ringline": PROJECT["version"]} == named(installed(image))
    bundled = json.loads((image.root / "app" / "web" / "licences.json").read_text())
    assert listed(image, "npm") == {part["name"]: part["version"] for part in bundled}
    assert {"react", "react-dom", "@bufbuild/protobuf"} <= set(listed(image, "npm"))
    status = (image.root / "var" / "lib" / "dpkg" / "status").read_text()
    there = [one for one in status.split("\n\n") if "\nStatus: install ok installed\n" in one]
    debian = [one.partition("\n")[0].removeprefix("Package: ") for one in there]
    assert {name.removeprefix("debian/") for name in listed(image, "deb")} == set(debian)
    assert listed(image, "generic")["cpython"].startswith(PYTHON_VERSION)
    refs = [part["bom-ref"] for part in parts(image)]
    assert len(refs) == len(set(refs))


def test_every_part_comes_with_the_text_of_its_licence(image: Image) -> None:
    texts = image.root / "app" / "licences"
    for kind, names in {"python": named(installed(image)), "web": listed(image, "npm")}.items():
        for name in names:
            found = [path for path in (texts / kind / name).rglob("*") if path.is_file()]
            assert sum(path.stat().st_size for path in found) > 300, name
    assert "Python" in (texts / "cpython.txt").read_text()
    for name in listed(image, "deb"):
        assert (image.root / "usr/share/doc" / name.removeprefix("debian/") / "copyright").exists(), name


def test_everything_is_compiled(image: Image) -> None:
    sources = [path for path in (image.root / "app").rglob("*.py") if "site-packages" in path.parts]
    tag = f"cpython-{PYTHON_VERSION.replace('.', '')}"
    compiled = [path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in sources]
    assert len(sources) > 1000 and not [path for path in compiled if not path.exists()]


def test_nothing_of_the_machine_that_built_it_is_in_it(image: Image) -> None:
    """Its folders, and what pip and npm are configured to on it."""
    words = [str(ROOT), str(image.root.parent), "authorities.pem"]
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    words += re.findall(r"(?:index-url|trusted-host|proxy)='([^']+)'", configured)
    assert not [word for word in words if word in image.description]
    patterns = [option for word in words for option in ("-e", word)]
    command = ["grep", "-r", "-l", "-F", *patterns, str(image.root)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1 and not found.stdout, found.stdout
    assert not [path for path in (image.root / "srv", image.root / "root") for path in path.rglob("*.pem")]


async def ended(process: Process) -> str:
    """What a container that ends by itself has written."""
    status = await process.ended(PATIENCE)
    assert status == 0, process.tail()
    return process.tail(20_000)


async def test_its_argument_is_the_role(image: Image, container_folder: Path) -> None:
    with container(image, container_folder, ["--help"], {}) as process:
        told = await ended(process)
    roles = set(re.findall(r"^\W*([a-z][a-z-]+) ", told, re.M))
    assert {*SERVICES, "all", "migrate", "user", "reports", "restored", "rebuild-history"} <= roles, told


async def test_migrations_and_a_service_run_on_a_read_only_root(
    image: Image, container_folder: Path, postgres: Postgres, nats: Nats
) -> None:
    env = await prepared(image, container_folder, postgres, nats)
    for name in ("presence", "signaling"):  # it asks them now and then, and serves without them
        env[f"RINGLINE_ADDRESS_{name.upper()}"] = f"127.0.0.1:{free_port()}"
    with container(image, container_folder, ["directory"], env) as process:
        await Topology.until_serving(process)
        process.ask_to_stop()
        await ended(process)


async def test_a_gateway_serves_the_web_client_that_is_inside(
    image: Image, container_folder: Path, postgres: Postgres, nats: Nats
) -> None:
    env = await prepared(image, container_folder, postgres, nats)
    url = f"http://127.0.0.1:{env['RINGLINE_GATEWAY_PORT']}"
    with container(image, container_folder, ["all"], env) as process:
        await Topology.until_serving(process)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10.0) as http:
            page = (await http.get("/")).text
            assert page == (image.root / "app" / "web" / "index.html").read_text()
            for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page):
                assert (await http.get(address)).status_code == 200, address
            assert (await http.get("/licences.json")).json()
        process.ask_to_stop()
        await ended(process)


async def prepared(image: Image, folder: Path, postgres: Postgres, nats: Nats) -> dict[str, str]:
    """Variables of an installation on a new database that the role `migrate` has made ready."""
    name = f"image_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(postgres.url())
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    own = environment(postgres, nats, name) | SETTINGS
    env = {key: value for key, value in own.items() if key.startswith("RINGLINE_")}
    env |= {"RINGLINE_LISTEN_HOST": "127.0.0.1", "RINGLINE_LISTEN_PORT": str(free_port())}
    env |= {"RINGLINE_METRICS_HOST": "127.0.0.1", "RINGLINE_METRICS_PORT": str(free_port())}
    env |= {"RINGLINE_GATEWAY_HOST": "127.0.0.1", "RINGLINE_GATEWAY_PORT": str(free_port())}
    with container(image, folder, ["migrate"], env) as process:
        await ended(process)
    return env
