"""The log of requests, read on from marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.dataplane import log
from spillover.dataplane.configuration import LOG_FORMAT
from spillover.domain.serving import Served

LINE = "S1|1700000000250|a%7Cb|k1|t%20t|cloud.2|hold|200|50|0|0|700|900|400|3|40|120|999|+2|--"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "requests.log"
    log.begin(made)
    return made


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_line_is_read_into_what_was_served() -> None:
    """Times are seconds; what was held counts as waiting; the pool is the one that answered."""
    assert log.parse(LINE) == Served(
        at=1700000000.2,
        application="a|b",
        key_id="k1",
        tenant="t t",
        pool="cloud",
        status=200,
        wait_s=0.4,
        first_s=0.75,
        total_s=0.9,
        bytes_in=120,
        bytes_out=999,
        tokens_in=3,
        tokens_out=40,
        retries=2,
        ended="--",
    )


def test_what_did_not_happen_is_none() -> None:
    """A request that was refused has no wait, no first byte and no pool."""
    record = log.parse("S1|1700000000250|chat|k1|t|-|<NOSRV>|-1|0|-1|-1|-1|7|-|-|-|1|0|0|CR")
    assert record is not None
    assert (record.wait_s, record.first_s, record.pool, record.status, record.ended) == (None, None, "", -1, "CR")


def test_the_configuration_writes_as_many_fields_as_are_read() -> None:
    """A field more or less would lose every request."""
    assert LOG_FORMAT.count("|") == LINE.count("|")


@pytest.mark.parametrize(
    "line", ["", "# 77", "Proxy front stopped", LINE[2:], LINE + "|", LINE.replace("k1", "-"), LINE.replace("200", "x")]
)
def test_other_lines_are_no_requests(line: str) -> None:
    """Nor are those that belong to no key."""
    assert log.parse(line) is None


def test_each_line_is_read_once(path: Path) -> None:
    """A mark goes on where it was; a line that is not whole waits until it is."""
    append(path, f"{LINE}\n{LINE}\n{LINE[:30]}")
    first, mark = log.read(path, "")
    assert len(first) == 2
    assert log.read(path, mark) == ([], mark)
    append(path, f"{LINE[30:]}\n")
    later, after = log.read(path, mark)
    assert len(later) == 1
    assert log.read(path, after) == ([], after)
    assert len(log.read(path, "")[0]) == 3


def test_not_too_many_come_at_once(path: Path) -> None:
    """The rest comes with the next mark."""
    append(path, f"{LINE}\n" * (log.AT_ONCE + 5))
    first, mark = log.read(path, "")
    assert (len(first), len(log.read(path, mark)[0])) == (log.AT_ONCE, 5)


def test_a_mark_of_another_file_is_the_beginning(tmp_path: Path, path: Path) -> None:
    """A new folder's log is read from its first line."""
    append(path, f"{LINE}\n" * 3)
    _, mark = log.read(path, "")
    other = tmp_path / "other.log"
    log.begin(other)
    append(other, f"{LINE}\n")
    assert len(log.read(other, mark)[0]) == 1
    assert log.read(tmp_path / "none.log", mark) == ([], mark)


def test_a_line_that_a_full_disk_cut_off_spoils_no_other(path: Path) -> None:
    """HAProxy's next start begins a new line, and the file keeps its name."""
    append(path, LINE[:20])
    _, mark = log.read(path, "")
    log.begin(path)
    append(path, f"{LINE}\n")
    assert len(log.read(path, mark)[0]) == 1
    assert len(path.read_text().split("# ")) == 2


def test_what_was_read_is_given_back_and_offsets_stay(path: Path) -> None:
    """The file takes less room, its later lines are still read once, and its beginning is what is kept."""
    while path.stat().st_size < 3 << 20:
        append(path, f"{LINE}\n" * 5000)
    mark = ""
    while (read := log.read(path, mark))[0]:
        mark = read[1]
    before = path.stat().st_blocks
    freed = log.free(path, mark, 0)
    assert freed > 2 << 20
    assert path.stat().st_blocks < before / 2
    assert log.free(path, mark, freed) == freed
    append(path, f"{LINE}\n")
    assert len(log.read(path, mark)[0]) == 1
    kept, _ = log.read(path, "")
    assert 0 < len(kept) < 100
