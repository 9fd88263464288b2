import subprocess
import sys

import pytest

TABLES = {
    "queue": ("GET /queue?limit=100", "a_job", ["raysubmit_1", "[b]waits[/b] for 4x{CPU:1}", "3m12s"]),
    "pools": (
        "GET /pools?limit=10000",
        "a_pool",
        ["onprem", "launched baseline", "CPU 3/4", "CPU 1", "1/8", "$0.3000", "$1,234.50"],
    ),
}


@pytest.mark.parametrize("command", TABLES)
def test_a_list_is_shown_as_a_table(command, spillover, api, request):
    """`queue` and `pools` show each row's names, amounts and dollars, and markup in users' texts stays text."""
    path, sample, expected = TABLES[command]
    api.put(path, {"items": [request.getfixturevalue(sample)], "next": None})
    result = spillover(command)
    assert result.exit_code == 0
    assert [text for text in expected if text not in result.stdout] == []


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["queue"], "GET /queue?limit=100"),
        (["queue", "--team", "ads", "--status", "queued"], "GET /queue?team=ads&status=queued&limit=100"),
        (["pools"], "GET /pools?limit=10000"),
        (["pools", "--role", "burst"], "GET /pools?role=burst&limit=10000"),
        (["explain", "a b/c"], "GET /jobs/a%20b%2Fc/explain"),
        (["cost", "--by", "pool, team"], "GET /cost?by=pool%2Cteam"),
        (["shadow"], "GET /shadow?days=7&limit=20"),
        (["shadow", "--days", "30", "--limit", "5"], "GET /shadow?days=30&limit=5"),
        (["events"], "GET /events?limit=200"),
        (["events", "onprem", "--actor", "ann"], "GET /events?subject=onprem&actor=ann&limit=200"),
        (["fold", "onprem"], "POST /pools/onprem/fold"),
        (["fence", "onprem"], "POST /pools/onprem/fence"),
        (["hosts"], "GET /hosts?limit=10000"),
        (["hosts", "onprem"], "GET /hosts?pool=onprem&limit=10000"),
        (["repair", "onprem", "10.0.0.1"], "POST /pools/onprem/hosts/10.0.0.1/repair"),
        (["drain", "onprem", "10.0.0.1"], "POST /pools/onprem/hosts/10.0.0.1/drain"),
        (["undrain", "onprem", "10.0.0.1"], "POST /pools/onprem/hosts/10.0.0.1/undrain"),
    ],
)
def test_json_is_the_answer_byte_for_byte(args, path, spillover, api):
    """`--json` prints the API's own text, spaces and unknown fields included, and asks the path of the API."""
    body = api.put(path, '[ {"x":1.50,  "new": "field"} ]')
    result = spillover(*args, "--json")
    assert (result.exit_code, result.stdout) == (0, body + "\n")


def test_pools_can_show_nodes(spillover, api, a_pool):
    """`pools --nodes` adds a line for every node and marks the head."""
    api.put("GET /pools?limit=10000", {"items": [a_pool], "next": None})
    result = spillover("pools", "--nodes")
    assert "ab12" in result.stdout
    assert "worker (head)" in result.stdout


def test_hosts_show_what_is_wrong_with_each(spillover, api):
    """A line has a host's state, its problem and when it is tried again; a drain that was taken back says so."""
    host = {"pool": "onprem", "host": "10.0.0.2", "role": "worker", "since": 5.0, "node_id": None, "target": "up"}
    missing = host | {"status": "missing", "problem": "no working `ray`", "retry_at": 2e9}
    api.put("GET /hosts?limit=10000", {"items": [missing, host | {"status": "draining"}], "next": None})
    text = spillover("hosts").stdout
    assert "no working `ray`" in text
    assert "in " in text.splitlines()[2]
    assert "draining (undrained)" in text


def test_explain_tells_the_newest_decision_first(spillover, api, an_explanation):
    """The headline is the newest sentence, the chosen offer is marked, and one that is out has its reason."""
    api.put("GET /jobs/raysubmit_1/explain", an_explanation)
    lines = spillover("explain", "raysubmit_1").stdout.splitlines()
    assert lines[0] == "raysubmit_1 queued: Spill: 1 job older than 3min."
    offers = [line.split() for line in lines if " worker " in line]
    assert [words[:2] for words in offers] == [["✔", "cloud"], ["dear", "worker"], ["onprem", "worker"]]
    assert offers[-1][-1] == "full"


def test_explain_says_where_the_shadow_policy_differs(spillover, api, an_explanation):
    """A job that the shadow policy would have treated otherwise has a line with what, the dollars and the wait."""
    api.put("GET /jobs/raysubmit_1/explain", an_explanation)
    assert "shadow policy" not in spillover("explain", "raysubmit_1").stdout
    shadow = {"kind": "keeps", "usd": -1.5, "wait_s": 192.0, "sentence": "Waits for onprem.", "pool": "", "at": 1.0}
    api.put("GET /jobs/raysubmit_1/explain", an_explanation | {"shadow": shadow})
    assert (
        "shadow policy: would wait, and it was rented for: -$1.50, +3m12s wait; Waits for onprem."
        in spillover("explain", "raysubmit_1").stdout
    )


