"""A Serve config file is checked by Ray itself, but not in our process."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from spillover.adapters.serve_schema import read_serve_config
from spillover.errors import BadRequest, NotInstalled, SpilloverError

pytestmark = pytest.mark.asyncio

CHAT = {
    "name": "chat",
    "route_prefix": "/chat",
    "import_path": "serve_lm.app:app",
    "runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip", "spillover": {"baseline": "1-2"}},
    "deployments": [
        {"name": "Model", "ray_actor_options": {"num_cpus": "0.5", "runtime_env": {"env_vars": {"A": "1"}}}}
    ],
}


async def test_a_good_file_comes_back_as_rays_client_sends_it() -> None:
    """Our block is kept, what was not said is not filled in, numbers are numbers, and unknown keys are gone."""
    already = set(sys.modules)
    raw = {"http_options": {"port": 8001}, "applications": [{**CHAT, "spilover": 1}]}
    found = await read_serve_config(raw)
    options = {"num_cpus": 0.5, "runtime_env": {"env_vars": {"A": "1"}}}
    deployments = [{"name": "Model", "ray_actor_options": options}]
    assert found == {"http_options": {"port": 8001}, "applications": [{**CHAT, "deployments": deployments}]}
    assert "ray.serve" in already or "ray.serve" not in sys.modules


async def test_a_bad_file_is_refused_in_rays_words() -> None:
    """Every mistake is named with its place, and no value is repeated that could be a secret."""
    bad: dict[str, Any] = {
        **CHAT,
        "name": "b",
        "import_path": "secret",
        "deployments": [{"name": "M", "num_replicas": 0}],
    }
    with pytest.raises(BadRequest) as error:
        await read_serve_config({"applications": [{**CHAT, "runtime_env": {"working_dir": "./here"}}, bad]})
    text = error.value.text
    assert text.startswith("4 validation errors for ServeDeploySchema\n")
    assert (
        "applications.0.runtime_env\n  Value error, runtime_envs in the Serve config support only remote URIs" in text
    )
    assert 'applications.1.import_path\n  Value error, Got invalid import path "secret"' in text
    assert "applications.1.deployments.0.num_replicas" in text
    with pytest.raises(BadRequest, match='Found multiple configs for application "chat"'):
        await read_serve_config({"applications": [CHAT, CHAT]})


async def test_without_ray_serve_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """As a cluster without Serve's dependencies does."""
    (tmp_path / "fastapi.py").write_text("raise ImportError('no fastapi')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(NotInstalled, match=r'pip install "ray\[serve\]".*no fastapi') as error:
        await read_serve_config({"applications": []})
    assert error.value.status == 501


async def test_a_child_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are in the error."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SpilloverError, match="could not be asked: it said nothing"):
        await read_serve_config({"applications": []})
