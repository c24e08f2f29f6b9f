"""Every setting of the service, from the environment (prefix GARDEFOU_) or a command's options."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DATABASE = "gardefou.db"  # SQLite's file in the data folder


class Settings(BaseSettings):
    """All state lives under `data`: database, pictures, secret, locks.

    Times are in seconds. An unknown GARDEFOU_ variable is an error of `serve` (see `unknown_variables`).
    """

    model_config = SettingsConfigDict(env_prefix="GARDEFOU_", frozen=True, extra="forbid")

    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    base_url: str | None = None  # what links start with when a proxy stands before us
    database_url: str | None = None  # None: SQLite in `data`
    policy: str = "default"  # a shipped policy's name or a YAML file

    wordlists: Path | None = None  # a folder of the operator's own lists; None: `wordlists` in `data`, if there is one
    wordlists_seconds: float = Field(default=1, ge=0.05)  # how often lists are looked at for changes

    generator: str = "dalle-nano"
    generator_weights: Path | None = None  # None: what `gardefou models pull` put into `data`, or what is shipped
    hub: str = "https://huggingface.co"  # where `gardefou models pull` asks; https, or this machine
    prompt_classifier: Path | None = None  # None: guard-nano
    picture_scorer: str | None = None  # a folder or an open_clip architecture; None: clip-nano
    picture_scorer_pretrained: str | None = None
    threads: int | None = Field(default=None, ge=1)

    max_prompt_chars: int = Field(default=1000, ge=1, le=32000)  # 1000: OpenAI's own limit for dall-e-2
    max_body_bytes: int = Field(default=1 << 20, ge=1024)
    max_image_pixels: int = Field(default=40_000_000, ge=1)  # a 40-megapixel photograph is the largest judged
    queue_capacity: int = Field(default=64, ge=1)  # pictures waiting or being drawn
    gate_seconds: float = Field(default=20, gt=0)
    generation_seconds: float = Field(default=120, gt=0)
    head_seconds: float = Field(default=20, gt=0)  # a client that has not sent its request by then is cut
    drain_seconds: float = Field(default=25, gt=0)  # under the 30 s that Kubernetes grants
    link_seconds: int = Field(default=3600, ge=60)  # as long as OpenAI's own links
    requests_per_minute: int = Field(default=120, ge=1)  # per key or page session
    default_response_format: Literal["auto", "url", "b64_json"] = "auto"
    model_aliases: tuple[str, ...] = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini")

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        return data.expanduser().resolve()

    @property
    def wordlists_folder(self) -> Path:
        """Where the operator's own list files lie."""
        return self.wordlists or self.data / "wordlists"

    @property
    def models_folder(self) -> Path:
        """Where `gardefou models pull` puts what it fetches, a folder per model."""
        return self.data / "models"

    @property
    def generator_folder(self) -> Path | None:
        """The weights in force; None: the shipped ones."""
        pulled = self.models_folder / self.generator
        return self.generator_weights or (pulled if pulled.is_dir() else None)

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data / DATABASE}"


def unknown_variables(environment: dict[str, str]) -> list[str]:
    """GARDEFOU_ variables that name no setting: most likely a typing mistake that would be silently ignored."""
    known = {f"GARDEFOU_{name}".upper() for name in Settings.model_fields} | {
        "GARDEFOU_REQUIRE_BROWSER",
        "GARDEFOU_REQUIRE_POSTGRES",
        "GARDEFOU_CHROMIUM",
    }
    return sorted(name for name in environment if name.upper().startswith("GARDEFOU_") and name.upper() not in known)
