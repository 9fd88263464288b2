"""`job_metadata` says what control reads, for every key, and refuses what control would refuse."""

import inspect
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover import Client, job_metadata
from spillover.control.metadata import KEYS, PREFIX, PRIORITIES, Said, read_metadata
from spillover.domain.data import Data
from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.domain.resources import Resources
from spillover.errors import BadArgument, SpilloverError
from spillover.units import parse_duration, parse_size

# Each strategy makes (argument, what control should read from it).
RESOURCE = st.text("CPUGmemory-_.8", min_size=1, max_size=6)
AMOUNT = st.integers(1, 10**13) | st.floats(0.001, 1e13)
SIZE = st.sampled_from(["16GiB", "500MB", "1.5GiB"]).map(lambda text: (text, float(parse_size(text))))
SHAPE = st.dictionaries(RESOURCE, AMOUNT.map(lambda n: (n, float(n))) | SIZE, min_size=1, max_size=4)


def _workers(pairs):
    said = [(count, {name: amount[0] for name, amount in shape.items()}) for count, shape in pairs]
    read = tuple((count, Resources({name: amount[1] for name, amount in shape.items()})) for count, shape in pairs)
    return said, read


WORKERS = st.lists(st.tuples(st.integers(1, 1000), SHAPE), min_size=1, max_size=3).map(_workers)
ONE_BUNDLE = SHAPE.map(lambda shape: _workers([(1, shape)])).map(lambda both: (both[0][0][1], both[1]))
WORKERS_TEXT = st.just(("4x{GPU:2,CPU:16}", ((4, Resources({"GPU": 2, "CPU": 16})),)))
DURATION = (
    st.timedeltas(timedelta(microseconds=1), timedelta(days=999)).map(lambda d: (d, d.total_seconds()))
    | st.integers(1, 10**9).map(lambda s: (s, float(s)))
    | st.floats(0.001, 1e9).map(lambda s: (s, s))
    | st.sampled_from(["2h", "90s", "1h30min", "3.5"]).map(lambda text: (text, parse_duration(text)))
)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("America/New_York")])
DEADLINE = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=ZONES).map(  # noqa: DTZ001
    lambda moment: (moment, moment.timestamp())
) | st.just(("2026-12-01T08:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC).timestamp()))
PRIORITY = st.integers(-1000, 1000).map(lambda n: (n, n)) | st.sampled_from([*PRIORITIES.items()])
NAME = st.text("ab9/:._-", min_size=1, max_size=8)


def _names(name):
    lists = st.lists(name, min_size=1, max_size=4)
    return lists.map(lambda names: (names, tuple(names))) | lists.map(lambda names: (",".join(names), tuple(names)))


TEXT = (
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip).map(lambda t: (t, t))
)
DATA = st.tuples(st.from_regex(r"[a-z0-9:/=.-]{1,12}", fullmatch=True), st.integers(0, 10**15)).map(
    lambda said: (f"{said[0]}={said[1]}", Data(*said))
)
ARGUMENTS = {
    "workers": WORKERS | ONE_BUNDLE | WORKERS_TEXT,
    "runtime": DURATION,
    "max_runtime": DURATION,
    "deadline": DEADLINE,
    "priority": PRIORITY,
    "team": TEXT,
    "pools": _names(NAME),
    "regions": _names(NAME),
    "markets": _names(st.sampled_from([*Market])),
    "needs": _names(NAME),
    "data": DATA,
    "resumable": st.booleans().map(lambda b: (b, b)),
}


@given(st.fixed_dictionaries({}, optional=ARGUMENTS))
@settings(max_examples=100)
def test_control_reads_what_was_meant(said):
    """Whatever is said by arguments, control reads the same meaning from the metadata, and only strings are sent."""
    metadata = job_metadata(**{name: argument for name, (argument, _) in said.items()})
    assert all(type(value) is str for value in metadata.values())
    meant = {name: meaning for name, (_, meaning) in said.items()}
    assert read_metadata(metadata) == Said(
        bundles=meant.get("workers", ()),
        hints=Hints(
            runtime_s=meant.get("runtime"),
            max_runtime_s=meant.get("max_runtime"),
            deadline_at=meant.get("deadline"),
            pools=meant.get("pools", ()),
            regions=meant.get("regions", ()),
            markets=meant.get("markets", ()),
            needs=meant.get("needs", ()),
            resumable=meant.get("resumable", False),
            data=meant.get("data"),
        ),
        priority=meant.get("priority", 0),
        team=meant.get("team"),
    )


@given(st.fixed_dictionaries(ARGUMENTS))
@settings(max_examples=10)
def test_every_key_can_be_said(said):
    """All arguments together say all keys that control knows, and no other."""
    assert [*job_metadata(**{name: argument for name, (argument, _) in said.items()})] == [PREFIX + key for key in KEYS]


def test_a_quote_takes_the_same_arguments():
    """`Client.quote` has every argument of `job_metadata`, of the same type and with the same default."""
    ours = inspect.signature(job_metadata).parameters
    theirs = inspect.signature(Client.quote).parameters
    assert {name: theirs.get(name) for name in ours} == dict(ours)


def test_nothing_said_is_nothing_sent():
    """Without arguments there is no metadata; None is the same as leaving out."""
    assert job_metadata() == {}
    assert job_metadata(workers=None, resumable=None) == {}


def test_what_is_sent_reads_well():
    """Numbers are whole where they are, sizes are bytes, and text stays as it was written."""
    assert job_metadata(
        workers=[(4, {"GPU": 2, "CPU": 16.0, "memory": "64GiB"}), (1, {"CPU": 0.5})],
        runtime=timedelta(hours=2),
        max_runtime="6h",
        deadline=datetime(2026, 12, 1, 8, tzinfo=UTC),
        pools=["onprem", "aws"],
        markets="spot, on_demand",
        resumable=True,
    ) == {
        "spillover/workers": "4x{GPU:2,CPU:16,memory:68719476736}+1x{CPU:0.5}",
        "spillover/runtime": "7200",
        "spillover/max-runtime": "6h",
        "spillover/deadline": "2026-12-01T08:00:00+00:00",
        "spillover/pools": "onprem,aws",
        "spillover/markets": "spot,on_demand",
        "spillover/resumable": "true",
    }


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"workers": "4xGPU"}, "workers: '4xGPU' is no gang; write bundles such as '4x{GPU:2,CPU:16}'"),
        ({"workers": {}}, "workers: '1x{}' asks for nothing"),
        ({"workers": []}, "workers: [] is no gang; write '4x{GPU:2,CPU:16}'"),
        ({"workers": 4}, "workers: 4 is no gang"),
        ({"workers": [{"GPU": 2}]}, "workers: {'GPU': 2} is no bundle with its count"),
        ({"workers": [(True, {"GPU": 2})]}, "is no bundle with its count"),
        ({"workers": [(0, {"GPU": 2})]}, "workers: '0x{GPU:2}' asks for nothing"),
        ({"workers": {"GPU": "many"}}, "workers: GPU 'many' is no amount"),
        ({"workers": {"GPU": -1}}, "workers: GPU -1 is no amount"),
        ({"workers": {"GPU": float("inf")}}, "workers: GPU inf is no amount"),
        ({"workers": {"node:1.2.3.4": 1}}, "is no resource"),
        ({"workers": {"a,b": 1}}, "is no resource"),
        ({"workers": {" a": 1}}, "names a resource with one of ' {}:,+' in it"),
        ({"runtime": "soon"}, "runtime: 'soon' is no duration; write a timedelta, seconds, or '90s', '10min', '2h'"),
        ({"runtime": True}, "runtime: True is no duration"),
        ({"runtime": timedelta(0)}, "is no time at all"),
        (
            {"max_runtime": timedelta(hours=-1)},
            "max_runtime: datetime.timedelta(days=-1, seconds=82800) is no duration",
        ),
        ({"deadline": datetime(2026, 12, 1)}, "says no time zone; write tzinfo=UTC, or .astimezone()"),  # noqa: DTZ001
        ({"deadline": date(2026, 12, 1)}, "is no moment; write a datetime, or '2026-12-01T08:00Z'"),
        ({"deadline": "tomorrow"}, "deadline: 'tomorrow' is no time; write it as '2026-12-01T08:00Z'"),
        ({"priority": "urgent"}, "priority: 'urgent' is no priority; write 'low', 'normal', 'high', or -1000 to 1000"),
        ({"priority": 1001}, "priority: 1001 is no priority"),
        ({"priority": 1.5}, "priority: 1.5 is no priority"),
        ({"priority": True}, "priority: True is no priority"),
        ({"priority": "--5"}, "priority: '--5' is no priority"),
        ({"team": " "}, "team: ' ' says nothing; write text, or leave it out"),
        ({"pools": []}, "pools: [] names nothing; leave it out instead"),
        ({"pools": ["a,b"]}, "pools: 'a,b' is no name; names have no commas in them"),
        ({"needs": ["internet", ""]}, "needs: '' is no name"),
        ({"pools": 3}, "pools: 3 is no list of names"),
        ({"markets": ["spott"]}, "markets: 'spott' is no market; did you mean 'spot'?"),
        ({"markets": "moon"}, "markets: 'moon' is no market; there are owned, on_demand, spot"),
        ({"resumable": "true"}, "resumable: 'true' is neither True nor False"),
        (
            {"data": "s3://b/set"},
            "data: 's3://b/set' does not say how much there is; write it as 's3://bucket/set=120GB'",
        ),
        ({"data": "s3://b=lots"}, "data: 's3://b=lots': the size 'lots' is no size"),
    ],
)
def test_mistakes_are_told_with_the_remedy(said, text):
    """What makes no sense is refused before anything is sent, naming the argument, the value and what would be right."""
    with pytest.raises(BadArgument) as caught:
        job_metadata(**said)
    assert text in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, SpilloverError)


def test_all_mistakes_are_told_at_once():
    """Several mistakes come in one error."""
    with pytest.raises(BadArgument, match=r"runtime: .*; resumable: .*"):
        job_metadata(runtime="soon", workers="1x{CPU:1}", resumable=1)
