import io

import pytest
from rich.console import Console

from spillover.cli import tables
from spillover.cli.text import age, ago, amounts, clock, dollars, plain, used_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-3, "0s"), (45.9, "45s"), (192, "3m12s"), (7500, "2h05m"), (3 * 86400 + 4 * 3600, "3d04h")],
)
def test_ages_have_two_units(seconds, text):
    """A time span is shown with its two largest units."""
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "-"), (0, "$0.0000"), (0.03124, "$0.0312"), (1, "$1.00"), (1204.5, "$1,204.50"), (-0.5, "-$0.5000")],
)
def test_small_amounts_keep_four_decimals(usd, text):
    """Below a dollar four decimals are shown, above it two."""
    assert dollars(usd) == text


def test_times_are_utc_and_relative():
    """Absolute times are UTC with a Z, relative ones say which way."""
    assert clock(0) == "1970-01-01 00:00:00Z"
    assert [ago(at, 100) for at in (None, 40, 160)] == ["-", "1m00s ago", "in 1m00s"]


def test_resources_without_rays_own():
    """Memory is shown in GiB, and what Ray adds for itself is left out."""
    total = {"CPU": 4.0, "memory": 8 * 1024.0**3, "node:10.0.0.1": 1.0, "object_store_memory": 1e9, "GPU": 0.0}
    assert amounts(total) == "CPU 4, memory 8 GiB"
    assert used_of({"CPU": 1.5}, total) == "CPU 1.5/4"


def test_control_characters_cannot_redraw_the_terminal():
    """An escape sequence in a user's text is shown as spaces."""
    assert plain("a\x1b[2Jb\n") == "a [2Jb "


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_reason_stays_at_any_width(width, a_job):
    """A narrow terminal costs columns, never the job's name, its status or the words of the reason."""
    a_job["submission_id"], a_job["message"] = "raysubmit_ABCDEFGHIJKLMNOP", "waits because onprem is full"
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(tables.queue_table([a_job], 0.0))
    words = console.export_text().split()
    assert {"raysubmit_ABCDEFGHIJKLMNOP", "queued", "waits", "because", "onprem", "full"} <= set(words)
    assert ("search" in words) == (width > 100)
