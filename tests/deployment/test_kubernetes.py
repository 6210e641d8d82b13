"""The Kubernetes sketch says the same as the compose file."""

import re
from typing import Any

import pytest
import yaml

from backend.settings_table import SETTINGS
from tests.deployment import compose
from tests.deployment.compose import ROOT

DOCUMENT = (ROOT / "docs" / "operations" / "kubernetes.md").read_text(encoding="utf-8")
(SKETCH,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
OBJECTS = list(yaml.safe_load_all(SKETCH))
SERVICES = compose.stack()["services"]


def pod(name: str) -> dict[str, Any]:
    """Return the pod of the deployment of this name."""
    (deployment,) = [
        each
        for each in OBJECTS
        if each["kind"] == "Deployment" and each["metadata"]["name"] == name
    ]
    specification: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return specification


def containers(name: str) -> list[dict[str, Any]]:
    specification = pod(name)
    return [*specification.get("initContainers", ()), *specification["containers"]]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_commands_are_the_same(name: str) -> None:
    for container in containers(name):
        assert container["command"] == SERVICES[container["name"]]["command"]
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_user_and_the_grace_period_are_the_same(name: str) -> None:
    context = pod(name)["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == SERVICES[name]["user"]
    grace_s = pod(name)["terminationGracePeriodSeconds"]
    assert grace_s >= compose.seconds(SERVICES[name]["stop_grace_period"])


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_spool_is_mounted_where_the_compose_file_has_it(name: str) -> None:
    (container,) = pod(name)["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["spool"] == SERVICES[name]["environment"]["SPOOL_DIR"]
    assert "spool" in {each["name"] for each in pod(name)["volumes"]}
    (settings,) = [each["data"] for each in OBJECTS if each["kind"] == "ConfigMap"]
    assert settings["SPOOL_DIR"] == mounts["spool"]


def test_every_variable_is_one_of_the_compose_file() -> None:
    (settings,) = [each["data"] for each in OBJECTS if each["kind"] == "ConfigMap"]
    assert settings.keys() <= SERVICES["web"]["environment"].keys()
    secret = {f"{setting.name}_FILE" for setting in SETTINGS if setting.secret}
    assert secret - {"ADMIN_PASSWORD_FILE", "METRICS_TOKEN_FILE"} <= settings.keys()


def test_every_secret_file_is_in_the_secret() -> None:
    keys = set(re.findall(r"--from-file=(\w+)=", DOCUMENT))
    used = {path.rpartition("/")[2] for path in re.findall(r"/run/secrets/kaiwa/\w+", SKETCH)}
    assert used == keys
