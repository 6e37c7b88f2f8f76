"""What all pytest files share: a file of which every test is skipped has not passed."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Ends as if no test had been found, which ctest tells as "Skipped"."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    ran = [word for word in ("passed", "failed", "error", "xfailed", "xpassed") if reporter.stats.get(word)]
    if exitstatus == pytest.ExitCode.OK and reporter.stats.get("skipped") and not ran:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
