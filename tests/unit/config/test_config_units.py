import pytest

from spillover.units import parse_amount, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("1s250ms", 1.25),
        ("90s", 90),
        ("10min", 600),
        ("3m12s", 192),
        ("1h30min", 5400),
        ("2h", 7200),
        ("1d", 86400),
        ("0.5h", 1800),
        (" 2 h ", 7200),
        (90, 90),
        ("90", 90),
        (1.5, 1.5),
        (0, 0),
    ],
)
def test_durations_are_seconds(text, seconds):
    """A duration is a number with units, several joined, or bare seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10 parsecs", "-5s", -5, "1h soon", True, None, float("nan"), "inf", []])
def test_what_is_no_duration_is_refused(text):
    """Anything else, negative numbers and booleans included, is refused with examples."""
    with pytest.raises(ValueError, match="'10min'"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2 * 2**30), ("100MiB", 100 * 2**20), ("5GB", 5 * 10**9), ("1.5KiB", 1536), ("7B", 7), (4096, 4096)],
)
def test_sizes_are_bytes(text, size):
    """Binary units count in 1024, decimal ones in 1000, a bare number is bytes."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["2 gigs", "GiB", "2XiB", "-1GiB", "2iB", True, None])
def test_what_is_no_size_is_refused(text):
    """Anything else is refused with examples."""
    with pytest.raises(ValueError, match="'2GiB'"):
        parse_size(text)


def test_amounts_of_resources_are_numbers_or_sizes():
    """Memory may be written as a size, everything else is a number."""
    assert (parse_amount("16GiB"), parse_amount(0.5), parse_amount("4")) == (16 * 2**30, 0.5, 4)
    for bad in ("lots", "4 CPUs", True, -1, "aB"):
        with pytest.raises(ValueError, match="is no amount"):
            parse_amount(bad)
