import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

ROWS = [
    {"kind": "job", "node_seconds": 3600.0, "usd": 0.2, "pool": "onprem", "team": "search", "user": None},
    {"kind": "idle", "node_seconds": 60.5, "usd": 0.010000001, "pool": "onprem", "team": None, "user": None},
]
WAY = {
    "jobs": 4,
    "burst_jobs": 1,
    "unplaced": 0,
    "baseline_usd": 1.5,
    "cloud_usd": 0.25,
    "total_usd": 1.75,
    "mean_wait_s": 23.0,
    "max_wait_s": 40.0,
    "mean_jct_s": 62.0,
    "makespan_s": 96.0,
}


def bill(**changes):
    whole = {"by": ["pool"], "rows": ROWS, "total_usd": 0.210000001, "node_total_usd": 0.22, "as_of": 0.0}
    return whole | {"since": None, "until": None, "team": None, "compared": None, "left_out": 0} | changes


def test_the_bill_adds_up_on_the_screen(spillover, api):
    """`cost` shows the rows with the kind of use, their sum, and what the nodes cost altogether."""
    api.put("GET /cost?by=pool", bill())
    text = spillover("cost").stdout
    assert [line.split() for line in text.splitlines() if "onprem" in line or "total" in line] == [
        ["onprem", "job", "1h00m", "$0.2000"],
        ["onprem", "idle", "1m00s", "$0.0100"],
        ["total", "1h01m", "$0.2100"],
    ]
    assert "All nodes together cost $0.2200 until 1970-01-01 00:00:00Z." in text
    assert "otherwise" not in text


@pytest.mark.parametrize(
    ("args", "query"),
    [
        (["--by", "day, team,day"], "by=day%2Cteam"),
        (["--since", "2026-11-01", "--until", "2026-12-01"], "by=pool&since=2026-11-01&until=2026-12-01"),
        (["--team", "ads", "--compare"], "by=pool&team=ads&compare=true"),
    ],
)
def test_what_is_asked_for_is_asked_of_the_server(args, query, spillover, api):
    """Columns, days, team and comparison are the server's business."""
    api.put(f"GET /cost?{query}", bill())
    assert spillover("cost", *args).exit_code == 0


def test_the_last_days_include_today(spillover, api):
    """`--days 1` is today alone, in UTC; `--days 7` begins six days before."""
    for days in (1, 7):
        today = datetime.now(UTC).date()
        first = (today - timedelta(days=days - 1)).isoformat()
        api.put(f"GET /cost?by=pool&since={first}", bill(since=first))
        result = spillover("cost", "--days", str(days))
        assert result.exit_code == 0 or datetime.now(UTC).date() != today
        assert f"All nodes together cost $0.2200 from {first} (days in UTC)." in result.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--by", "pool,tem"], ["'tem'", "did you mean 'team'?"]),
        (["--by", "xyz"], ["'xyz'", "market"]),
        (["--by", ","], ["name at least one"]),
        (["--since", "yesterday"], ["'yesterday'", "2026-12-01"]),
        (["--since", "2026-11-02", "--until", "2026-11-02"], ["2026-11-02", "not counted"]),
        (["--since", "2026-11-02", "--days", "3"], ["--since", "--days"]),
        (["--days", "0"], ["--days"]),
        (["--csv", "--json"], ["--csv"]),
        (["--csv", "--compare"], ["--csv", "--json"]),
    ],
)
def test_a_mistake_is_named_before_anything_is_asked(args, said, spillover, api):
    """What cannot be meant is a usage error that names the value and the remedy; the server hears nothing of it."""
    result = spillover("cost", *args)
    assert result.exit_code == 2
    words = " ".join(result.stderr.replace("│", " ").split())
    assert [text for text in said if text not in words] == []
    assert api.asked == []


def test_csv_is_exact_and_has_a_header(spillover, api):
    """Every row with its columns, its kind, node-seconds and nine decimals; what is empty is empty."""
    api.put("GET /cost?by=pool%2Cteam%2Cuser", bill(by=["pool", "team", "user"]))
    text = spillover("cost", "--by", "pool,team,user", "--csv").stdout
    assert list(csv.reader(io.StringIO(text))) == [
        ["pool", "team", "user", "kind", "node_seconds", "usd"],
        ["onprem", "search", "", "job", "3600.0", "0.200000000"],
        ["onprem", "", "", "idle", "60.5", "0.010000001"],
    ]


def test_csv_of_nothing_is_a_header(spillover, api):
    """A script that reads it finds the columns that it asked for, and no row."""
    api.put("GET /cost?by=pool", bill(rows=[]))
    assert spillover("cost", "--csv").stdout == "pool,kind,node_seconds,usd\n"


def test_a_comparison_stands_below_the_bill(spillover, api):
    """A line for each way, what it assumes, and which jobs it does not cover."""
    ways = [WAY | {"label": "what happened"}, WAY | {"label": "never burst", "burst_jobs": 0, "unplaced": 2}]
    api.put("GET /cost?by=pool&compare=true", bill(compared=ways, left_out=7))
    lines = spillover("cost", "--compare").stdout.splitlines()
    assert lines.index("The same jobs, otherwise") > lines.index(next(line for line in lines if "total" in line))
    way = next(line for line in lines if line.startswith("what happened"))
    assert way.split()[2:] == ["$1.75", "$1.50", "$0.2500", "1", "of", "4", "23s", "1m02s", "1m36s"]
    assert "'never burst' leaves 2 jobs without a place." in lines
    assert any(line.startswith("Left out: 7 jobs") for line in lines)


def test_a_teams_bill_is_said_to_be_one(spillover, api):
    """Who may see one team's work alone is told so, and sees no sum of all nodes."""
    api.put("GET /cost?by=pool", bill(team="search", node_total_usd=None, rows=ROWS[:1], total_usd=0.2))
    text = spillover("cost").stdout
    assert "Only what jobs of team search cost until 1970-01-01 00:00:00Z." in text
    assert "All nodes" not in text
