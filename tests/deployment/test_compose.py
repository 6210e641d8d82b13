"""The policy of the compose files: what is exposed, writable, limited and checked."""

import re
from typing import Any

import pytest

from backend.serving.shutdown import ShutdownTimeouts
from backend.settings_table import SETTINGS
from tests.deployment import compose
from tests.deployment.compose import BASE, DEMO, ROOT

PROJECT, WITH_DEMO = compose.stack(BASE), compose.stack(BASE, DEMO)
SERVICES: dict[str, Any] = WITH_DEMO["services"]
OF_OUR_IMAGE = ("web", "calls", "worker", "migrate")
OWN_STATE = {
    "postgres": ["/var/lib/postgresql"],
    "nginx": ["/etc/nginx/tls"],
    **dict.fromkeys(("web", "calls", "worker"), ["/spool"]),
}

each_service = pytest.mark.parametrize("name", SERVICES)


def image_health_check(service: dict[str, Any]) -> bool:
    """Return True if the Dockerfile stage of the service's image has a HEALTHCHECK."""
    build = service.get("build")
    if build is None:
        return False
    text = (ROOT / build["context"] / build.get("dockerfile", "Dockerfile")).read_text("utf-8")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    target = build.get("target")
    chosen = [stage for stage in stages if target is None or f" AS {target}\n" in stage]
    return "HEALTHCHECK" in chosen[-1]


def test_the_services_are_those_of_the_documents() -> None:
    services = {"migrate", "web", "calls", "worker", "nginx", "postgres", "redis"}
    assert set(PROJECT["services"]) == services
    assert not any("profiles" in service for service in PROJECT["services"].values())
    assert set(SERVICES) == {*PROJECT["services"], "simulator"}


def test_only_nginx_publishes_ports() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"nginx": ["80:8080", "443:8443"]}


