"""Settings come from the environment and from a folder of secrets."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from ringline.config import NodeSettings, ServiceSettings


def test_everything_works_when_it_is_absent() -> None:
    settings = NodeSettings()
    assert settings.address == {}
    assert settings.environment == "production"


def test_addresses_and_passwords_are_named_by_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGLINE_ADDRESS_POLICY", "10.0.0.1:7000,10.0.0.2:7000")
    monkeypatch.setenv("RINGLINE_DB_PASSWORD_POLICY", "p/w%")
    settings = NodeSettings(database_url="postgresql://db:5432/ringline")
    assert settings.address == {"policy": "10.0.0.1:7000,10.0.0.2:7000"}
    assert settings.service_database_url("policy") == "postgresql://ringline_policy:p%2Fw%25@db:5432/ringline"
    assert settings.service_database_url("signaling") == "postgresql://ringline_signaling@db:5432/ringline"


def test_secrets_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "RINGLINE_DB_PASSWORD_POLICY").write_text("from a file\n")
    monkeypatch.setenv("RINGLINE_SECRETS_DIR", str(tmp_path))
    assert NodeSettings().db_password["policy"].get_secret_value() == "from a file"


def test_an_address_without_a_port_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="host:port"):
        NodeSettings(address={"policy": "policy.example"})


def test_a_secret_is_not_printed() -> None:
    assert "hush" not in repr(NodeSettings(db_password={"policy": SecretStr("hush")}))
    with pytest.raises(ValidationError, match=r"db_password\.policy") as caught:
        NodeSettings(db_password={"policy": ["hush"]})
    assert "hush" not in str(caught.value)


def test_a_service_has_a_prefix_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(ServiceSettings, service="presence"):
        lease_seconds: float = Field(15.0, description="How long a lease is good.")

    monkeypatch.setenv("RINGLINE_PRESENCE_LEASE_SECONDS", "3")
    assert Settings().lease_seconds == 3.0
    assert Settings(lease_seconds=4.0).lease_seconds == 4.0
