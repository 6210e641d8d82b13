"""Background jobs of the real server: enqueued by it, run by a worker, shown in the admin."""

import time
from pathlib import Path

import pytest

from backend.demo import WORKER_ARGUMENTS
from tests.journeys.admin_client import AdminClient
from tests.journeys.stack import running_stack

pytestmark = pytest.mark.journey

JOBS = "/admin/django_tasks_database/dbtaskresult/"
WITHIN_S = 15.0


def test_a_job_survives_a_restart_and_is_run_by_a_worker(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        admin = AdminClient.sign_in(stack)
        deadline = time.monotonic() + WITHIN_S
        while "clean_up" not in (page := admin.read(JOBS)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "Ready" in page

        stack.stop("server")
        stack.start_server()
        stack.manage(*WORKER_ARGUMENTS, "--batch", "--no-startup-delay")
        page = admin.read(JOBS)
        assert page.count("clean_up") == 1
        assert "Successful" in page
