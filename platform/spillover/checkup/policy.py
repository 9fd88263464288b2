"""The policy's own settings: only the policy knows what they may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..config import Mistake, Policy, nearest
from ..placement.policies import make_policy, policy_names, policy_settings


def policy_mistakes(policy: Policy | None, at: str = "policy") -> Iterator[Mistake]:
    """An unknown policy, unknown or missing settings of it, and values that it does not take. `at` is its key."""
    if policy is None:
        return
    names = policy_names()
    if policy.name not in names:
        meant_name = nearest(policy.name, names)
        text = "is no policy" + ("" if meant_name else f"; there are {', '.join(names)}")
        yield Mistake((at, "name"), text, policy.name, meant_name)
        return
    known = {setting.name: setting.required for setting in policy_settings(policy.name)}
    unknown = policy.settings.keys() - known.keys()
    meant = {key: nearest(key, known) for key in unknown}
    for key in unknown:
        text = f"policy '{policy.name}' has no such setting" + ("" if meant[key] else _known(known))
        yield Mistake((at, key), text, meant=meant[key])
    missing = [k for k in known if known[k] and k not in policy.settings and k not in meant.values()]
    for key in missing:
        yield Mistake((at, key), f"is required by policy '{policy.name}'")
    alone = list(_values(at, policy.name, {k: v for k, v in policy.settings.items() if k in known}, known))
    yield from alone
    if not (alone or unknown or missing) and (text := _refusal(policy.name, policy.settings)):
        yield Mistake((at,), text)


def _known(known: Mapping[str, bool]) -> str:
    return f"; it has {', '.join(known)}" if known else "; it has none"


def _values(at: str, name: str, settings: Mapping[str, Any], known: Mapping[str, bool]) -> Iterator[Mistake]:
    """Values that are wrong by themselves, each at its own key."""
    for key, value in settings.items():
        if not _others_required(known, key):
            yield from _wrong(at, name, key, value)


def _others_required(known: Mapping[str, bool], key: str) -> bool:
    return any(required for other, required in known.items() if other != key)


def _wrong(at: str, name: str, key: str, value: Any) -> Iterator[Mistake]:
    items = value if isinstance(value, list) else []
    found = [(str(i), item, text) for i, item in enumerate(items) if (text := _refusal(name, {key: [item]}))]
    for index, item, text in found:
        yield Mistake((at, key, index), text, item)
    if not found and (text := _refusal(name, {key: value})):
        yield Mistake((at, key), text, value)


def _refusal(name: str, settings: Mapping[str, Any]) -> str:
    """Why the policy does not take these settings, or ""."""
    try:
        make_policy(name, **settings)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""
