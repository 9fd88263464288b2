"""Ray Serve's own client and command line, unmodified, against the gateway."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_service import ALICE, ROOT, VIC, FakeService, asking, serving

pytestmark = pytest.mark.asyncio

PATH = "/api/serve/applications/"
ENTRY = {
    "name": "chat",
    "route_prefix": "/chat",
    "import_path": "serve_lm.app:app",
    "runtime_env": {
        "working_dir": "local:///srv/jobs",
        "env_vars": {"PASSWORD": "open sesame"},
        "spillover": {"baseline": "1-2", "latency_target": "500ms"},
    },
    "deployments": [{"name": "Model", "num_replicas": 1}],
}
CONFIG: dict[str, Any] = {"applications": [ENTRY]}


@pytest.fixture(autouse=True)
def _no_cluster_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's client prefers these over the address that it is given."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_DASHBOARD_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


async def serve(address: str, home: Path, *arguments: str) -> str:
    """What `serve ARGUMENTS` prints, as Alice. Fails unless it ends well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "ray.serve.scripts", *arguments),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RAY_DASHBOARD_ADDRESS": address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "alice-token",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


async def test_applications_live_through_rays_client() -> None:
    """Deploying, looking and deleting work through ServeSubmissionClient, and what is shown is what Ray's schema says."""
    from ray.dashboard.modules.serve.sdk import ServeSubmissionClient
    from ray.serve.schema import ServeInstanceDetails

    service = FakeService()
    async with serving(service) as server:

        def live() -> None:
            client = ServeSubmissionClient(server.url, headers=dict(ALICE))
            assert ServeInstanceDetails(**client.get_serve_details()).controller_info.node_id is None
            client.deploy_applications(CONFIG)
            details = ServeInstanceDetails(**client.get_serve_details())
            shown = details.applications["chat"]
            assert (shown.status.value, shown.message, shown.route_prefix) == (
                "DEPLOYING",
                "Waits for a node.",
                "/chat",
            )
            assert shown.deployed_app_config is not None
            assert shown.deployed_app_config.model_dump(exclude_unset=True) == ENTRY
            client.delete_applications()
            assert client.get_serve_details()["applications"] == {}

        await asyncio.to_thread(live)
    assert ("deploy", "alice", CONFIG) in service.asked


async def test_the_serve_command_line_works(tmp_path: Path) -> None:
    """`serve deploy`, `status`, `config` and `shutdown` do against the gateway what they do against a cluster."""
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(CONFIG))
    service = FakeService()
    async with serving(service) as server:
        assert "No Serve instance found" in await serve(server.url, tmp_path, "shutdown", "--yes")
        assert "Sent deploy request successfully" in await serve(
            server.url, tmp_path, "deploy", str(tmp_path / "serve.yaml")
        )
        assert service.deployed == {"chat": ENTRY}
        status = yaml.safe_load(await serve(server.url, tmp_path, "status"))
        assert status["applications"]["chat"]["status"] == "DEPLOYING"
        assert status["applications"]["chat"]["message"] == "Waits for a node."
        assert yaml.safe_load(await serve(server.url, tmp_path, "config")) == ENTRY
        assert "Sent shutdown request" in await serve(server.url, tmp_path, "shutdown", "--yes")
    assert service.deployed == {}


@pytest.mark.parametrize("headers", [VIC, ROOT])
async def test_secrets_are_shown_to_nobody_else(headers: dict[str, str]) -> None:
    """Values of env_vars are their user's alone, whatever role somebody else has; names are shown."""
    service = FakeService()
    service.deployed = {"chat": ENTRY}
    async with asking(service, headers) as client, client.get(PATH) as answer:
        shown = (await answer.json())["applications"]["chat"]["deployed_app_config"]
    assert shown["runtime_env"]["env_vars"] == {"PASSWORD": "<redacted>"}


async def test_browsers_are_shown_no_secrets() -> None:
    """As in Ray, not even those of the user who looks."""
    service = FakeService()
    service.deployed = {"chat": ENTRY}
    async with asking(service) as client:
        for headers, value in (({}, "open sesame"), ({"Sec-Fetch-Mode": "cors"}, "<redacted>")):
            async with client.get(PATH, headers=headers) as answer:
                shown = (await answer.json())["applications"]["chat"]["deployed_app_config"]
            assert shown["runtime_env"]["env_vars"] == {"PASSWORD": value}


@pytest.mark.parametrize(
    ("api_type", "status", "names"),
    [("declarative", 200, ["chat"]), ("Imperative", 200, []), ("", 200, ["chat"]), ("unknown", 400, None)],
)
async def test_api_type_is_rays(api_type: str, status: int, names: list[str] | None) -> None:
    """All of ours are declarative; what is no type is refused in Ray's words."""
    service = FakeService()
    service.deployed = {"chat": ENTRY}
    async with asking(service) as client, client.get(PATH, params={"api_type": api_type}) as answer:
        assert answer.status == status
        if names is None:
            said = "Invalid 'api_type' value: 'unknown'. Must be one of: imperative, declarative"
            assert await answer.text() == said
        else:
            assert [*(await answer.json())["applications"]] == names


@pytest.mark.parametrize("body", ["", "[]", "{", '{"a": NaN}'])
async def test_a_body_that_is_no_config_is_refused(body: str) -> None:
    """It is the client's mistake: 400, and nothing is deployed."""
    service = FakeService()
    async with asking(service) as client, client.put(PATH, data=body) as answer:
        assert answer.status == 400
    assert service.asked == []


async def test_the_version_takes_a_token() -> None:
    """Serve's client asks for the version elsewhere than the job client, and gets the same."""
    async with asking(FakeService()) as client:
        async with client.get("/api/ray/version") as here, client.get("/api/version") as there:
            assert await here.json() == await there.json()
        async with client.get("/api/ray/version", headers={"Authorization": ""}) as answer:
            assert answer.status == 401
