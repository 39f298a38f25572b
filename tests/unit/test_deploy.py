"""The Kubernetes manifests fit the schemas of their kinds and agree with each other and with the code."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml

from chainrule.service.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
KUBERNETES = REPOSITORY / "deploy/kubernetes"
DOCKERFILE = (REPOSITORY / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
KUSTOMIZATION: dict[str, Any] = yaml.safe_load(
    (KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8")
)
KUBERNETES_VERSIONS = ("1.31", "1.37")

Manifest = dict[str, Any]


def _group(required: list[str], properties: Manifest) -> Manifest:
    shared = {
        "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
        "template": {"type": "object", "required": ["spec"]},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*required, *shared],
        "properties": {**properties, **shared},
    }


COUNT = {"type": "integer", "minimum": 0}
RAY_CLUSTER_SCHEMA: Manifest = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayCluster"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["headGroupSpec"],
            "properties": {
                "rayVersion": {"type": "string"},
                "enableInTreeAutoscaling": {"type": "boolean"},
                "suspend": {"type": "boolean"},
                "headServiceAnnotations": {"type": "object", "additionalProperties": {"type": "string"}},
                "headGroupSpec": _group(
                    [], {"serviceType": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}}
                ),
                "workerGroupSpecs": {
                    "type": "array",
                    "items": _group(
                        ["groupName", "minReplicas", "maxReplicas"],
                        {
                            "groupName": {"type": "string", "minLength": 1},
                            "replicas": COUNT,
                            "minReplicas": COUNT,
                            "maxReplicas": COUNT,
                            "numOfHosts": {"type": "integer", "minimum": 1},
                        },
                    ),
                },
            },
        },
    },
}
"""What KubeRay's API reference says of the fields of a RayCluster that a deployment like ours may use."""


def _manifests() -> Iterator[Manifest]:
    for name in KUSTOMIZATION["resources"]:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8"))


def _manifest(kind: str, name: str = "chainrule") -> Manifest:
    (found,) = (item for item in _manifests() if (item["kind"], item["metadata"]["name"]) == (kind, name))
    return found


def _groups(cluster: Manifest) -> list[Manifest]:
    return [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]


def _pod_specs() -> list[Manifest]:
    templates = [_manifest("Deployment")["spec"]["template"]]
    templates += [group["template"] for group in _groups(_manifest("RayCluster"))]
    return [template["spec"] for template in templates]


def _containers() -> list[Manifest]:
    return [
        container
        for pod in _pod_specs()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    ]


