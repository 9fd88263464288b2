"""Its presence puts this folder on the path of all tests: they share `certificates`, `testbed` and `chaos`."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import pytest
from _pytest.terminal import TerminalReporter

from testbed.needs import missing


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Tests that need hosts made of namespaces are skipped where there can be none."""
    marked = [item for item in items if item.get_closest_marker("testbed")]
    if marked and (lacks := missing()):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no test bed here: needs {', '.join(lacks)}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> Generator[None, None, None]:
    """Say loudly, and last, what was not tested."""
    result = yield
    skipped = terminalreporter.stats.get("skipped", [])
    if unrun := [report for report in skipped if "no test bed here" in str(report.longrepr)]:
        terminalreporter.write_sep("!", "TEST BED NOT RUN", red=True, bold=True)
        terminalreporter.write_line(
            f"{len(unrun)} tests of SSH hosts, AWS, spot and leases were skipped: this machine has no test bed. "
            f"It needs {', '.join(missing())}. See docs/how-to/use-the-test-bed.md.",
            red=True,
        )
    return result
