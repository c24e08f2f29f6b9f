"""Every setting of the service, from the environment (prefix GARDEFOU_) or a command's options."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DATABASE = "gardefou.db"  # SQLite's file in the data folder

Size = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]  # pixels, "WIDTHxHEIGHT"


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

    banned_seconds: float = Field(default=1, ge=0.05)  # how often bans made by another process are looked for

    generator: str = "dalle-nano"
    generator_weights: Path | None = None  # a folder (None: what was pulled or is shipped) or a pipeline's hub id
    generator_revision: str | None = None  # of a hub id: a commit pins it
    generator_sizes: tuple[Size, ...] = ()  # the default first, as ["512x512", "768x512"]; (): the model's own
    generator_batch: int | None = Field(default=None, ge=1, le=64)  # pictures drawn, or asked for, at once
    generator_arguments: dict[str, Any] = {}  # of every call, as {"num_inference_steps": 4} or {"quality": "low"}
    generator_memory_mb: int | None = Field(default=None, ge=256)  # its process ends above; None: 3/4 of the machine
    upstream_url: str | None = None  # of an OpenAI-compatible API, up to and with /v1
    upstream_key: SecretStr | None = None
    upstream_model: str | None = None
    upstream_seeds: bool = False  # the upstream understands `seed`
    upstream_picture_hosts: tuple[str, ...] = ()  # hosts beside its own that its links may name
    hub: str = "https://huggingface.co"  # where `gardefou models pull` asks; https, or this machine
    prompt_classifier: Path | None = None  # None: guard-nano
    picture_scorer: str | None = None  # a folder or an open_clip architecture; None: clip-nano
    picture_scorer_pretrained: str | None = None  # of an architecture: a published tag or a checkpoint file
    picture_calibration: Path | None = None  # what `gardefou evaluate pictures --fit` wrote for the picture scorer
    picture_batch: int = Field(default=36, ge=1)  # pictures of several requests that are scored at once
    second_opinions: tuple[Path, ...] = ()  # YAML files, each naming an image classifier and what its labels mean
    threads: int | None = Field(default=None, ge=1)  # of the gates' networks, and of the generator's

    max_prompt_chars: int = Field(default=1000, ge=1, le=32000)  # 1000: OpenAI's own limit for dall-e-2
    max_body_bytes: int = Field(default=1 << 20, ge=1024)
    max_image_pixels: int = Field(default=40_000_000, ge=1, le=400_000_000)  # judged at once: a large photograph
    decoder_seconds: float = Field(default=5, gt=0)  # of computing, for a picture that somebody sent to be read
    allow_remote_images: bool = False  # /v1/moderations fetches pictures from https addresses on the public internet
    queue_capacity: int = Field(default=64, ge=1)  # pictures waiting or being drawn
    gate_seconds: float = Field(default=20, gt=0)
    generation_seconds: float = Field(default=120, gt=0)
    head_seconds: float = Field(default=20, gt=0)  # a client that has not sent its request by then is cut
    drain_seconds: float = Field(default=25, gt=0)  # under the 30 s that Kubernetes grants
    link_seconds: int = Field(default=3600, ge=60)  # as long as OpenAI's own links
    requests_per_minute: int = Field(default=120, ge=1)  # per key or page session
    lease_seconds: float = Field(default=300, gt=0)  # how long a moderator has a case to himself without a sign of life
    undo_seconds: float = Field(default=10, gt=0)  # how long what a moderator allowed can be taken back
    bulk_cases: int = Field(default=50, ge=1, le=100)  # decided together: looked through at once, one transaction
    bulk_alone: int = Field(default=10, ge=1)  # of more, a second person has to confirm: a slip would cost a morning
    bulk_hours: float = Field(default=24, gt=0)  # what nobody confirmed by then is over: the cases have moved on
    desk_queues: Path | None = None  # a YAML file of the operator's own; None: policies/desk/queues.yaml
    appeal_days: int = Field(default=183, ge=1)  # how long a decision can be appealed: the six months of DSA article 20
    oidc_issuer: str | None = None  # of an OpenID Connect provider that people of the desk may sign in with
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None  # None: a public client, by PKCE alone
    oidc_name: str = Field(default="single sign-on", min_length=1, max_length=40)  # on the button
    webhook_private_hosts: tuple[str, ...] = ()  # hosts of webhooks that may lead inside, as ["hooks.internal"]
    second_look_share: float = Field(default=0.05, ge=0, le=1)  # of decided cases: 600 of them give 30 to compare
    golden_share: float = Field(default=0.02, ge=0, le=1)  # a golden case comes up after so many decided ones
    default_response_format: Literal["auto", "url", "b64_json"] = "auto"
    model_aliases: tuple[str, ...] = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini")

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        return data.expanduser().resolve()

    @model_validator(mode="after")
    def _whole_provider(self) -> "Settings":
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("oidc_issuer and oidc_client_id go together")
        if self.oidc_issuer and not is_secure(self.oidc_issuer):
            raise ValueError("oidc_issuer begins with https://, or is on this machine")
        return self

    @property
    def address(self) -> str:
        """What links to the service start with."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

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


def is_secure(url: str) -> bool:
    """Whether nobody in between can read or change what is said: https, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def unknown_variables(environment: dict[str, str]) -> list[str]:
    """GARDEFOU_ variables that name no setting: most likely a typing mistake that would be silently ignored."""
    known = {f"GARDEFOU_{name}".upper() for name in Settings.model_fields} | {
        "GARDEFOU_REQUIRE_BROWSER",
        "GARDEFOU_REQUIRE_POSTGRES",
        "GARDEFOU_CHROMIUM",
    }
    return sorted(name for name in environment if name.upper().startswith("GARDEFOU_") and name.upper() not in known)
