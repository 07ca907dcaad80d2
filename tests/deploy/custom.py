"""Fields of cert-manager and of the Prometheus operator that we use; there are no schemas of them here."""

from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

_DURATION = {"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"}
_NAME = {"type": "string", "minLength": 1}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_REFERENCE = _object(
    {"name": _NAME, "kind": {"enum": ["Issuer", "ClusterIssuer"]}, "group": {"const": "cert-manager.io"}},
    ("name",),
)
_LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
_SELECTOR = _object({"matchLabels": _LABELS})

CUSTOM: dict[str, tuple[str, dict[str, Any]]] = {
    "Issuer": (
        "cert-manager.io/v1",
        {
            "oneOf": [
                _object({"selfSigned": _object({})}, ("selfSigned",)),
                _object({"ca": _object({"secretName": _NAME}, ("secretName",))}, ("ca",)),
            ]
        },
    ),
    "Certificate": (
        "cert-manager.io/v1",
        _object(
            {
                "isCA": {"type": "boolean"},
                "commonName": {"type": "string", "maxLength": 64},
                "secretName": _NAME,
                "dnsNames": {"type": "array", "items": _NAME, "minItems": 1},
                "duration": _DURATION,
                "renewBefore": _DURATION,
                "usages": {
                    "type": "array",
                    "items": {
                        "enum": ["digital signature", "key encipherment", "server auth", "client auth"]
                    },
                },
                "privateKey": _object(
                    {
                        "algorithm": {"enum": ["RSA", "ECDSA", "Ed25519"]},
                        "size": {"type": "integer"},
                        "rotationPolicy": {"enum": ["Never", "Always"]},
                    }
                ),
                "issuerRef": _REFERENCE,
            },
            ("secretName", "issuerRef"),
        ),
    ),
    "ServiceMonitor": (
        "monitoring.coreos.com/v1",
        _object(
            {
                "selector": _SELECTOR,
                "jobLabel": _NAME,
                "endpoints": {
                    "type": "array",
                    "minItems": 1,
                    "items": _object({"port": _NAME, "interval": _DURATION, "path": _NAME}, ("port",)),
                },
            },
            ("selector", "endpoints"),
        ),
    ),
    "PrometheusRule": (
        "monitoring.coreos.com/v1",
        _object(
            {
                "groups": {
                    "type": "array",
                    "items": _object(
                        {
                            "name": _NAME,
                            "interval": _DURATION,
                            "rules": {
                                "type": "array",
                                "items": _object(
                                    {
                                        "alert": _NAME,
                                        "record": _NAME,
                                        "expr": {"type": "string"},
                                        "for": _DURATION,
                                        "keep_firing_for": _DURATION,
                                        "labels": _LABELS,
                                        "annotations": _LABELS,
                                    },
                                    ("expr",),
                                ),
                            },
                        },
                        ("name", "rules"),
                    ),
                }
            },
            ("groups",),
        ),
    ),
}


def custom_findings(thing: dict[str, Any]) -> list[str]:
    """What is wrong with an object of theirs: a version or a field that is not known here is."""
    version, schema = CUSTOM[thing["kind"]]
    where = f"{thing['kind']} {thing['metadata']['name']}"
    if thing["apiVersion"] != version or set(thing) != {"apiVersion", "kind", "metadata", "spec"}:
        return [f"{where}: not as {version} has it"]
    errors = Draft202012Validator(schema).iter_errors(thing["spec"])
    return [f"{where}: {error.json_path}: {error.message}" for error in errors]