@each_service
def test_no_process_is_root_or_can_become_it(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {
        "privileged",
        "pid",
        "ipc",
        "network_mode",
        "devices",
        "userns_mode",
    }


@each_service
def test_nothing_is_writable_but_temporary_folders_and_the_services_own_state(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    folders = [each.partition(":") for each in service["tmpfs"]]
    assert "/tmp" in [folder for folder, _, _ in folders]
    # A temporary folder without a size may fill the machine's memory.
    assert all(re.search(r"size=\d+m", options) for _, _, options in folders)
    mounted = [each.rpartition(":") for each in service.get("volumes", ())]
    assert [target for _, _, target in mounted] == OWN_STATE.get(name, [])
    assert all(source in WITH_DEMO["volumes"] for source, _, _ in mounted)


def test_the_spool_is_a_folder_of_the_image_that_only_its_user_may_read() -> None:
    for name in ("web", "calls", "worker"):
        assert SERVICES[name]["environment"]["SPOOL_DIR"] == "/spool"
        assert SERVICES[name]["volumes"] == ["spool:/spool"]
    user, _, group = SERVICES["web"]["user"].partition(":")
    text = (ROOT / "backend" / "Dockerfile").read_text(encoding="utf-8")
    made = f"RUN install --directory --owner={user} --group={group} --mode=0700 /spool\n"
    (before_user,) = [stage for stage in text.split("\nFROM ") if made in stage]
    assert before_user.index(made) < before_user.index(f"USER {user}:{group}")


@each_service
def test_memory_processes_and_logs_are_limited(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 16 <= service["pids_limit"] <= 512
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_web_can_have_a_thread_for_each_of_many_requests() -> None:
    # At the limit Python cannot start a thread, and the request is answered with 500.
    assert SERVICES["web"]["pids_limit"] >= 512


@each_service
def test_every_service_that_stays_is_checked_and_restarted(name: str) -> None:
    service = SERVICES[name]
    if name == "migrate":
        # It runs once: a wrong setting stops it with one sentence, and nothing else starts.
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
        return
    assert service["restart"] == "unless-stopped"
    assert service.get("healthcheck", {}).get("test") or image_health_check(service)


def test_calls_have_processes_of_their_own_unless_nginx_is_told_otherwise() -> None:
    for project, files in ((PROJECT, (BASE,)), (WITH_DEMO, (BASE, DEMO))):
        assert project["services"]["calls"] == project["services"]["web"]
        assert project["services"]["nginx"]["environment"]["NGINX_CALLS"] == "calls:8000"
        together = compose.stack(*files, NGINX_CALLS="web:8000")["services"]["nginx"]
        assert together["environment"]["NGINX_CALLS"] == "web:8000"


@each_service
def test_any_number_of_replicas_can_run(name: str) -> None:
    assert not SERVICES[name].keys() & {"container_name", "hostname"}


@pytest.mark.parametrize("name", OF_OUR_IMAGE)
def test_the_grace_period_is_longer_than_the_drain(name: str) -> None:
    timeouts = ShutdownTimeouts()
    longest_s = (
        timeouts.drain_s + timeouts.drain_overrun_s + 1.5 * timeouts.close_s
        + timeouts.flush_s + timeouts.flush_overrun_s + timeouts.threads_s
    )  # fmt: skip
    web_s = compose.seconds(SERVICES[name]["stop_grace_period"])
    assert web_s >= longest_s + 5
    # nginx keeps a call's connection until web has ended it.
    assert compose.seconds(SERVICES["nginx"]["stop_grace_period"]) > web_s


def test_nginx_is_not_stopped_before_the_servers_have_drained() -> None:
    # Compose stops a service before those that it depends on.
    assert not {"web", "calls"} & SERVICES["nginx"]["depends_on"].keys()


@pytest.mark.parametrize("name", ["web", "calls", "worker"])
def test_a_server_starts_after_the_migration_and_what_it_needs(name: str) -> None:
    conditions = {
        needed: how["condition"] for needed, how in PROJECT["services"][name]["depends_on"].items()
    }
    assert conditions == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_the_migration_starts_when_the_database_answers() -> None:
    needed = PROJECT["services"]["migrate"]["depends_on"]
    assert needed == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["web", "calls"])
def test_the_demo_waits_for_the_simulator(name: str) -> None:
    assert SERVICES[name]["depends_on"]["simulator"] == {"condition": "service_healthy"}
    assert SERVICES[name]["depends_on"].keys() > PROJECT["services"][name]["depends_on"].keys()


@pytest.mark.parametrize(
    ("network", "members"),
    [
        ("public", {"nginx"}),
        ("proxy", {"nginx", "web", "calls"}),
        ("data", {"web", "calls", "worker", "migrate", "postgres", "redis"}),
        ("provider", {"web", "calls", "worker"}),
        ("simulator", {"web", "calls", "worker", "simulator"}),
    ],
)
def test_who_reaches_whom(network: str, members: set[str]) -> None:
    assert {name for name, one in SERVICES.items() if network in one["networks"]} == members
    is_internal = (WITH_DEMO["networks"][network] or {}).get("internal", False)
    assert is_internal == (network not in ("public", "provider"))


def test_every_network_volume_and_secret_is_used_and_declared() -> None:
    for kind in ("networks", "secrets"):
        used = {each for service in SERVICES.values() for each in service.get(kind, ())}
        assert used == set(WITH_DEMO[kind]), kind


@pytest.mark.parametrize("name", OF_OUR_IMAGE)
@pytest.mark.parametrize("project", [PROJECT, WITH_DEMO], ids=["base", "demo"])
def test_every_variable_of_our_image_is_a_setting(project: dict[str, Any], name: str) -> None:
    files = {f"{setting.name}_FILE" for setting in SETTINGS if setting.secret}
    known = {setting.name for setting in SETTINGS} | files
    assert not set(project["services"][name]["environment"]) - known


def test_every_variable_of_nginx_is_in_its_table() -> None:
    table = (ROOT / "nginx" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in table for name in SERVICES["nginx"]["environment"])


def test_every_setting_that_an_operator_may_choose_can_be_set() -> None:
    # Prometheus scrapes from a private network, where `/metrics` needs no token.
    fixed = {"DEBUG", "DEMO", "TAPE_DIR", "METRICS_TOKEN"}
    given = {
        variable.removesuffix("_FILE")
        for name in OF_OUR_IMAGE
        for variable in PROJECT["services"][name]["environment"]
    }
    assert {setting.name for setting in SETTINGS} - fixed <= given


def test_web_worker_and_migrate_have_the_same_settings() -> None:
    own = {"ADMIN_USERNAME", "ADMIN_PASSWORD_FILE"}
    *servers, migrate = (SERVICES[name]["environment"] for name in OF_OUR_IMAGE)
    assert all(server == servers[0] for server in servers)
    assert servers[0].items() <= migrate.items()
    assert migrate.keys() - servers[0].keys() == own


@each_service
def test_no_secret_is_in_the_environment(name: str) -> None:
    secret = {setting.name for setting in SETTINGS if setting.secret} | {"POSTGRES_PASSWORD"}
    environment = SERVICES[name].get("environment", {})
    in_clear = {variable: environment[variable] for variable in secret & environment.keys()}
    # The simulator accepts any key.
    assert in_clear in ({}, {"OPENAI_API_KEY": "simulator"})
    for variable, path in environment.items():
        if variable.endswith("_FILE") and path:
            assert path.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]


def test_no_secret_of_the_operators_environment_is_in_the_rendered_configuration() -> None:
    values = {setting.name: f"himitsu-{setting.name}" for setting in SETTINGS if setting.secret}
    assert "himitsu" not in repr(compose.stack(BASE, DEMO, **values))


def test_the_demo_uses_neither_the_real_key_nor_the_way_to_the_provider() -> None:
    for name in OF_OUR_IMAGE:
        environment = WITH_DEMO["services"][name]["environment"]
        names = ("OPENAI_API_KEY_FILE", "AZURE_OPENAI_API_KEY_FILE", "UPSTREAM_PROXY_FILE")
        assert [environment[each] for each in names] == ["", "", ""]
        assert environment["REALTIME_PROVIDER"] == "openai"


def test_each_secret_is_given_only_to_those_who_use_it() -> None:
    users = {
        secret: {name for name, one in SERVICES.items() if secret in one.get("secrets", ())}
        for secret in WITH_DEMO["secrets"]
    }
    ours = set(OF_OUR_IMAGE)
    assert users == {
        "secret_key": ours,
        "database_url": ours,
        "redis_url": ours,
        "openai_api_key": ours,
        "azure_openai_api_key": ours,
        "upstream_proxy": ours,
        "admin_password": {"migrate"},
        "postgres_password": {"postgres"},
        "redis_conf": {"redis"},
    }


def test_base_images_can_be_replaced() -> None:
    names = {"PYTHON_IMAGE", "NGINX_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE"}
    assert names <= compose.variables(BASE)
    changed = compose.stack(BASE, **{name: f"example/{name.lower()}" for name in names})
    assert {changed["services"][name]["image"] for name in ("postgres", "redis")} == {
        "example/postgres_image",
        "example/redis_image",
    }
    for name, argument in (("migrate", "PYTHON_IMAGE"), ("nginx", "NGINX_IMAGE")):
        assert changed["services"][name]["build"]["args"] == {
            argument: f"example/{argument.lower()}"
        }


def test_a_default_of_a_base_image_is_the_same_in_the_dockerfile() -> None:
    for name in ("migrate", "nginx", "simulator"):
        build = SERVICES[name]["build"]
        text = (ROOT / build["context"] / build.get("dockerfile", "Dockerfile")).read_text("utf-8")
        for argument, image in build["args"].items():
            assert f"ARG {argument}={image}\n" in text


def test_a_folder_with_a_certificate_replaces_the_volume() -> None:
    changed = compose.stack(BASE, TLS_FOLDER="./tls")
    assert changed["services"]["nginx"]["volumes"] == ["./tls:/etc/nginx/tls"]
