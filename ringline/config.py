"""Settings: from the environment (prefix RINGLINE_) and from files of a secrets folder
(RINGLINE_SECRETS_DIR).

Each field has a description; docs/settings.md is generated from them. Everything works when it is absent,
except the addresses of a database and a bus in production.
"""

import os
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ringline.addresses import split_addresses


def split_secret(secret: SecretStr) -> list[str]:
    """The values of a secret that is being changed: the first is used, all are accepted."""
    return [one.strip() for one in secret.get_secret_value().split(",") if one.strip()]


class Configured(BaseSettings):
    """Settings that come from arguments, then the environment, then the secrets folder.

    The first one wins.
    """

    # What a setting says may be a secret, also where it is not what it should be.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = os.environ.get("RINGLINE_SECRETS_DIR")
        if not folder:
            return init_settings, env_settings
        return (
            init_settings,
            env_settings,
            NestedSecretsSettingsSource(
                file_secret_settings, secrets_dir=folder, secrets_nested_delimiter="_"
            ),
        )


class NodeSettings(Configured):
    """What every process needs to know, whatever services live in it."""

    model_config = SettingsConfigDict(
        env_prefix="RINGLINE_", env_nested_delimiter="_", env_nested_max_split=1, extra="ignore", frozen=True
    )

    environment: Literal["dev", "test", "production"] = Field(
        "production",
        description="Where this runs. dev and test allow what production refuses, such as fixed keys.",
    )
    database_url: str = Field(
        "postgresql://127.0.0.1:5432/ringline",
        description="The database, without user: each service signs in with its own role.",
    )
    database_owner_url: SecretStr = Field(
        SecretStr(""),
        description="The database with the user who owns schemas and roles; needed by `migrate` only.",
    )
    db_password: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Passwords of the services' roles: RINGLINE_DB_PASSWORD_<SERVICE>. Several, separated by "
        "commas: where one is refused the next is tried; `migrate` sets the first.",
    )
    db_pool: int = Field(8, ge=1, le=200, description="Connections to the database per service and process.")
    db_connections: int = Field(
        0,
        ge=0,
        description="How many connections all processes of the installation together may open: the most "
        "processes of each service, times db_pool, and 2 for each that is still stopping. Where the database "
        "has fewer, that is logged; 0: unknown.",
    )
    database_standby: bool = Field(
        False,
        description="Refuse to start where the database does not wait for a synchronous standby at each "
        "commit. A process that runs looks again twice a minute, and tells where that is so no more, or "
        "where no standby is connected: `ringline_database_at_risk`.",
    )
    nats_url: str = Field(
        "nats://127.0.0.1:4222", description="The bus: one or several addresses, separated by commas."
    )
    nats_password: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Passwords of the services' users on the bus, whose names are those of the services: "
        "RINGLINE_NATS_PASSWORD_<SERVICE>. Several, separated by commas: where one is refused the next is "
        "tried. Without one, the address says who one is.",
    )
    event_replicas: int = Field(
        1,
        ge=1,
        le=5,
        description="On how many nodes of the bus the event log is kept: 3 in a cluster of three.",
    )
    listen_host: str = Field("127.0.0.1", description="The address on which gRPC listens.")
    listen_port: int = Field(
        0, ge=0, le=65535, description="The port on which gRPC listens; 0 takes a free one."
    )
    probe_port: int = Field(
        -1,
        ge=-1,
        le=65535,
        description="The port on which health, and nothing else, is told without a certificate, for probes; "
        "0 takes a free one, -1 none.",
    )
    tls_dir: str = Field(
        "",
        description="The folder with this process's certificate (tls.crt, tls.key) and the authorities that "
        "are trusted (ca.crt, and others.crt where there is one), read again when they change. Everybody "
        "between services has one then. Empty: plaintext.",
    )
    address: dict[str, str] = Field(
        default_factory=dict,
        description="Where the other services are: RINGLINE_ADDRESS_<SERVICE>, host:port[,host:port…]. "
        "Empty means: in this process.",
    )
    metrics_host: str = Field("127.0.0.1", description="The address on which /metrics listens.")
    metrics_port: int = Field(
        -1, ge=-1, le=65535, description="The port of /metrics; 0 takes a free one, -1 none."
    )
    otlp_url: str = Field(
        "",
        description="Where traces of calls are sent: a collector's address for OTLP over HTTP, such as "
        "http://collector:4318/v1/traces. Empty: none are made.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )
    drain_seconds: float = Field(
        20.0, ge=0, le=60, description="How long a stopping process finishes what was begun, in seconds."
    )
    stream_pick: Literal["idlest", "in_turn"] = Field(
        "idlest",
        description="Which process of a service gets the next question: the less loaded of two picked at "
        "random, or, for tests, each in its turn.",
    )
    connection_age_seconds: float = Field(
        300.0,
        ge=1,
        description="Age at which connections between services are renewed, in seconds.",
    )

    @field_validator("address")
    @classmethod
    def _addresses_have_ports(cls, value: dict[str, str]) -> dict[str, str]:
        for service, text in value.items():
            for one in split_addresses(text):
                host, _, port = one.rpartition(":")
                if not host or not port.isdigit():
                    raise ValueError(f"the address of {service} is host:port[,host:port…]")
        return value

    def nats_passwords(self, service: str) -> list[str]:
        """The passwords of a service's user on the bus; none where it has no user of its own."""
        secret = self.nats_password.get(service)
        return split_secret(secret) if secret else []

    def service_database_urls(self, service: str) -> list[str]:
        """The database URL with the role of `service`, once for each password that may be good."""
        parts = urlsplit(self.database_url)
        host = parts.netloc.rpartition("@")[2]
        password = self.db_password.get(service)
        secrets = [":" + quote(one, safe="") for one in split_secret(password)] if password else []
        return [
            urlunsplit(parts._replace(netloc=f"ringline_{service}{secret}@{host}"))
            for secret in secrets or [""]
        ]

    def service_database_url(self, service: str) -> str:
        """The first of them."""
        return self.service_database_urls(service)[0]


class ServiceSettings(Configured):
    """Settings of one service; a subclass says `class Settings(ServiceSettings, service="policy")`.

    The prefix of its variables is RINGLINE_<SERVICE>_.
    """

    service: ClassVar[str] = ""

    def __init_subclass__(cls, service: str = "", **kwargs: Any) -> None:
        if service:
            cls.service = service
            cls.model_config = SettingsConfigDict(
                env_prefix=f"RINGLINE_{service.upper()}_", extra="ignore", frozen=True
            )
        super().__init_subclass__(**kwargs)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """From the environment; `given` wins."""
        return cls(**given)
