import json
import re

import numpy as np
import pytest

from spillover.backtest.columns import Columns
from spillover.backtest.outcome import LEFT, OWNED, RENTED, Outcome, Series
from spillover.backtest.readers import Loaded
from spillover.backtest.world import World
from spillover.cli.tco_history import default_sizes, parse_sizes, play_history, played_from, valued, world_at
from spillover.errors import BadArgument
from spillover.placement.policies import make_policy
from spillover.tco.figures import load_book, node_types

BOOK = load_book("h100x8")


def a_trace(submit_s=(0.0, 3600.0, 7200.0), run_s=(7200.0, 3600.0, 3600.0), gpus=(8.0, 4.0, 2.0)):
    """Three jobs of one team over two hours."""
    n = len(submit_s)
    zeros, ones = np.zeros(n), np.ones(n, bool)
    return Columns(
        ids=tuple(map(str, range(n))), submit_s=np.array(submit_s), run_s=np.array(run_s), gpus=np.array(gpus), cpus=zeros,
        team=np.zeros(n, np.int64), user=np.zeros(n, np.int64), priority=zeros, hint_s=np.full(n, np.nan),
        deadline_s=np.full(n, np.inf), like=np.zeros((n, 1), np.int64), resumable=ones, may_burst=ones, teams=("a",),
        users=("u",), source="jobs.csv", sha256="0" * 64,
    )  # fmt: skip


def an_outcome(trace):
    """The first job ran on the one owned node, the second was rented, the third never ran."""
    rows = np.zeros(len(trace))
    at = np.array([0.0, 3600.0, 7200.0, 10800.0])
    return Outcome(
        policy="p", settings={}, world=World(nodes=1, on_demand_usd=6.88), trace=trace, wait_s=np.array([0.0, 360.0, 9e9]),
        started_s=rows, ended_s=rows, where=np.array([OWNED, RENTED, LEFT]), cloud_gpu_s=rows, cloud_usd=rows, moves=rows,
        interruptions=rows, missed=rows > 0, total_cloud_usd=30.0, total_cloud_gpu_h=4.0, egress_usd=2.0, owned_gpu_h=16.0,
        owned_usd=0.0, decisions=1, wall_s=0.0,
        series=Series(at, at, at, at, np.array([0.0, 4.0, 4.0, 2.0]), at), forecast_low_s=rows, forecast_high_s=rows,
    )  # fmt: skip


def test_without_a_history_it_says_what_an_hour_costs(bare):
    """Parts, plans with their break-even, the spread, the tornado and the field's figures are on the screen."""
    done = bare("tco", "--draws", "200")
    assert done.exit_code == 0
    titles = (
        "Owning 16 nodes of h100x8, 60% of",
        "A GPU-hour of work",
        "How sure that is",
        "What moves the break-even",
    )
    for title in (*titles, "Beside the field's figures"):
        assert title in done.stdout
    assert re.search(r"^total +\$\d+,\d+ +\$\d+\.\d+ +100%$", done.stdout, re.MULTILINE)
    assert "How many nodes" not in done.stdout


@pytest.mark.parametrize("args", [(), ("--inputs",)])
def test_everything_fits_into_a_hundred_columns(bare, monkeypatch, args):
    """On a terminal of 100 columns no line is longer, and no word of a verdict is cut."""
    monkeypatch.setenv("COLUMNS", "100")
    out = bare("tco", "--draws", "100", *args).stdout
    assert max(map(len, out.splitlines())) <= 100
    assert args or {"inside", "above", "below"} <= set(out.split())


def test_json_has_all_of_it_and_no_infinity(bare):
    """`--json` holds inputs with sources, parts, plans, distributions and the tornado; what is infinite is null."""
    free = [f"{name}=0" for name in ("rented_storage_usd_per_gb_month", "egress_usd_per_gb", "rented_engineers")]
    settings = [word for setting in ("on_demand_usd=0.001", *free) for word in ("--set", setting)]
    out = bare("tco", "--json", "--draws", "100", *settings).stdout
    found = json.loads(out, parse_constant=pytest.fail)
    assert {f["name"] for f in found["inputs"]} == set(BOOK.figures)
    assert all(f["source"] for f in found["inputs"])
    assert [plan["plan"] for plan in found["plans"]][:2] == ["on demand", "spot"]
    assert found["plans"][1]["break_even_utilisation"] is None
    assert found["history"] is None
    assert sum(found["owned_usd_per_gpu_hour"]["histogram"]["counts"]) == pytest.approx(98, abs=2)


def test_what_is_set_is_what_is_reckoned_with(bare):
    """`--set` changes the likeliest value, and is marked as stated in the list of inputs."""
    cheap = json.loads(bare("tco", "--json", "--draws", "100", "--set", "node_price_usd=100000").stdout)
    dear = json.loads(bare("tco", "--json", "--draws", "100").stdout)
    parts = [{p["name"]: p["usd_per_node_year"] for p in found["owned"]["parts"]} for found in (cheap, dear)]
    assert parts[0]["hardware"] == pytest.approx(parts[1]["hardware"] * 100 / 310)
    assert parts[0]["power"] == parts[1]["power"]
    inputs = bare("tco", "--inputs", "--set", "pue=1.1:1.2:1.3").stdout
    assert re.search(r"^pue +1\.1 +1\.2 +1\.3 +ratio +stated ", inputs, re.MULTILINE)


