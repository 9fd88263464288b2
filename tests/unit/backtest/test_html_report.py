import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest
from html_results import JOBS, columns, outcome, results

from spillover.backtest.html.assumed import _WORLD
from spillover.backtest.html.figures import change, share, usd
from spillover.backtest.html.report import page, write_report
from spillover.backtest.results import Bound
from spillover.backtest.summary import summarise
from spillover.backtest.world import World
from spillover.units import show_duration

_VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Checks that what is opened is closed, and collects the cells of rows and the words."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.words, self.tags = [], [], "", set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"style", "script"} & set(self.open):
            return
        self.words += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_every_run_stands_in_the_table_with_its_own_figures():
    """Bill, difference to renting at once, waits, slowdown and share of rented jobs are those of the results."""
    found = results()
    rows = {row[0].removesuffix(" ★"): row for row in reversed(Reader(page(found)).rows) if len(row) == 12}
    for run in found.runs:
        assert rows[run.label][1:3] == [usd(run.cloud_usd), change(run.vs_no_wait, 1.0)]
        assert rows[run.label][3:7] == [
            show_duration(s) for s in (run.wait.mean_s, run.wait.p50_s, run.wait.p90_s, run.wait.p99_s)
        ]
        assert rows[run.label][7:9] == [f"{run.slowdown:.2f}", share(run.bursts / JOBS)]


def test_the_headline_says_bill_wait_and_what_renting_at_once_costs():
    """The first sentence carries the numbers that a manager asks for."""
    found = results()
    said = Reader(page(found)).words
    lead = next(run for run in found.runs if run.settings.get("value_of_waiting") == 5.0)
    dear = next(run for run in found.runs if run.policy == "immediate")
    first = (
        f"marginal at $5 an hour of waiting: the cloud bill is {usd(lead.cloud_usd)} instead of {usd(dear.cloud_usd)} "
        f"({change(lead.cloud_usd, dear.cloud_usd)}), at a mean wait of {show_duration(lead.wait.mean_s)}"
    )
    assert first in said


def test_the_bound_is_said_with_the_way_that_is_made_to_it():
    """The share of the gap is the saving over the saving that the bound allows."""
    found = results(bounds=[Bound(0.0, 400.0), Bound(5400.0, 300.0), Bound(90_000.0, 10.0)])
    lead = next(run for run in found.runs if run.settings.get("value_of_waiting") == 5.0)
    dear = next(run for run in found.runs if run.policy == "immediate")
    way = share((dear.cloud_usd - lead.cloud_usd) / (dear.cloud_usd - 300.0))
    said = Reader(page(found)).words
    assert "No schedule with that mean wait spends less than $300.00" in said
    assert f"marginal goes {way}." in said
    assert "clairvoyant" in said


def test_no_bound_is_shown_that_was_not_given():
    """The plot has its hatched ground only with a bound."""
    assert "clairvoyant" not in Reader(page(results())).words


def test_what_a_trace_says_cannot_become_markup():
    """Team names, the source and notes are shown as they are written, quotes and brackets included."""
    evil = '<script>alert("x")</script>'
    trace = columns(teams=(evil, '"><img src=x onerror=1>'), source=f"{evil}.csv")
    found = results(trace=trace)
    found = replace(
        found,
        record=replace(found.record, notes=(evil,), command=evil, version=evil),
        trace=replace(found.trace, left_out=(evil,)),
        runs=tuple(replace(run, label=run.label + evil) for run in found.runs),
    )
    text = page(found)
    assert text.count("<script") == text.count("</script") == 1
    assert "<img" not in text
    reader = Reader(text)
    assert any(row[0] == evil for row in reader.rows)


def test_the_same_results_give_the_same_page():
    """Nothing in it depends on when or where it is made."""
    assert page(results()) == page(results())


def test_the_page_needs_no_other_file():
    """No address of anything outside: no link, no image, no source."""
    text = page(results(bounds=[Bound(0.0, 1.0), Bound(1e6, 0.0)]))
    assert not re.search(r"https?:|url\(|@import|\bsrc=|\bhref=", text)
    assert not Reader(text).tags & {"link", "img", "iframe", "image", "use"}


