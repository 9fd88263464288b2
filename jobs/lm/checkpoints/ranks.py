"""What several processes do together, so that what fails on one fails on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch.distributed as dist

T = TypeVar("T")
R = TypeVar("R")


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read. Every rank raises it, with the same words."""


@dataclass(frozen=True)
class _Failed:
    words: str


class Ranks:
    """The processes of a gloo group; None is a single process. All methods are collectives."""

    def __init__(self, group: dist.ProcessGroup | None) -> None:
        self.group = group
        self.rank = 0 if group is None else dist.get_rank(group)
        self.size = 1 if group is None else dist.get_world_size(group)

    def deal(self, make: Callable[[], T], combine: Callable[[list[T]], Sequence[R]]) -> R:
        """What each rank makes goes to the first one, which combines all of it into one result for each.

        Raises CheckpointError everywhere if anything fails anywhere.
        """
        gathered = self._gather(self._tried(make))
        result = self._scatter(self._combined(gathered, combine))
        if isinstance(result, _Failed):
            raise CheckpointError(result.words)
        return result

    def share(self, make: Callable[[], T]) -> list[T]:
        """What each has made, to all of them."""
        return self.deal(make, lambda every: [every] * self.size)

    def first(self, make: Callable[[], T]) -> T:
        """What the first rank has made, to all of them."""
        return self.deal(lambda: None, lambda _: [make()] * self.size)

    def _tried(self, make: Callable[[], T]) -> T | _Failed:
        try:
            return make()
        except Exception as error:
            return _Failed(_words(error) + (f" (rank {self.rank})" if self.size > 1 else ""))

    def _combined(
        self, gathered: list[T | _Failed], combine: Callable[[list[T]], Sequence[R]]
    ) -> Sequence[R | _Failed]:
        """On the first rank alone; the others have gathered nothing."""
        if self.rank > 0:
            return []
        made = [one for one in gathered if not isinstance(one, _Failed)]
        failed = [one for one in gathered if isinstance(one, _Failed)]
        result = failed[0] if failed else self._tried(lambda: combine(made))
        return [result] * self.size if isinstance(result, _Failed) else result

    def _gather(self, mine: T | _Failed) -> list[T | _Failed]:
        if self.group is None:
            return [mine]
        room = [mine] * self.size if self.rank == 0 else None
        dist.gather_object(mine, room, group=self.group, group_dst=0)
        return room or []

    def _scatter(self, results: Sequence[R | _Failed]) -> R | _Failed:
        if self.group is None:
            return results[0]
        mine: list[R | _Failed] = [_Failed("nothing came from the first rank")]
        dist.scatter_object_list(mine, list(results) if self.rank == 0 else None, group=self.group, group_src=0)
        return mine[0]


def _words(error: Exception) -> str:
    """In one line; with its kind where the words are not meant for people."""
    words = " ".join(str(error).split())
    return (
        words
        if isinstance(error, OSError | ValueError | CheckpointError) and words
        else f"{type(error).__name__}: {words}"
    )
