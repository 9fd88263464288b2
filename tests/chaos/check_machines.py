"""No machine outlives its lease by more than a minute, and each carries our tags from its creation on."""

from __future__ import annotations

from collections.abc import Iterable

from .records import Instance, Violation

INSTALLATION = "spillover-installation"
POOL = "spillover-pool"
LEASE = "spillover-lease"
EXPIRES = "spillover-lease-expires"
FIRST_S = "spillover-first-s"
TAGS = (INSTALLATION, POOL, LEASE, EXPIRES, FIRST_S)
"""Written here once more, and not imported: the checker must not follow a slip of the code that it checks."""

GRACE_S = 60.0


def lease_end(instance: Instance) -> float:
    """When its lease has ended: the latest of all expiry tags that it ever had, or its first seconds of life.

    A machine without readable tags has no lease at all: it should not be there from its launch on.
    """
    ends = [instance.launched]
    for _, tags in instance.tag_history:
        ends.append(_number(tags.get(EXPIRES, "")))
        ends.append(instance.launched + _number(tags.get(FIRST_S, "")))
    return max(ends)


def outlived(instances: Iterable[Instance], now: float) -> list[Violation]:
    """Machines that are, or were, older than their lease plus a minute."""
    found = []
    for instance in instances:
        until, end = instance.ended if instance.ended is not None else now, lease_end(instance)
        if until > end + GRACE_S:
            state = "lived" if instance.ended is not None else "lives"
            text = f"{state} {until - end:.0f} s past the end of its lease"
            found.append(Violation("outlived_lease", instance.id, text))
    return found


def overlong(instances: Iterable[Instance], lease_s: float) -> list[Violation]:
    """Machines that were given more time at once than the settings say: an endless lease would never be outlived."""
    return [
        Violation("overlong_lease", i.id, f"at {at:.0f} it got {_number(tags.get(EXPIRES, '')) - at:.0f} s")
        for i in instances
        for at, tags in i.tag_history
        if _number(tags.get(EXPIRES, "")) - at > lease_s + GRACE_S
    ]


def untagged(instances: Iterable[Instance], installation: str) -> list[Violation]:
    """Machines that the call which created them gave no tags, or another's."""
    found = []
    for instance in instances:
        tags = instance.tag_history[0][1] if instance.tag_history else {}
        missing = [name for name in TAGS if not tags.get(name)]
        if missing:
            found.append(Violation("untagged", instance.id, f"created without {', '.join(missing)}; had {dict(tags)}"))
        elif tags[INSTALLATION] != installation:
            found.append(Violation("untagged", instance.id, f"is of installation {tags[INSTALLATION]}"))
    return found


def left_over(instances: Iterable[Instance]) -> list[Violation]:
    """Machines that are still there when every pool is down."""
    return [
        Violation("left_over", i.id, f"launched at {i.launched:.0f}, never ended") for i in instances if i.ended is None
    ]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
