"""How findings are told, and what is known of settings that are wrong in part."""

import pytest

from spillover.config import read_settings


def test_a_finding_for_programs_has_its_parts_apart(folder):
    """File, line, key, value, text and what was meant are fields of their own; what is not known is null."""
    folder.change("role: baseline", "role: base")
    told = read_settings(folder.path / "s.yaml", ["polcy=never"], {}).told()
    assert [finding.as_json() for finding in told] == [
        {
            "severity": "mistake",
            "file": "command line",
            "line": None,
            "path": "polcy",
            "value": None,
            "text": "unknown key",
            "did_you_mean": "policy",
        },
        {
            "severity": "mistake",
            "file": str(folder.path / "s.yaml"),
            "line": 6,
            "path": "pools.onprem.role",
            "value": "base",
            "text": "must be 'baseline' or 'burst'",
            "did_you_mean": "baseline",
        },
    ]


def test_warnings_are_marked_and_no_obstacle(folder):
    """A warning says that it is one, and the settings load."""
    folder.change("market: owned", "market: spot")
    assert folder.findings() == [
        "s.yaml:10: warning: pools.onprem.node_types.worker.market: value 'spot': a baseline pool is owned, and this is rented"
    ]
    assert folder.load().pools["onprem"].node_types["worker"].market == "spot"


def test_a_warning_does_not_hide_a_mistake_of_the_same_key(folder):
    """A host that is no text is a mistake, though it is also one that other machines might reach."""
    assert [line for line in folder.findings("listen.host=[1]") if ": warning: " not in line] == [
        "command line: listen.host: value '[1]': must be text (quote it)"
    ]


def test_a_file_is_named_as_it_was_given(folder, monkeypatch):
    """Relative names stay relative, so that they can be clicked where they are shown."""
    monkeypatch.chdir(folder.path)
    folder.change("role: baseline", "role: base")
    folder.change("max_workers: 3", "max_worker: 3", "clusters/small.yaml")
    told = read_settings("s.yaml", (), {}).told()
    assert [f"{finding.file}:{finding.line}" for finding in told] == ["s.yaml:6", "clusters/small.yaml:2"]


def test_a_long_value_is_cut(folder):
    """A value of many lines must not hide what is wrong with it."""
    folder.change("role: baseline", f"role: {'x' * 500}")
    (finding,) = read_settings(folder.path / "s.yaml", (), {}).told()
    assert finding.value == "x" * 75 + "..."


def test_the_parts_of_wrong_settings_are_those_that_can_be_understood(folder):
    """One wrong pool leaves the others, the policy and the defaults to be looked at."""
    pool = (folder.path / "s.yaml").read_text().partition("  onprem:\n")[2]
    text = (folder.path / "s.yaml").read_text()
    folder.write("s.yaml", "policy: never\n" + text + "  wrong:\n" + pool.replace("role: baseline", "role: base"))
    reading = read_settings(folder.path / "s.yaml", ["teams.other=7"], {})
    parts = reading.parts
    assert (reading.settings, parts.complete) == (None, False)
    assert (list(parts.pools), list(parts.teams)) == (["onprem"], ["default"])
    assert (parts.policy.name, parts.defaults.demand, parts.listen.port) == ("never", "1x{CPU:1}", 7265)


def test_right_settings_have_all_their_parts(folder):
    """Without a mistake nothing is left out."""
    reading = read_settings(folder.path / "s.yaml", (), {})
    assert reading.parts.complete
    assert reading.parts.pools == reading.settings.pools


@pytest.mark.parametrize(
    ("content", "said"), [(b" \n", "is empty"), (b"\xff\xfe", "cannot be read: it is no text"), (None, "no such file")]
)
def test_a_token_file_that_holds_no_token_is_told(content, said, folder):
    """Where a pool's token should be and is not, nobody needs to be asked to know that it will be refused."""
    if content is not None:
        (folder.path / "t").write_bytes(content)
    folder.change("role: baseline", "role: baseline\n    token_file: t")
    (mistake,) = folder.mistakes()
    assert mistake.startswith("s.yaml:7: pools.onprem.token_file: value 't': ")
    assert said in mistake