def test_shadow_shows_the_sum_the_days_and_the_jobs(spillover, api):
    """The sentence stands first, then both policies, then days and jobs with signs before dollars and waits."""
    job = {"submission_id": "j1", "team": "a", "at": 10.0, "kind": "rents", "pool": "cloud", "usd": 2.0, "wait_s": None}
    day = {"day": "2026-12-01", "kind": "rents", "jobs": 3, "usd": 6.5, "wait_s": -90.0}
    report = {
        "policy": "marginal()",
        "live": "never()",
        "since": 5.0,
        "started": 7,
        "unknown": 1,
        "sentence": "In the last 7 d ...",
        "days": [day],
        "newest": [job | {"sentence": "Bursts."}],
    }
    api.put("GET /shadow?days=7&limit=20", report)
    lines = spillover("shadow").stdout.splitlines()
    assert lines[0] == "In the last 7 d ..."
    assert lines[1:3] == ["decides: never()", "in its shadow: marginal()"]
    assert next(line for line in lines if line.startswith("2026")).split()[-3:] == ["3", "+$6.50", "-1m30s"]
    assert next(line for line in lines if line.startswith("j1")).split()[-3:] == ["+$2.00", "-", "Bursts."]


def test_explain_shows_decisions_over_time_and_attempts(spillover, api, an_explanation):
    """All decisions stand in order of time, and an attempt with how it ended."""
    api.put("GET /jobs/raysubmit_1/explain", an_explanation)
    text = spillover("explain", "raysubmit_1").stdout
    assert text.index("waiting is free") < text.rindex("Spill: 1 job")
    assert "the node went away" in text
    assert "uses 6 CPU, declared 4" in text


def test_explain_of_a_job_without_decisions_shows_its_message(spillover, api, a_job):
    """A job that nothing was decided about yet is explained by its message, without empty tables."""
    api.put(
        "GET /jobs/raysubmit_1/explain", {"job": a_job, "decisions": [], "offers": [], "attempts": [], "events": []}
    )
    text = spillover("explain", "raysubmit_1").stdout
    assert text.startswith("raysubmit_1 queued: [b]waits[/b] for 4x{CPU:1} on onprem")
    assert "Attempts" not in text


def test_events_stand_in_order_of_time(spillover, api):
    """The API's newest-first history is shown as a log, with who did what."""
    event = {"actor": "ann", "subject": "pool:onprem", "at": 10.0}
    api.put("GET /events?limit=200", {"items": [event | {"text": "second"}, event | {"text": "first"}], "next": None})
    text = spillover("events").stdout
    assert text.index("first") < text.index("second")
    assert "1970-01-01 00:00:10Z" in text


@pytest.mark.parametrize("command", ["fold", "fence"])
def test_an_order_is_confirmed_in_the_servers_words(command, spillover, api):
    """`fold` and `fence` post, show the server's message if it has one, and never ask without a terminal."""
    api.put(f"POST /pools/onprem/{command}", {"message": "done as told"})
    assert spillover(command, "onprem").stdout == "done as told\n"
    api.put(f"POST /pools/onprem/{command}", {})
    assert spillover(command, "onprem").stdout.startswith("onprem: ")


def test_a_server_with_nothing_to_tell_gets_a_sentence(spillover, api):
    """Empty lists are told in words, not as an empty table."""
    for command, path in (
        ("queue", "queue?limit=100"),
        ("pools", "pools?limit=10000"),
        ("events", "events?limit=200"),
    ):
        api.put(f"GET /{path}", {"items": [], "next": None})
        assert spillover(command).stdout.strip().endswith(".")


def test_a_list_that_was_cut_is_said_to_be(spillover, api, a_job):
    """A page that others follow is said to be cut on stderr; stdout stays the list."""
    api.put("GET /queue?limit=1", {"items": [a_job], "next": "1"})
    assert spillover("queue", "--limit", "1").stderr == "Only 1 are shown; --limit takes more.\n"


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["queue", "--address", "127.0.0.1:9"]])
def test_commands_start_without_what_they_do_not_need(args):
    """Help, version and the commands that only ask a server import neither Ray, pydantic nor aiohttp: that is slow."""
    code = (
        "import sys; from spillover.cli.main import app\n"
        f"try: app({args}, standalone_mode=False)\nexcept BaseException: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "typer" in loaded
    assert loaded.isdisjoint({"ray", "omegaconf", "aiohttp", "sqlalchemy", "requests", "jsonschema"})
    # Typer itself looks for pydantic where a command has parameters
    assert "pydantic" not in loaded or args[0] == "queue"


def test_every_command_explains_itself(bare):
    """Each command stands in the program's help, and has a help of its own."""
    from spillover.cli.main import app

    names = [c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands]
    assert {"up", "pools", "queue", "explain", "cost", "fence", "fold", "events"} <= set(names)
    for name in names:
        assert f"Usage: spillover {name}" in bare(name, "--help").stdout
        assert f" {name} " in bare("--help").stdout
