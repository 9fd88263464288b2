"""Files of output: safe names, never shorter than before, cut between characters."""

from pathlib import Path

import pytest

from spillover.control.logs import LogFiles, _whole_characters
from spillover.domain.job import Attempt


def test_more_is_never_replaced_by_less(tmp_path: Path) -> None:
    """A pool that has rotated its log away does not shorten what we kept."""
    files = LogFiles(tmp_path)
    attempt = Attempt("j1", "j1", 1, "p", "t", "owned", 0.0)
    files.replace(attempt, "one\ntwo\n")
    files.replace(attempt, "two\n")
    assert files.read(attempt) == "one\ntwo\n"
    files.replace(attempt, "one\ntwo\nthree\n")
    assert files.read(attempt) == "one\ntwo\nthree\n"


def test_no_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Submission ids are the users' words: none names a file outside the log folder."""
    files = LogFiles(tmp_path)
    for name in ("../../etc/passwd", "..", ".", "a/b", "", "x" * 1000, "a\x00b", "-rf", "ä"):
        path = files.path(Attempt(name, name, 1, "p", "t", "owned", 0.0))
        assert path.resolve().parent.parent == (tmp_path / "logs").resolve(), name


@pytest.mark.parametrize("text", ["plain", "zwölf", "日本語", "🙂🙂", "a🙂"])
def test_pieces_hold_whole_characters(text: str) -> None:
    """Wherever a chunk ends, it is cut back to a whole character and the rest comes with the next."""
    data = text.encode()
    for cut in range(len(data) + 1):
        head = _whole_characters(data[:cut])
        assert text.startswith(head.decode())
        assert cut - len(head) < 4
    assert _whole_characters(data) == data
