"""`make secrets`: every secret file of the compose file, once, and unreadable for others."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backend.settings_table import read
from tests.deployment import compose
from tests.deployment.compose import ROOT

# Each test runs the script, which starts openssl for every file.
pytestmark = pytest.mark.slow


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ROOT / "backend" / "make_secrets.sh", folder],
        env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


def test_it_makes_every_file_that_compose_mounts(folder: Path) -> None:
    assert run(folder).returncode == 0
    mounted = {Path(each["file"]).name for each in compose.stack()["secrets"].values()}
    assert set(contents(folder)) == mounted


def test_the_files_are_settings_that_the_server_accepts(folder: Path) -> None:
    run(folder)
    files = {
        f"{name}_FILE": str(folder / f"{name.lower()}.txt")
        for name in (
            *("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ADMIN_PASSWORD"),
            *("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "UPSTREAM_PROXY"),
        )
    }
    values = read({"ALLOWED_HOSTS": "localhost"} | files)
    assert len(values["SECRET_KEY"]) >= 50
    assert len(values["ADMIN_PASSWORD"]) >= 24
    assert (values["OPENAI_API_KEY"], values["UPSTREAM_PROXY"]) == ("", "")
    assert values["AZURE_OPENAI_API_KEY"] == ""


def test_a_password_is_the_same_on_both_sides(folder: Path) -> None:
    run(folder)
    files = contents(folder)
    assert urlsplit(files["database_url.txt"]).password == files["postgres_password.txt"].strip()
    redis = urlsplit(files["redis_url.txt"])
    assert files["redis.conf"] == f"requirepass {redis.password}\n"
    assert (redis.hostname, redis.port) == ("redis", 6379)


def test_only_its_owner_and_docker_reach_the_files(folder: Path) -> None:
    # Containers run as other users than the host's, so that the files themselves are readable.
    run(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    run(folder)
    (folder / "openai_api_key.txt").write_text("sk-only-for-this-test\n")
    before = contents(folder)
    second = run(folder, OPENAI_API_KEY="sk-another")
    assert (second.returncode, contents(folder)) == (0, before)
    assert "created" not in second.stdout


def test_a_missing_file_is_made_again(folder: Path) -> None:
    run(folder)
    before = contents(folder)
    (folder / "redis.conf").unlink()
    (folder / "database_url.txt").unlink()
    assert run(folder).stdout.count("created") == 2
    assert contents(folder) == before


def test_a_database_url_without_its_password_file_stops_it(folder: Path) -> None:
    folder.mkdir()
    (folder / "database_url.txt").write_text("postgres://kaiwa:of-before@postgres:5432/kaiwa\n")
    refused = run(folder)
    assert refused.returncode == 1
    assert "postgres_password.txt is missing. Write into it " in refused.stderr
    assert "of-before" not in refused.stderr
    assert set(contents(folder)) == {"database_url.txt"}


def test_it_takes_the_key_from_the_environment_and_prints_no_secret(folder: Path) -> None:
    proxy = "http://user:himitsu@proxy.example:3128"
    keys = {"OPENAI_API_KEY": "sk-only-for-this-test", "AZURE_OPENAI_API_KEY": "only-for-this-too"}
    first = run(folder, **keys, UPSTREAM_PROXY=proxy)
    files = contents(folder)
    assert files["openai_api_key.txt"] == "sk-only-for-this-test\n"
    assert files["upstream_proxy.txt"] == f"{proxy}\n"
    assert not any(text.strip() in first.stdout + first.stderr for text in files.values())
    assert "Now write the provider's key" not in first.stdout


def test_it_says_where_to_write_the_key(folder: Path) -> None:
    assert f"Now write the provider's key into {folder}/openai_api_key.txt" in run(folder).stdout


def test_the_key_of_azure_is_enough(folder: Path) -> None:
    first = run(folder, AZURE_OPENAI_API_KEY="azure-only-for-this-test")
    assert contents(folder)["azure_openai_api_key.txt"] == "azure-only-for-this-test\n"
    assert "Now write the provider's key" not in first.stdout
    assert "azure-only-for-this-test" not in first.stdout + first.stderr


def test_no_two_secrets_are_the_same(folder: Path, tmp_path: Path) -> None:
    run(folder)
    run(tmp_path / "other")
    generated = ("secret_key.txt", "postgres_password.txt", "redis_url.txt", "admin_password.txt")
    both = [contents(each)[name] for each in (folder, tmp_path / "other") for name in generated]
    assert len(set(both)) == len(both)
