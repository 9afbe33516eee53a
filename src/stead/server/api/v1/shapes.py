"""Values as this API writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from stead.server.api.v1.models import ArtifactWord

if TYPE_CHECKING:
    from stead.server.values import (
        Artifact,
        Build,
        Channel,
        Environment,
        Namespace,
        Package,
        Specification,
        Usage,
    )

ARTIFACTS = frozenset(get_args(ArtifactWord))
"""The files that clients of this API know; others are not told of."""


def namespace(value: Namespace) -> dict[str, Any]:
    """Write a namespace with its roles."""
    return {
        "id": value.id,
        "name": value.name,
        "metadata_": dict(value.metadata),
        "role_mappings": [
            {"id": each.id, "entity": each.entity, "role": each.role} for each in value.roles
        ],
    }


def named(value: Namespace) -> dict[str, Any]:
    """Write a namespace as lists have it."""
    return {"id": value.id, "name": value.name}


def environment(value: Environment, within: Namespace, shown: int | None) -> dict[str, Any]:
    """Write an environment, which a build shows: clients find by it what became of the first one too."""
    return {
        "id": value.id,
        "namespace": namespace(within),
        "name": value.name,
        "current_build_id": shown,
        "current_build": None,
        "description": value.description,
    }


def specification(value: Specification) -> dict[str, Any]:
    """Write a specification."""
    return {
        "id": value.id,
        "name": value.name,
        "spec": value.spec,
        "sha256": value.sha256,
        "created_on": value.created_on,
    }


def build(
    value: Build,
    wanted: Specification | None = None,
    artifacts: tuple[Artifact, ...] | None = None,
) -> dict[str, Any]:
    """Write a build; lists leave the specification and the files out."""
    shown = None
    if artifacts is not None:
        shown = [
            {"id": a.id, "artifact_type": a.artifact_type, "key": a.key}
            for a in artifacts
            if a.artifact_type in ARTIFACTS
        ]
    return {
        "id": value.id,
        "environment_id": value.environment_id,
        "specification": None if wanted is None else specification(wanted),
        "packages": None,
        "status": value.status.value,
        "status_info": value.reason or value.status_info,
        "size": value.size,
        "scheduled_on": value.scheduled_on,
        "started_on": value.started_on,
        "ended_on": value.ended_on,
        "build_artifacts": shown,
    }


def channel(value: Channel) -> dict[str, Any]:
    """Write a channel."""
    return {"id": value.id, "name": value.name, "last_update": value.last_update}


def package(value: Package) -> dict[str, Any]:
    """Write a package."""
    return {
        "id": value.id,
        "channel": channel(value.channel),
        "license": value.license,
        "name": value.name,
        "version": value.version,
        "summary": value.summary,
    }


def usage(value: Usage) -> dict[str, int]:
    """Write what a namespace holds."""
    return {
        "num_environments": value.environments,
        "num_builds": value.builds,
        "storage": value.bytes,
    }
