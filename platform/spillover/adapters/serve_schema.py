"""Ray's own checks of a Serve config file, in a process of its own: they take seconds and much memory to load.

    python -m spillover.adapters.serve_schema

reads the file as JSON on stdin and writes one JSON object: `config`, as Ray's client would send it, or `mistakes`, or
`missing`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import BadRequest, NotInstalled, SpilloverError

_LIMIT_S = 120.0
_MISSING = 'Serve dependencies are not installed. Please run `pip install "ray[serve]"` where Spillover runs.'


async def read_serve_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config as Ray's client would send it: without keys that Ray does not know.

    Raises BadRequest in Ray's words, NotInstalled without `ray[serve]`.
    """
    answer = await _ask(json.dumps(dict(config)).encode())
    if "config" in answer:
        return dict(answer["config"])
    if "mistakes" in answer:
        raise BadRequest(str(answer["mistakes"]))
    raise NotInstalled(f"{_MISSING} ({answer['missing']})")


async def _ask(raw: bytes) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, errors = await process.communicate(raw)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return dict(json.loads(out))
    except ValueError:
        last = (errors.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise SpilloverError(f"Ray's Serve schema could not be asked: {last}") from None


def main() -> None:
    """Answer for what stands on stdin."""
    out, sys.stdout = sys.stdout, sys.stderr  # whatever Ray says meanwhile is no answer
    out.write(json.dumps(_answer(json.load(sys.stdin))))


def _answer(raw: Any) -> dict[str, Any]:
    try:
        from pydantic import ValidationError  # noqa: PLC0415
        from ray.serve.schema import ServeDeploySchema  # noqa: PLC0415  # the parent never loads it
    except ImportError as error:
        return {"missing": str(error)}
    try:
        config = ServeDeploySchema.model_validate(raw)
    except ValidationError as error:
        return {"mistakes": _told(error)}
    return {"config": config.model_dump(exclude_unset=True, mode="json")}


def _told(error: Any) -> str:
    """As pydantic prints it, but without the values, which may be secret."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    title = f"{len(found)} validation error{'s' if len(found) > 1 else ''} for {error.title}"
    return "\n".join([title, *(f"{'.'.join(map(str, one['loc']))}\n  {one['msg']}" for one in found)])


if __name__ == "__main__":
    main()