def test_every_plot_is_told_in_words_too():
    """Each drawing that is no mere sample of a colour has a name, and each is well-formed."""
    text = page(results())
    drawings = re.findall(r"<svg[^>]*>", text)
    assert drawings
    assert all('aria-hidden="true"' in svg or re.search(r'role="img" aria-label="[^"]{20,}"', svg) for svg in drawings)


@pytest.mark.parametrize("policy", ["marginal", "never", "immediate"])
def test_one_run_is_enough_for_a_report(policy):
    """Also where nobody waits, nobody rents, and nothing is there to compare with."""
    trace, world = columns(), World(nodes=2)
    run = summarise(outcome(policy, {}, trace, world, wait_s=0.0, rented=0))
    said = Reader(page(results([run], trace, world))).words
    assert "the cloud bill is $0.00, at a mean wait of 0s a job" in said
    assert "nan" not in said.lower()
    assert "inf" not in said.lower().replace("information", "")


def test_jobs_that_never_ended_are_told():
    """In the headline and in the table; a replay in which none ended makes a page too."""
    trace, world = columns(), World(nodes=2)
    some = summarise(outcome("marginal", {}, trace, world, wait_s=5.0, rented=3, left=4))
    assert "4 jobs had not ended" in Reader(page(results([some], trace, world))).words
    none = summarise(outcome("marginal", {}, trace, world, wait_s=5.0, rented=0, left=JOBS))
    assert f"{JOBS} jobs had not ended" in Reader(page(results([none], trace, world))).words


def test_a_hard_budget_is_kept_or_not():
    """The bill is set beside the budget, and what exceeds it is said aloud."""
    trace, world = columns(), World(nodes=2, budget_usd=1000.0)
    cheap = summarise(outcome("marginal", {}, trace, world, wait_s=5.0, rented=3))
    dear = summarise(outcome("immediate", {}, trace, world, wait_s=0.0, rented=36))
    cells = [row[-2] for row in Reader(page(results([cheap, dear], trace, world))).rows if len(row) == 8]
    assert f"kept: {share(cheap.cloud_usd / 1000)}" in cells
    assert f"EXCEEDED: {share(dear.cloud_usd / 1000)}" in cells


def test_forecasts_are_set_beside_what_they_promise():
    """Every fifth job lies outside its interval here, in every quarter: 80% are within."""
    said = Reader(page(results())).words
    assert "off by at most 0 points of 80%" in said


def test_who_gained_is_the_difference_to_the_reference():
    """Each team's change of wait and dollars is the lead's figure less the reference's."""
    found = results()
    rows = [row for row in Reader(page(found)).rows if row[0] == "search"]
    lead = next(run for run in found.runs if run.settings.get("value_of_waiting") == 5.0)
    other = next(run for run in found.runs if run.settings.get("coefficient") == 1.0)
    saved = other.by_team[0].cloud_usd - lead.by_team[0].cloud_usd
    assert rows == [
        [
            "search",
            "20",
            f"{lead.by_team[0].gpu_h:,.0f}",
            "1h30m",
            "−30m00s",
            usd(lead.by_team[0].cloud_usd),
            usd(-saved),
        ]
    ]


def test_every_assumption_about_the_world_is_named():
    """A new field of the world does not stay unsaid."""
    assert set(_WORLD) == {field.name for field in fields(World)}


def test_no_run_is_no_report(tmp_path):
    """The error says how to get one."""
    with pytest.raises(ValueError, match="--policy"):
        write_report(results([]), tmp_path / "report.html")


def test_a_report_of_many_runs_is_small(tmp_path):
    """Twenty runs with 500 moments each stay far below 2 MB."""
    found = results()
    many = [replace(run, label=f"{run.label} {k}") for k in range(4) for run in found.runs]
    write_report(replace(found, runs=tuple(many)), tmp_path / "report.html")
    assert 20_000 < (tmp_path / "report.html").stat().st_size < 500_000