def test_inputs_as_json_are_a_list(bare):
    """`--inputs --json` is one object an input, of the node type that is asked for."""
    found = json.loads(bare("tco", "--inputs", "--json", "--node", "a100x8").stdout)
    assert next(f for f in found if f["name"] == "rated_kw")["value"] == 6.5


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--set", "pui=1.2"), "there is no input 'pui'; did you mean 'pue'?"),
        (("--node", "h100x9"), "did you mean 'h100x8'?"),
        (("--set", "policy.value_of_waiting=5"), "--trace FILE"),
        (("--sizes", "0:8:4"), "--sizes is of a history"),
        (("--trace", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--trace", "nowhere.csv", "--sizes", "8:0:1"), "--sizes 8:0:1 names no numbers of nodes"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(bare, args, said):
    """A mistake ends it with 1 and one line that names the value and the way out."""
    done = bare("tco", *args)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_report_is_one_file_with_plots(bare, tmp_path):
    """`--report` writes a page that needs no other file: plots as SVG with a text for each, and every input's source."""
    file = tmp_path / "deep" / "tco.html"
    assert bare("tco", "--draws", "200", "--report", str(file)).exit_code == 0
    page = file.read_text()
    assert page.count("<svg") >= 6
    assert page.count("<svg") == page.count('role="img"') == page.count("<svg viewBox")
    assert not re.search(r"""(src|href)=["']?http""", page)
    assert "CBRE, North America Data Center Trends" in page
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", page.lower())


@pytest.mark.parametrize(
    ("text", "sizes"), [("0:64:16", (0, 16, 32, 48, 64)), ("0:10:4", (0, 4, 8)), ("3", (3,)), ("8,0,4", (8, 0, 4))]
)
def test_sizes_are_a_range_with_both_ends_or_a_list(text, sizes):
    """FIRST:LAST:STEP counts LAST in where the steps meet it."""
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize("text", ["", "a", "1:2", "4:0:2", "0:4:0", "-4:8:4", "1,,2", "0:8:-1"])
def test_sizes_that_are_none_are_refused(text):
    """What names no numbers of nodes is told how to write them."""
    with pytest.raises(BadArgument, match="FIRST:LAST:STEP"):
        parse_sizes(text)


def test_sizes_reach_from_nothing_to_twice_the_demand():
    """Without sizes: nine of them, from owning nothing to at least twice the nodes that the jobs keep busy."""
    trace = a_trace(gpus=(80.0, 40.0, 20.0))
    sizes = default_sizes(trace, 8)
    mean_nodes = (80 * 7200 + 40 * 3600 + 20 * 3600) / 7200 / 8
    assert sizes[0] == 0
    assert len(sizes) == 9
    assert 2 * mean_nodes <= sizes[-1] <= 2 * mean_nodes + 9


def test_an_outcome_is_read_as_the_economics_need_it():
    """Hours are those of submission, egress is apart, the load ends with them, and a job that never ran waited nothing."""
    played = played_from(an_outcome(a_trace()))
    assert (played.nodes, played.hours, played.jobs) == (1, 2.0, 3)
    assert (played.compute_usd, played.egress_usd, played.on_demand_usd) == (28.0, 2.0, 6.88)
    assert (played.owned_gpu_hours, played.rented_gpu_hours) == (16.0, 4.0)
    assert played.rented_load == (0.0, 4.0, 4.0)
    assert played.waited_hours == pytest.approx(0.1)
    assert played.utilisation(8) == 1


def test_the_world_has_the_books_prices_and_what_is_set():
    """Prices, node sizes and egress come from the inputs; `world.` sets the rest, and not the size."""
    world = world_at(BOOK, 5, {"world.startup_s": [60]})
    assert (world.nodes, world.gpus_per_node, world.on_demand_usd, world.startup_s) == (5, 8, 6.88, 60)
    assert world.cloud_sizes == (1, 8)
    assert world.spot_usd == pytest.approx(3.44)
    with pytest.raises(BadArgument, match="--sizes"):
        world_at(BOOK, 5, {"world.nodes": [3]})


@pytest.mark.parametrize(
    ("policy", "settings", "said"),
    [
        ("margnal", [], "unknown policy 'margnal'"),
        ("immediate", ["policy.zebra=1"], "nothing is called that"),
        ("starburst", ["starburst.coefficient=1,2"], "has 2 values; one policy is played"),
    ],
)
def test_a_policy_that_cannot_be_played_is_refused_before_anything_is(policy, settings, said):
    """An unknown policy, an unknown setting and a sweep are refused."""
    with pytest.raises(BadArgument, match=said):
        play_history(BOOK, Loaded(a_trace(), "csv", ()), policy, settings, (1,), lambda _: None)


@pytest.mark.parametrize(
    ("settings", "policy", "worth"),
    [
        ((), {"name": "marginal", "value_of_waiting": 7.0}, 7.0),
        (("waiting_usd_per_hour=3",), {"name": "marginal", "value_of_waiting": 7.0}, 3.0),
        (("waiting_usd_per_hour=0",), {"name": "marginal"}, 0.0),
        ((), {"name": "immediate"}, 0.0),
    ],
)
def test_waiting_is_worth_what_the_policy_decides_by_unless_it_is_stated(settings, policy, worth):
    """The policy's own value of waiting counts in the total; one that is stated wins; a policy without one adds none."""
    assert valued(BOOK.stating(settings), make_policy(**policy)).inputs().waiting_usd_per_hour == worth


def test_jobs_that_came_all_at_once_are_no_history():
    """Without a span there is no year to reckon with."""
    with pytest.raises(BadArgument, match="submitted at once"):
        play_history(BOOK, Loaded(a_trace((0.0, 0.0, 0.0)), "csv", ()), "immediate", [], (1,), lambda _: None)


def test_the_help_names_every_node_type(bare):
    """Whoever asks for help sees all node types that have figures."""
    said = " ".join(bare("tco", "--help").stdout.replace("│", " ").split())
    assert all(node in said for node in node_types())
