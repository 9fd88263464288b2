"""Where the checkpoints of a run are, which of them are whole, and which may go.

A checkpoint is a folder `<address>/<run>/checkpoints/step-0000123` with one file of each rank that wrote it, torch's
`.metadata`, and `manifest.json`. The manifest is written last: a folder without it does not count. It has the size and
the CRC-32 of every file, and its own.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from pyarrow.fs import FileSelector, FileType

from common.files import place, read_bytes, write_bytes
from lm.checkpoints.arrow_files import FileSum, is_local, to_disk

MANIFEST = "manifest.json"
_FOLDER = re.compile(r"step-(\d{7,})")


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint is made of. `extra` is whatever the trainer needs besides: numbers, words, lists and dicts."""

    step: int
    world: int  # ranks that wrote it
    files: dict[str, FileSum]
    extra: dict[str, Any]

    def to_json(self) -> bytes:
        files = {
            name: {"size_bytes": f.size_bytes, "crc32": f"{f.crc32:08x}"} for name, f in sorted(self.files.items())
        }
        body = plain({"step": self.step, "world": self.world, "files": files, "extra": self.extra})
        return json.dumps({"crc32": _crc32(body), "checkpoint": body}, indent=1).encode()

    @classmethod
    def parse(cls, text: bytes) -> Manifest:
        """Raises ValueError if it is not what was written."""
        try:
            whole = json.loads(text)
            body = whole["checkpoint"]
            if whole["crc32"] != _crc32(body):
                raise ValueError("its checksum does not hold")
            files = {name: FileSum(f["size_bytes"], int(f["crc32"], 16)) for name, f in body["files"].items()}
            return cls(body["step"], body["world"], files, body["extra"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks {error}") from error


class Store:
    """The checkpoints of one run. `bad` are steps whose checkpoint was found to be damaged: they are not counted on."""

    def __init__(self, address: str, run: str) -> None:
        self.files, base = place(address)
        self.root = f"{base}/{run}/checkpoints"
        self.bad: set[int] = set()

    @classmethod
    def of_run(cls, run: str) -> Store:
        """By the address of the run's own folder, `<address>/<run>`."""
        path, question, query = run.partition("?")
        address, _, name = path.rstrip("/").rpartition("/")
        return cls(f"{address}{question}{query}", name)

    def folder(self, step: int) -> str:
        return f"{self.root}/step-{step:07d}"

    def shown(self, step: int) -> str:
        """For people."""
        return self.folder(step) if is_local(self.files) else f"{self.files.type_name}://{self.folder(step)}"

    def steps(self) -> list[int]:
        """Of checkpoints that were committed, oldest first."""
        return [step for step, whole in self._folders().items() if whole]

    def read(self, step: int) -> Manifest:
        """Raises FileNotFoundError, or ValueError if it is damaged."""
        return Manifest.parse(read_bytes(self.files, f"{self.folder(step)}/{MANIFEST}"))

    def begin(self, step: int) -> None:
        """An empty folder for the step, whatever was left there by another life."""
        if step in self._folders():
            self.remove(step)
        if is_local(self.files):
            self.files.create_dir(self.folder(step))

    def commit(self, manifest: Manifest) -> None:
        """From here on it counts. Raises ValueError if a file of another rank is not there for all to see."""
        folder = self.folder(manifest.step)
        for name, wanted in manifest.files.items():
            if self.files.get_file_info(f"{folder}/{name}").size != wanted.size_bytes:
                raise ValueError(f"{name} is not in {folder}, or cut: the storage must be one that all nodes see")
        to_disk(self.files, folder)
        write_bytes(self.files, f"{folder}/{MANIFEST}", manifest.to_json())
        for path in (f"{folder}/{MANIFEST}", folder, self.root, self.root.rpartition("/")[0]):
            to_disk(self.files, path)
        self.bad.discard(manifest.step)

    def remove(self, step: int) -> None:
        """The manifest goes first, so that half a folder never counts."""
        manifest = f"{self.folder(step)}/{MANIFEST}"
        if self.files.get_file_info(manifest).type != FileType.NotFound:
            self.files.delete_file(manifest)
        self.files.delete_dir(self.folder(step))

    def remove_incomplete(self) -> None:
        """What was being written when an earlier life of the run ended."""
        for step, whole in self._folders().items():
            if not whole:
                self.remove(step)

    def prune(self, newest: int, keep: int, keep_every_steps: int) -> None:
        """Keep `newest`, which was just committed, the good ones before it up to `keep`, and every so many steps one.

        Later ones are not touched unless they are bad: they are of a life that this one does not know.
        """
        before = [step for step in self.steps() if step < newest and step not in self.bad]
        old = before[: max(0, len(before) - (keep - 1))]
        gone = {step for step in old if not (keep_every_steps and step % keep_every_steps == 0)}
        for step in sorted(gone | self.bad):
            self.remove(step)
        self.bad.clear()

    def _folders(self) -> dict[int, bool]:
        """Steps that have a folder, oldest first, and whether it is committed."""
        found = self.files.get_file_info(FileSelector(self.root, allow_not_found=True))
        matches = (_FOLDER.fullmatch(one.base_name) for one in found)
        steps = sorted(int(match[1]) for match in matches if match)
        marks = self.files.get_file_info([f"{self.folder(step)}/{MANIFEST}" for step in steps])
        return {step: mark.type != FileType.NotFound for step, mark in zip(steps, marks, strict=True)}


def plain(value: Any) -> Any:
    """As it comes back from JSON. Raises TypeError if it cannot."""
    return json.loads(json.dumps(value))


def _crc32(body: Any) -> str:
    return f"{zlib.crc32(json.dumps(body, sort_keys=True).encode()):08x}"
