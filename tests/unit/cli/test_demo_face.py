import io
from dataclasses import replace

from rich.console import Console

from spillover.cli.demo_face import Lines, Printer, heartbeat
from spillover.cli.demo_look import JobLine, Learning, Look, News
from spillover.cli.demo_panels import panels
from spillover.domain.answers import NodeView, PoolInfo

HEAD = NodeView("h", "127.0.0.1", "head", "owned", 0.0, is_head=True)
NODE = NodeView(
    "n", "127.0.0.2", "worker", "owned", 12.0, is_head=False, used={"CPU": 2.0}, resources={"CPU": 2.0, "memory": 4e9}
)
ONPREM = PoolInfo(
    name="onprem",
    kind="launched",
    role="baseline",
    region="here",
    status="up",
    address=None,
    message="",
    since=1000.0,
    jobs=1,
    drivers=1,
    max_drivers=4,
    lease=None,
    spent_usd=0.25,
    usd_per_hour=12.0,
    nodes=(HEAD, NODE),
)
CLOUD = replace(ONPREM, name="cloud", status="down", nodes=(), usd_per_hour=0.0, spent_usd=0.0)
JOB = JobLine(
    submission_id="alice-1",
    user="alice",
    team="search",
    status="running",
    pool="onprem",
    market="owned",
    wait_s=3.0,
    run_s=12.0,
    why="Runs on onprem now.",
    message="Runs.",
    reason="",
    submitted_at=1000.0,
    started_at=1003.0,
    ended_at=None,
    learning=Learning(120, 250, 5.45, 3.1),
)
LOOK = Look(1015.0, (JOB,), (ONPREM, CLOUD), 0.25, 12.0, (News(1010.0, "pool cloud", "raise\x1b[2J, lease x"),))


def lines(**console):
    out = io.StringIO()
    return out, Lines(Printer(file=out, width=160, no_color=True, **console), 1000.0)


def test_plain_lines_tell_each_piece_of_news_once():
    """A line a piece of news, with the second when it happened; an unchanged look prints nothing."""
    out, face = lines()
    face.show(LOOK, "training")
    face.show(replace(LOOK, news=()), "training")
    assert out.getvalue().splitlines() == ["[   10s] pool cloud: raise [2J, lease x"]


def test_plain_lines_hold_no_control_codes():
    """What goes to a file can be read by eye and by grep, whatever a job's name or a pool's words hold."""
    out, face = lines()
    face.show(LOOK, "training")
    face.say("a\nb [bold]c[/bold] :smile:")
    assert "\x1b" not in out.getvalue()
    assert "b [bold]c[/bold] :smile:" in out.getvalue()


def test_a_long_silence_is_broken():
    """When nothing new happens for ten seconds, one line says how far everything is."""
    out, face = lines()
    face.show(LOOK, "training")
    face.show(replace(LOOK, at=1026.0, news=()), "training")
    assert "... training: 0 wait; onprem up (1 worker), cloud down; spent $0.2500; alice-1 step 120/250 loss 3.10" in (
        out.getvalue()
    )


def test_a_heartbeat_before_the_first_job():
    """While nothing was submitted, the pools alone are told."""
    raising = replace(ONPREM, status="raising", nodes=(HEAD,))
    bare = replace(LOOK, jobs=(), pools=(raising, CLOUD))
    assert (
        heartbeat(bare, "raising on-prem") == "raising on-prem: onprem raising (no worker), cloud down; spent $0.2500"
    )


def test_a_reader_that_left_is_noticed():
    """Output that cannot be written is reported once to the demo, and never breaks it."""
    left = []

    class Closed(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    face = Lines(Printer(lambda: left.append(1), file=Closed(), width=80), 1000.0)
    face.say("hello")
    face.say("hello")
    assert left == [1]


def test_the_live_view_shows_all_parts():
    """Queue, pools, decisions, learning and spend are on the screen, and the prices are called illustrative."""
    out = io.StringIO()
    console = Console(file=out, width=140, no_color=True)
    console.print(panels(LOOK, LOOK.news, "training", 1000.0))
    text = out.getvalue()
    for part in ("alice-1", "5.45 → 3.10", "onprem", "CPU 2/2", "spent $0.2500", "illustrative", "raise [2J, lease x"):
        assert part in text
