"""What goes in and what comes out, part by part: a run of inputs, and the one file that their results make.

Which inputs a part has follows from its number alone. So a part can be done again by anyone, after any loss, and its
file is then the same; and what has been written needs no other record than its name. No Ray and no torch in here.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileSystem, FileType

from common.files import place, read_bytes, write_bytes

PLAN_FILE = "_plan.json"  # readers of Parquet folders pass over names that begin so
PART_FILE = re.compile(r"part-(\d{6})\.parquet")
SIDE, BRIGHTEST = 8, 16  # of the images that the model knows
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
UNKNOWN = -1  # a label that nobody gave
SCHEMA = pa.schema(
    {"row": pa.int64(), "input": pa.string(), "prediction": pa.int8(), "confidence": pa.float32(), "label": pa.int8()}
)


class Source(Protocol):
    """Inputs in an order that never changes."""

    def __len__(self) -> int: ...

    def name(self, row: int) -> str:
        """What the results call this input."""

    def read(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (rows, 8, 8) from 0 to 16, and labels, which may be unknown."""

    def checksum(self) -> str:
        """Equal where the inputs and their order are."""


@dataclass(frozen=True)
class Digits:
    """scikit-learn's images, over and over."""

    pixels: np.ndarray
    labels: np.ndarray
    repeat: int

    @classmethod
    def of(cls, repeat: int) -> Digits:
        from sklearn.datasets import load_digits

        found = load_digits()
        return cls(found.images.astype(np.uint8), found.target.astype(np.int8), repeat)

    def __len__(self) -> int:
        return len(self.labels) * self.repeat

    def name(self, row: int) -> str:
        return f"digits[{row % len(self.labels)}]"

    def read(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        places = np.asarray(rows) % len(self.labels)
        return self.pixels[places], self.labels[places]

    def checksum(self) -> str:
        return sha256(self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True)
class ImageFiles:
    """Image files, light on dark as the digits are. Those in a folder named 7 are labelled 7, others not at all."""

    files: FileSystem
    paths: tuple[str, ...]

    @classmethod
    def of(cls, address: str) -> ImageFiles:
        files, folder = place(address)
        found = files.get_file_info(FileSelector(folder, recursive=True, allow_not_found=True))
        paths = sorted(f.path for f in found if f.type == FileType.File and f.path.lower().endswith(IMAGES))
        if not paths:
            raise ValueError(f"input {address} holds no images: no file under it ends with {', '.join(IMAGES)}")
        return cls(files, tuple(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, row: int) -> str:
        return self.paths[row]

    def read(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.stack([image(read_bytes(self.files, self.paths[row]), self.paths[row]) for row in rows])
        return pixels, np.array([label(self.paths[row]) for row in rows], np.int8)

    def checksum(self) -> str:
        return sha256("\n".join(self.paths).encode()).hexdigest()


def image(data: bytes, path: str) -> np.ndarray:
    """As the model knows them: grey, 8 x 8, from 0 to 16."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            grey = opened.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} is no image that can be read ({error}): take it away and submit again") from None
    return np.rint(np.asarray(grey, np.float32) * (BRIGHTEST / 255)).astype(np.uint8)


def label(path: str) -> int:
    """What the name of a file's folder says that it shows."""
    folder = path.split("/")[-2:][0]
    return int(folder) if re.fullmatch(r"\d", folder) else UNKNOWN


class Counts(NamedTuple):
    """Of one part, or of several."""

    rows: int = 0
    labelled: int = 0
    right: int = 0

    def plus(self, others: Iterable[Counts]) -> Counts:
        return Counts(*map(sum, zip(self, *others, strict=True)))

    def accuracy(self) -> str:
        """`, accuracy 98.7%`, or nothing where no label is known."""
        return f", accuracy {self.right / self.labelled:.1%}" if self.labelled else ""


@dataclass(frozen=True)
class Plan:
    """What the files of one folder hold. It is kept beside them, for a folder must never mix the results of two."""

    input: str
    rows: int
    rows_per_file: int
    input_checksum: str
    model_checksum: str

    @classmethod
    def of(cls, address: str, source: Source, rows_per_file: int, model_checksum: str) -> Plan:
        return cls(address, len(source), rows_per_file, source.checksum(), model_checksum)

    @property
    def parts(self) -> range:
        return range(-(-self.rows // self.rows_per_file))

    def rows_of(self, part: int) -> range:
        return range(part * self.rows_per_file, min((part + 1) * self.rows_per_file, self.rows))

    def keep(self, files: FileSystem, folder: str) -> None:
        """Write it, or hold it against the one that is there."""
        try:
            there = json.loads(read_bytes(files, f"{folder}/{PLAN_FILE}"))
        except FileNotFoundError:
            write_bytes(files, f"{folder}/{PLAN_FILE}", json.dumps(asdict(self), indent=1).encode())
            return
        if other := [f"{k} {there.get(k)} (now {v})" for k, v in asdict(self).items() if there.get(k) != v]:
            raise ValueError(f"out {folder} holds results of another run: {', '.join(other)}; name another folder")


def part_path(folder: str, part: int) -> str:
    return f"{folder}/part-{part:06}.parquet"


def results(
    rows: range, source: Source, prediction: np.ndarray, confidence: np.ndarray, labels: np.ndarray
) -> pa.Table:
    """One row for each input, and how many were right beside them."""
    known = labels != UNKNOWN
    counts = Counts(len(rows), int(known.sum()), int((prediction == labels)[known].sum()))
    columns = [
        pa.array(rows),
        pa.array([source.name(row) for row in rows]),
        pa.array(prediction, pa.int8()),
        pa.array(confidence, pa.float32()),
        pa.array(labels, pa.int8(), mask=~known),
    ]
    return pa.table(columns, SCHEMA.with_metadata({k: str(v) for k, v in counts._asdict().items()}))


def counts_of(schema: pa.Schema) -> Counts:
    return Counts(*(int(schema.metadata[name.encode()]) for name in Counts._fields))


def write(files: FileSystem, folder: str, part: int, table: pa.Table) -> Counts:
    """The whole file or none: a node that goes half-way leaves nothing that a reader would take for results."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_bytes(files, part_path(folder, part), buffer.getvalue())
    return counts_of(table.schema)


def written(files: FileSystem, folder: str) -> dict[int, Counts]:
    """The parts that are there, from the ends of their files."""
    found = files.get_file_info(FileSelector(folder, allow_not_found=True))
    numbers = [int(match[1]) for f in found if (match := PART_FILE.fullmatch(f.base_name))]

    def counts(part: int) -> Counts:
        with files.open_input_file(part_path(folder, part)) as file:
            return counts_of(pq.read_schema(file))

    with ThreadPoolExecutor(16) as threads:
        return dict(zip(numbers, threads.map(counts, numbers), strict=True))
