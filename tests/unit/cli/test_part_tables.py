from typing import Any

from rich.console import Console, Group

from spillover.cli.part_tables import cost_parts


def part(kind: str, usd: float, time_s: float | None = None, text: str = "why") -> dict[str, Any]:
    return {"kind": kind, "usd": usd, "time_s": time_s, "text": text}


def offer(pool: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    cost = sum(p["usd"] for p in parts)
    values = {"node_type": "gpu", "out": "", "chosen": False, "runtime_s": 3600.0, "total_s": 3600.0}
    return {"pool": pool, "cost_usd": cost, "parts": parts, **values, **more}


def shown(*offers: dict[str, Any], width: int = 100) -> str:
    console = Console(width=width, record=True)
    console.print(Group(*cost_parts(offers)))
    return console.export_text()


RENTED = (part("nodes", 2.5, 3600.0, "gpu x1"), part("egress", 1.0, None, "10 GB"))


def test_the_offer_that_is_taken_is_shown_part_by_part() -> None:
    """One line a part with dollars, time and words, and what they come to, with the time that is no work."""
    text = shown(offer("cloud", *RENTED, chosen=True, total_s=3900.0), offer("other", *RENTED))
    rows = [line.split() for line in text.splitlines() if line]
    assert rows[0] == ["What", "cloud", "gpu", "costs"]
    assert ["nodes", "$2.50", "1h00m", "gpu", "x1"] in rows
    assert ["egress", "$1.00", "-", "10", "GB"] in rows
    assert "all     $3.50  1h05m  from its start to its end, 1h00m of it work" in text
    assert "other" not in text


def test_what_is_waited_for_is_shown_if_it_has_parts() -> None:
    """Beside the cheapest that could be taken stands the owned offer, unless that is one share and no more."""
    rented = offer("cloud", *RENTED)
    assert "What onprem gpu costs" in shown(rented, offer("onprem", *RENTED, out="full now"))
    assert "onprem" not in shown(rented, offer("onprem", part("share", 1.0), out="full now"))


def test_offers_of_old_have_no_parts() -> None:
    """Decisions that were stored before there were parts show none."""
    assert list(cost_parts([offer("cloud", chosen=True)])) == []
    assert list(cost_parts([{"pool": "cloud", "chosen": True}])) == []
    assert list(cost_parts([])) == []


def test_it_fits_a_terminal() -> None:
    """At 100 columns no line is longer, however long the words are."""
    text = shown(offer("cloud", *RENTED, part("interruptions", 1.0, 60.0, "many words " * 20), chosen=True))
    assert max(len(line) for line in text.splitlines()) <= 100
