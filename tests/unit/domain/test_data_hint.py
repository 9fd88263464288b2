import pytest

from spillover.domain.data import Data, parse_data


@pytest.mark.parametrize(
    ("text", "url", "size_bytes"),
    [
        ("s3://bucket/set=120GB", "s3://bucket/set", 120 * 10**9),
        ("nfs:/data/a=b=1GiB", "nfs:/data/a=b", 2**30),
        ("gs://b = 5", "gs://b", 5),
    ],
)
def test_address_and_size_are_read(text, url, size_bytes):
    """The size stands behind the last equals sign, as sizes are written everywhere."""
    assert parse_data(text) == Data(url, size_bytes)


@pytest.mark.parametrize("text", ["s3://bucket/set", "=120GB", "s3://b=much", ""])
def test_what_says_no_size_or_no_place_is_refused(text):
    """The mistake names the whole text."""
    with pytest.raises(ValueError, match=f"'{text}'"):
        parse_data(text)


def test_gigabytes_are_those_that_are_billed():
    """A GB has 10^9 bytes."""
    assert Data("x", 2_500_000_000).gb == 2.5
