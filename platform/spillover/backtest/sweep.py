"""Which policies are run with which settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..errors import BadArgument
from ..placement.policies import Policy, make_policy, policy_names
from .assignments import Assignments, check_keys, settings_of
from .columns import Columns
from .exact import has_rule
from .world import World

PREFERRED = ("immediate", "never", "starburst", "marginal")
"""What is run where nobody names a policy: both ends, the published anchor and ours."""

_SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
_TIMES_PRICE = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass(frozen=True)
class Choice:
    """One run: a policy with its settings, as `make_policy` takes them."""

    policy: str
    settings: Mapping[str, object]

    def make(self) -> Policy:
        """The policy. Raises BadArgument for settings that it refuses."""
        try:
            return make_policy(self.policy, **self.settings)
        except (TypeError, ValueError) as error:
            raise BadArgument(f"policy {self.policy}: {error}") from None


def choices(policies: Sequence[str], given: Assignments, trace: Columns, world: World) -> list[Choice]:
    """Every combination of the values that are given, for each policy on its own.

    Where the main knob of a policy is not among them, it is swept. Raises BadArgument.
    """
    names = list(dict.fromkeys(policies)) or [name for name in PREFERRED if name in policy_names()]
    check_keys(given, names)
    found = [choice for name in names for choice in _of_policy(name, given, trace, world)]
    for choice in found:
        if not has_rule(choice.make()):
            raise BadArgument(
                f"policy {choice.policy} cannot be played on a trace: it has no rule of plain numbers, as it is set. "
                "`spillover what-if` and `spillover cost --compare` play it on what ran here"
            )
    return found


def _of_policy(name: str, given: Assignments, trace: Columns, world: World) -> Iterator[Choice]:
    values = settings_of(name, given)
    for combination in product(*values.values()):
        settings = dict(zip(values, combination, strict=True))
        swept = _SWEEPS.get(name, _alone)(settings, trace, world)
        yield from (Choice(name, {**settings, **more}) for more in swept)


Swept = Sequence[Mapping[str, object]]


def _alone(_settings: Mapping[str, object], _trace: Columns, _world: World) -> Swept:
    return ({},)


def _starburst(settings: Mapping[str, object], trace: Columns, _world: World) -> Swept:
    """Coefficients at which jobs may wait in the mean for such shares of their mean run time, as in its paper."""
    from ..placement.policies.starburst import budget_coefficient  # noqa: PLC0415  # its sweep alone needs it

    waiting = str(settings.get("waiting", "cost"))
    if "coefficient" in settings or waiting in {"infinite", "zero"}:
        return ({},)
    runs, gpus = trace.run_s.tolist(), trace.gpus.tolist()
    try:
        whole = budget_coefficient(waiting, runs, gpus, 1.0)
    except ValueError as error:
        raise BadArgument(f"policy starburst: {error}") from None
    return tuple({"waiting": waiting, "coefficient": float(f"{share * whole:.4g}")} for share in _SHARES)


def _waiting_budget(settings: Mapping[str, object], trace: Columns, world: World) -> Swept:
    """Seconds for each dollar at which these jobs may wait in the mean for such shares of their mean run time."""
    if settings:
        return ({},)
    mean_usd = float((trace.run_s * trace.gpus).mean()) / 3600.0 * world.on_demand_usd
    whole = float(trace.run_s.mean()) / max(mean_usd, 1e-9)
    return tuple({"seconds_per_usd": float(f"{share * whole:.4g}")} for share in _SHARES)


def _marginal(settings: Mapping[str, object], _trace: Columns, world: World) -> Swept:
    """Values of an hour's waiting from half of what an accelerator costs in it to 64 times that."""
    if settings:
        return ({},)
    return tuple({"value_of_waiting": float(f"{factor * world.on_demand_usd:.4g}")} for factor in _TIMES_PRICE)


_SWEEPS: Mapping[str, Callable[[Mapping[str, object], Columns, World], Swept]] = {
    "starburst": _starburst,
    "waiting_budget": _waiting_budget,
    "marginal": _marginal,
}