def _check(manifest: Manifest, version: str) -> None:
    """Raise where a manifest does not fit the schema of its kind."""
    if manifest["kind"] != "RayCluster":
        kubernetes_validate.validate(manifest, version, strict=True)
        return
    jsonschema.validate(manifest, RAY_CLUSTER_SCHEMA)
    for group in _groups(manifest):
        template = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": "pods"},
            "template": group["template"],
        }
        kubernetes_validate.validate(template, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize(
    "manifest", list(_manifests()), ids=lambda item: f"{item['kind']}-{item['metadata']['name']}"
)
def test_a_manifest_fits_the_schema_of_its_kind(manifest: Manifest, version: str) -> None:
    _check(manifest, version)


@pytest.mark.parametrize(
    ("kind", "path", "key", "value"),
    [
        ("Deployment", ["spec"], "replicas", "one"),
        ("Deployment", ["spec", "template", "spec", "containers", 0], "volumeMount", []),
        ("Service", ["spec", "ports", 0], "port", "grpc"),
        ("RayCluster", ["spec"], "workerGroups", []),
        ("RayCluster", ["spec", "workerGroupSpecs", 0], "minReplicas", -1),
        ("RayCluster", ["spec", "headGroupSpec", "rayStartParams"], "num-cpus", 0),
        ("RayCluster", ["spec", "workerGroupSpecs", 1, "template", "spec", "containers", 0], "imag", "x"),
    ],
)
def test_a_mistake_in_a_manifest_is_refused(
    kind: str, path: list[str | int], key: str, value: object
) -> None:
    manifest = copy.deepcopy(_manifest(kind))
    target: Any = manifest
    for part in path:
        target = target[part]
    target[key] = value
    with pytest.raises(jsonschema.ValidationError):
        _check(manifest, KUBERNETES_VERSIONS[-1])


def test_the_kustomization_names_every_manifest() -> None:
    on_disk = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == on_disk


def test_every_volume_and_secret_that_a_pod_names_is_declared() -> None:
    claims = {item["metadata"]["name"] for item in _manifests() if item["kind"] == "PersistentVolumeClaim"}
    secrets = {generator["name"] for generator in KUSTOMIZATION["secretGenerator"]}
    for pod in _pod_specs():
        named = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == set(named)
        assert {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in named.values()
            if "persistentVolumeClaim" in volume
        } <= claims
    for container in _containers():
        (token,) = (item for item in container["env"] if item["name"] == "RAY_AUTH_TOKEN")
        assert token["valueFrom"]["secretKeyRef"]["name"] in secrets


def test_the_token_of_a_deployment_can_not_be_committed() -> None:
    (generator,) = KUSTOMIZATION["secretGenerator"]
    (file_name,) = generator["envs"]
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"/deploy/kubernetes/{file_name}" in ignored
    assert not any(item["kind"] == "Secret" for item in _manifests())


def test_the_service_and_the_ray_nodes_see_jobs_and_data_sets_at_the_same_place() -> None:
    def mounts(pod: Manifest) -> dict[str, str]:
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        }
        mounted = pod["containers"][0]["volumeMounts"]
        return {claims[mount["name"]]: mount["mountPath"] for mount in mounted if mount["name"] in claims}

    service, _, *workers = map(mounts, _pod_specs())
    data_folder = re.search(r"CHAINRULE_DATA_DIR=(\S+)", DOCKERFILE)
    assert data_folder is not None
    assert service == {
        "chainrule-store": data_folder[1],
        "chainrule-jobs": f"{data_folder[1]}/jobs",
        "chainrule-datasets": "/datasets",
    }
    del service["chainrule-store"]
    assert workers == [service, service]


def test_the_service_reaches_the_pods_of_its_deployment() -> None:
    deployment, service = _manifest("Deployment"), _manifest("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["ports"][0]["targetPort"] in {
        port["name"] for container in _containers() for port in container.get("ports", [])
    }


def test_the_ray_nodes_get_the_rules_of_the_network_policy() -> None:
    rule = _manifest("NetworkPolicy", "chainrule-internal")["spec"]["podSelector"]["matchLabels"]
    templates = [group["template"] for group in _groups(_manifest("RayCluster"))]
    templates.append(_manifest("Deployment")["spec"]["template"])
    assert all(rule.items() <= template["metadata"]["labels"].items() for template in templates)


def test_versions_agree_with_the_package_and_its_constraints() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    constraints = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    ray = re.search(r"^ray==(.+)$", constraints, re.MULTILINE)
    assert version is not None and ray is not None
    assert _manifest("RayCluster")["spec"]["rayVersion"] == ray[1]
    tags = {container["image"].removeprefix(f"chainrule:{version[1]}-") for container in _containers()}
    assert tags == {"cpu", "cuda12"}


def test_no_container_runs_as_root() -> None:
    user = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert len(user) == 1 and user[0] != "0"
    for pod in _pod_specs():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert str(pod["securityContext"]["runAsUser"]) == user[0]
    assert all(item["securityContext"]["allowPrivilegeEscalation"] is False for item in _containers())


def test_the_service_is_started_with_options_that_it_has() -> None:
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts}
    in_image = re.findall(r'"(--[a-z-]+)"', DOCKERFILE[DOCKERFILE.index('CMD ["chainrule"') :])
    started = _manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]["args"][0]
    in_cluster = re.findall(r"--[a-z-]+", started[started.index("chainrule serve") :])
    assert in_image and in_cluster
    assert {*in_image, *in_cluster} <= options
