"""The OpenAPI document and the running server agree: schemathesis calls everything, with good and bad values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.serving import Serving, models_home
from tests.patience import PATIENCE

STREAMS = "events$"
"""Their answers come piece by piece, which a client that waits for the whole of one cannot check."""
# A picture must be one, a board must have been sent in, a prompt's frame must lie in the shot: what no schema can say
# is told by 422 as well.
CONFIG = """
[[operations]]
include-path = ["/v1/images", "/v1/jobs", "/v1/jobs/{job}"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422]
"""
A_JOB = """
[[operations]]
include-path-regex = "^/v1/jobs/.job."
parameters = { "path.job" = "%s" }
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Serving]:
    started = Serving(tmp_path_factory.mktemp("api") / "home", models_home(tmp_path_factory.mktemp("models") / "home"))
    yield started
    started.stop()


@pytest.mark.parametrize("known", [False, True])
def test_every_call_answers_as_documented(engine, tmp_path, known):
    """All checks on; the second time every path names a job that is there, and only fit values are sent."""
    job = engine.add(frames=1)
    engine.wait_for(job, "finished")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG + (A_JOB % job if known else ""))
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
    command += [engine.ready["url"] + "/openapi.json", "-H", f"Authorization: Bearer {engine.ready['token']}"]
    command += ["--checks", "all", "--exclude-path-regex", STREAMS, "--max-examples", "10", "--seed", "4"]
    command += ["--continue-on-failure", "--no-color", "--mode", "positive" if known else "all"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]


def test_the_document_says_all_that_a_client_needs(engine):
    document = engine.call("GET", "/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert call["operationId"], (path, method)
            assert call["summary"], (path, method)
            assert call["description"], (path, method)
            for status, answer in call["responses"].items():
                assert status == "204" or answer["content"], (path, method, status)
                assert not status.startswith("4") or "application/problem+json" in answer["content"]
