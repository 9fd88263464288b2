"""Which runs the report speaks of, and by which colour and shape each is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..results import Results, Run
from .chart import mark
from .markup import Html, el

NO_WAIT, NEVER = "immediate", "never"
"""The policies that mark the two ends: rent at once for all that has no room, and never rent."""

_OURS = "marginal"
_ANCHORS = ("starburst", "waiting_budget", NO_WAIT)


@dataclass(frozen=True)
class Cast:
    """`lead` is the run that the headline is about, `reference` what it is set against, None where there is no other.

    `leads` has one run for each policy, the lead first, then the reference.
    """

    lead: Run
    reference: Run | None
    leads: tuple[Run, ...]
    policies: tuple[str, ...]

    def style(self, policy: str) -> str:
        """The class of a policy's colour: grey for the two ends."""
        if policy in (NO_WAIT, NEVER):
            return f"ends {policy}"
        return f"p{self.policies.index(policy) % 6}"

    def shape(self, policy: str) -> int:
        """The number of a policy's shape."""
        return {NO_WAIT: 3, NEVER: 5}.get(policy, self.policies.index(policy))

    def key(self, run: Run) -> Html:
        """The run's mark and label."""
        return self.legend(run.policy, run.label)

    def legend(self, policy: str, text: str) -> Html:
        """A policy's mark, and a text."""
        return _keyed(mark(9, 9, self.shape(policy), self.style(policy)), 18, text)

    def line(self, policy: str, text: str) -> Html:
        """A piece of a policy's line, and a text."""
        return _keyed(el("path", d="M0,9H34", class_=f"line {self.style(policy)}"), 34, text)


def cast(results: Results) -> Cast:
    """Ours if it ran, else the first policy that is no end, is the lead; an anchor with the nearest wait the reference.

    A policy with several settings is spoken of by the one with the shortest wait that makes half of its largest saving.
    """
    ran = results.policies()
    middle = [p for p in ran if p not in (NO_WAIT, NEVER)] or list(ran)
    policies = sorted(middle, key=lambda p: p != _OURS) + [p for p in ran if p not in middle]
    lead = _half_way(results, policies[0])
    anchor = next((p for p in _ANCHORS if p in ran and p != lead.policy), None)
    others = [p for p in policies if p != lead.policy]
    against = anchor or (others[0] if others else None)
    reference = _nearest(results.frontier(against), lead) if against else None
    rest = [_half_way(results, p) for p in others if p != against]
    leads = (lead, *([reference] if reference else ()), *rest)
    return Cast(lead, reference, leads, tuple(policies))


def _keyed(drawn: Html, width: int, text: str) -> Html:
    sample = el("svg", drawn, viewBox=f"0 0 {width} 18", width=width, height=18, aria_hidden="true")
    return el("span", sample, text, class_="key")


def no_wait(results: Results) -> Run | None:
    """The run that rents at once, if it is among them."""
    return next((run for run in results.runs if run.policy == NO_WAIT), None)


def _half_way(results: Results, policy: str) -> Run:
    """The shortest wait that makes half of the largest saving, beside renting at once or else its largest bill."""
    front = results.frontier(policy)
    dear = no_wait(results) or front[0]
    most = dear.cloud_usd - front[-1].cloud_usd
    return next((run for run in front if dear.cloud_usd - run.cloud_usd >= most / 2), front[-1])


def _nearest(runs: tuple[Run, ...], to: Run) -> Run:
    return min(runs, key=lambda run: abs(math.log1p(run.wait.mean_s) - math.log1p(to.wait.mean_s)))
