from types import SimpleNamespace

import pytest

import spillover.bootstrap.serving
from spillover.errors import PoolUnreachable


@pytest.fixture
def bootstrap(monkeypatch):
    """In place of bootstrap's `run`: what it was started with, and what to do instead."""
    stand_in = SimpleNamespace(calls=[])
    stand_in.run = lambda settings, *, fold_on_exit: stand_in.calls.append((settings, fold_on_exit))

    def run(*args, **options):
        stand_in.run(*args, **options)

    monkeypatch.setattr(spillover.bootstrap.serving, "run", run)
    return stand_in


@pytest.fixture
def settings_file(tmp_path):
    file = tmp_path / "spillover.yaml"
    file.write_text(
        "defaults: {demand: '1x{CPU:1}'}\n"
        "teams: {default: {may_burst: false}}\n"
        "pools:\n"
        "  a:\n"
        "    {kind: attached, role: baseline, address: 'http://a:8265', head_price_usd_per_hour: 0,\n"
        "     node_types: {w: {market: owned, price_usd_per_hour: 0, resources: {CPU: 1}, max_nodes: 1}}}\n"
    )
    return file


def test_up_starts_with_checked_settings(bare, bootstrap, settings_file):
    """`up` hands the merged settings to bootstrap; key=value wins over the file."""
    result = bare("up", "-c", str(settings_file), "listen.port=8000", "--fold-on-exit")
    assert result.exit_code == 0, result.output
    (settings, fold_on_exit) = bootstrap.calls[0]
    assert (settings.listen.port, fold_on_exit) == (8000, True)


def test_up_names_every_mistake_and_starts_nothing(bare, bootstrap, settings_file):
    """Wrong settings are listed on stderr with exit code 2, before anything is started."""
    result = bare("up", "-c", str(settings_file), "lisen.port=8000", "tick=soon")
    assert result.exit_code == 2
    assert "command line: lisen: unknown key; did you mean 'listen'?" in result.stderr
    assert "2 mistakes in the settings." in result.stderr
    assert bootstrap.calls == []


def test_up_without_a_file_says_how_to_get_one(bare, bootstrap, tmp_path):
    """A missing settings file is a mistake of its own, and the command that writes one is named."""
    result = bare("up", "-c", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "none.yaml: there is no such settings file; `spillover init` writes one" in result.stderr


def test_up_tells_what_check_finds(bare, bootstrap, settings_file):
    """Mistakes that only a closer look finds stop `up` too, and warnings are said on stderr before it starts."""
    refused = bare("up", "-c", str(settings_file), "policy=nver")
    assert (refused.exit_code, bootstrap.calls) == (2, [])
    assert "command line: policy.name: value 'nver': is no policy; did you mean 'never'?" in refused.stderr
    warned = bare("up", "-c", str(settings_file), "pools.a.node_types.w.price_usd_per_hour=900")
    assert (warned.exit_code, len(bootstrap.calls)) == (0, 1)
    assert (
        "command line: warning: pools.a.node_types.w.price_usd_per_hour: value '900': is more than $500"
        in warned.stderr
    )


def test_up_that_fails_says_why(bare, bootstrap, settings_file):
    """What bootstrap raises on purpose is shown as its text, with exit code 1."""

    def run(_settings, *, fold_on_exit):
        raise PoolUnreachable("a does not answer")

    bootstrap.run = run
    result = bare("up", "-c", str(settings_file))
    assert (result.exit_code, result.stderr) == (1, "a does not answer\n")
