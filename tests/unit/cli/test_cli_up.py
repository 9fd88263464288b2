import sys
import types

import pytest

from spillover.errors import PoolUnreachable


@pytest.fixture
def bootstrap(monkeypatch):
    """A stand-in for spillover.bootstrap that keeps what it was started with."""
    module = types.ModuleType("spillover.bootstrap")
    module.calls = []
    module.run = lambda settings, *, fold_on_exit: module.calls.append((settings, fold_on_exit))
    monkeypatch.setitem(sys.modules, "spillover.bootstrap", module)
    return module


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


def test_up_without_a_file_says_where_the_template_is(bare, bootstrap, tmp_path):
    """A missing settings file is a mistake of its own, and the template to start from is named."""
    result = bare("up", "-c", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "data/settings.yaml" in result.stderr


def test_up_that_fails_says_why(bare, bootstrap, settings_file):
    """What bootstrap raises on purpose is shown as its text, with exit code 1."""

    def run(_settings, *, fold_on_exit):
        raise PoolUnreachable("a does not answer")

    bootstrap.run = run
    result = bare("up", "-c", str(settings_file))
    assert (result.exit_code, result.stderr) == (1, "a does not answer\n")
