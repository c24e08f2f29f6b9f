"""Settings -> the parts: the one place where parts meet."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from alembic import command
from alembic.config import Config
from anyio import to_thread
from sqlalchemy import Engine

from gateway import metrics
from gateway.agreement import Together
from gateway.audits import Audits
from gateway.auth import Confirmations, ImageLinks, Sessions
from gateway.banned import BansInForce
from gateway.bulk import Bulk
from gateway.decoding import Decoder
from gateway.desk import Desk
from gateway.generation import Drawn
from gateway.judging import Judge
from gateway.limits import RequestRate
from gateway.login import Login
from gateway.pipeline import Pipeline
from gateway.provenance import MAX_FILE_BYTES, Verifier
from gateway.records import Records, open_records
from gateway.recourse import Recourse
from gateway.remote_pictures import RemotePictures
from gateway.settings import DATABASE, Settings
from gateway.single_sign_on import Provider, SingleSignOn
from gateway.store.api_keys import ApiKeys
from gateway.store.appeals import Appeals
from gateway.store.audit_labels import AuditLabels
from gateway.store.banned import BannedPictures as BannedRows
from gateway.store.batches import Batches, Limits
from gateway.store.cases import Cases
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine
from gateway.store.granted import Grants
from gateway.store.identities import Identities
from gateway.store.image_files import ImageFiles
from gateway.store.instances import Instance
from gateway.store.lateness import Lateness
from gateway.store.ledger_pages import LedgerPages
from gateway.store.list_files import ListFiles
from gateway.store.people import People
from gateway.store.reports import Reports
from gateway.store.saved_filters import SavedFilters
from gateway.store.together import Shares
from gateway.store.truth import Judged
from gateway.store.views import RequestView
from gateway.store.webhooks import WebhookRows
from gateway.store.wordlists import Wordlists
from gateway.webhooks import Webhooks
from gateway.wordlists import OperatorLists
from generator.batcher import WaitingLine
from generator.channel import Recipe
from generator.contract import GeneratorUnusable, ImageGenerator
from generator.options import Options, Upstream
from generator.registry import NANO_FOLDER, recipe_of
from generator.supervised import SupervisedGenerator, WorkerUnavailable
from policies.decide import unreported
from policies.identity import IntegrityFailure
from policies.likeness import FROM_PROMPT
from policies.loader import PolicyInForce, load_policy, shipped_policies
from policies.queues import SHIPPED as SHIPPED_QUEUES
from policies.queues import Queues, load_queues
from policies.schema import Policy
from policies.signals import MEANT, Stage
from policies.wordlists import load_blocklists
from safety.checks.banned_pictures import BannedPictures
from safety.checks.blocklist import Blocklist
from safety.checks.image_concepts import ImageConcepts
from safety.checks.language import LanguageCheck
from safety.checks.negative_prompt import NegativePrompt
from safety.checks.private_names import PrivateNames
from safety.checks.prompt_classifier import PromptClassifier
from safety.checks.realism import PersonPresence, Realism
from safety.checks.second_opinion import Opinion, SecondOpinion
from safety.concept_banks import CONCEPTS, Calibrations, ConceptBank, load_banks
from safety.normalize import read_prompt
from safety.pictures import SHIPPED as CLIP_NANO
from safety.pictures import PictureEmbedder, load_embedder, use_threads
from safety.provenance.layers import Provenance
from safety.screen import PictureCheck, Screen
from safety.self_test import HARMLESS, UNSAFE

GUARD_NANO = Path(__file__).parent.parent / "safety" / "weights" / "guard-nano"
MIGRATIONS = Path(__file__).parent.parent / "alembic"
CANARY_SECONDS = 3600  # between two looks at the models that nobody asked for
UPSTREAM_SHARE = 0.9  # of the time for a drawing: an upstream is given up before its worker is taken for hung
FUSED_WORDS = "asunflowerinthefield"  # reading the first such text loads dictionaries: a second no request should wait


class PolicyUnfit(Exception):
    """The policy and the checks in force do not fit together: every request would end in 503."""


@dataclass(frozen=True)
class House:
    """The parts of a running service. `async with` it: the waiting line works, crashed requests are ended."""

    settings: Settings
    policy_in_force: PolicyInForce
    generator: ImageGenerator
    line: WaitingLine
    judge: Judge
    pipeline: Pipeline
    decisions: Decisions
    files: ImageFiles
    keys: ApiKeys
    sessions: Sessions
    links: ImageLinks
    confirmations: Confirmations
    rate: RequestRate
    instance: Instance
    lists: OperatorLists
    provenance: Provenance
    decoder: Decoder
    remote: RemotePictures
    verifier: Verifier
    login: Login
    desk: Desk
    bulk: Bulk
    bans: BansInForce
    recourse: Recourse
    records: Records
    webhooks: Webhooks
    sign_on: SingleSignOn | None
    together: Together
    saved_filters: SavedFilters
    audits: Audits
    _watching: "list[asyncio.Task[None]]" = field(default_factory=list)

    def image_url(self, drawn: Drawn) -> str:
        """The signed link to a released picture."""
        return self.link(drawn.image_id)

    def link(self, image_id: str) -> str:
        """The signed link to a picture; it opens only while the picture is released."""
        return self.settings.address + self.links.path(image_id)

    @property
    def worker(self) -> SupervisedGenerator | None:
        """The process that draws; None when a test's generator draws in this one."""
        return self.generator if isinstance(self.generator, SupervisedGenerator) else None

    async def view(self, request_id: str) -> RequestView | None:
        """A request as it stands in the book."""
        return await to_thread.run_sync(self.decisions.view, request_id)

    async def canaries_judged_right(self) -> bool:
        """A known-bad prompt is refused and a known-good one passes, and each model sees a difference."""
        policy = self.policy_in_force.policy
        good, bad = [await self.judge.canary(text, policy) for text in (HARMLESS, UNSAFE)]
        decided = good is not None and bad is not None and not good.refuses and bad.refuses
        right = decided and not await self.judge.blind_models()
        metrics.canaries_misjudged.set(not right)
        return right

    async def _watch_canaries(self) -> None:
        while True:
            await asyncio.sleep(CANARY_SECONDS)
            await self.canaries_judged_right()

    async def __aenter__(self) -> "House":
        alive = {name: self.instance.is_alive(name) for name in self.decisions.unfinished_instances()}
        self.decisions.abort_orphans(alive)
        self.desk.lateness.reroute()
        await self.line.__aenter__()
        self._watching.append(asyncio.create_task(self.lists.watch(self.settings.wordlists_seconds)))
        self._watching.append(asyncio.create_task(self.bans.watch(self.settings.banned_seconds)))
        self._watching.append(asyncio.create_task(self._watch_canaries()))
        self._watching.append(asyncio.create_task(self.desk.work()))
        self._watching.append(asyncio.create_task(self.webhooks.work()))
        self._watching.append(asyncio.create_task(self.audits.watch()))
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.pipeline.drain(self.settings.drain_seconds)
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self.line.__aexit__()
        if self.worker:
            await to_thread.run_sync(self.worker.close)
        await to_thread.run_sync(self.decoder.close)
        await to_thread.run_sync(self.records.check.close)
        self.instance.close()


def build_house(
    settings: Settings, screen: Screen | None = None, generator: ImageGenerator | Recipe | None = None
) -> House:
    """Load everything and check that it fits together.

    screen, generator: others than the settings name, for tests; only a recipe's generator runs in a worker.
    Raises IntegrityFailure, PolicyInvalid, PolicyUnfit, WordlistInvalid, GeneratorUnusable, WorkerUnavailable,
    GatewayError.
    """
    wanted = generator or _recipe(settings)
    if not isinstance(wanted, Recipe):
        return _build_around(wanted, settings, screen)
    worker = _start_worker(settings, wanted)  # it loads its model while the gates load theirs
    try:
        return _build_around(worker, settings, screen)
    except BaseException:
        worker.close()
        raise


def _build_around(generator: ImageGenerator, settings: Settings, screen: Screen | None) -> House:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    policy, queues = load_policy(policy_path(settings.policy)), desk_queues(settings)
    screen = screen or build_screen(settings, policy)
    read_prompt(FUSED_WORDS)
    require_reports(policy, screen)
    if isinstance(generator, SupervisedGenerator):
        with _refusing_to_start(settings.generator_folder or settings.generator):
            generator.wait_until_made()
    migrate(settings.database)
    engine, secret = open_engine(settings.database), _secret(settings.data)
    judge = Judge(screen, settings.gate_seconds, settings.picture_batch)
    lists = _operator_lists(settings, engine, policy, judge.exchange)
    lists.start()
    instance = Instance(settings.data / "instances")
    decisions, files = Decisions(engine, instance.id, secret, queues), ImageFiles(settings.data / "pictures")
    policies = PolicyInForce(policy)
    line = WaitingLine(
        generator, settings.queue_capacity, settings.generation_seconds, on_change=metrics.queue_items.set
    )
    provenance = Provenance(keys_folder(settings))
    decoder = open_decoder(settings)
    verifier = Verifier(provenance, decisions, decoder, generator.sizes, settings.gate_seconds)
    rate, confirmations = RequestRate(settings.requests_per_minute), Confirmations(secret)
    shares = Shares(secret, settings.second_look_share, settings.golden_share)
    cases = Cases(engine, settings.lease_seconds, settings.undo_seconds, queues, shares)
    banned = BannedRows(engine, policies, queues)
    bans = BansInForce(banned, judge.exchange_picture_check)
    bans.refresh()
    return House(
        settings, policies, generator, line, judge,
        Pipeline(decisions, files, judge, line, policies, rate, confirmations, provenance), decisions, files,
        ApiKeys(engine, secret), Sessions(secret), ImageLinks(secret, settings.link_seconds), confirmations, rate,
        instance, lists, provenance, decoder, RemotePictures(settings.allow_remote_images, MAX_FILE_BYTES), verifier,
        Login(People(engine), secret),
        Desk(cases, decisions, files, policies, banned, bans.refresh, Lateness(engine, queues)),
        _bulk(settings, engine, cases, policies), bans,
        Recourse(Appeals(engine, settings.appeal_days, queues), Reports(engine, queues), policies, secret),
        open_records(engine, policies, policy_path(settings.policy)),
        Webhooks(WebhookRows(engine), secret, settings.webhook_private_hosts),
        _sign_on(settings, engine, secret), Together(engine), SavedFilters(engine),
        Audits(audits_folder(settings), AuditLabels(engine)),
    )  # fmt: skip


def _sign_on(settings: Settings, engine: Engine, secret: bytes) -> SingleSignOn | None:
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    client_secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    provider = Provider(settings.oidc_issuer, settings.oidc_client_id, client_secret,
                        f"{settings.address}/review/oidc/callback", settings.oidc_name)  # fmt: skip
    return SingleSignOn(provider, Identities(engine), secret)


def _recipe(settings: Settings) -> Recipe:
    options = Options(
        sizes=settings.generator_sizes, batch=settings.generator_batch, arguments=settings.generator_arguments,
        revision=settings.generator_revision, upstream=_upstream(settings),
    )  # fmt: skip
    return recipe_of(settings.generator, settings.generator_folder, settings.threads, options)


def _bulk(settings: Settings, engine: Engine, cases: Cases, policies: PolicyInForce) -> Bulk:
    limits = Limits(settings.bulk_cases, settings.bulk_alone, settings.bulk_hours)
    return Bulk(Batches(engine, cases, limits), policies)


def _upstream(settings: Settings) -> Upstream | None:
    if settings.upstream_url is None or settings.upstream_model is None:
        return None
    return Upstream(
        settings.upstream_url, settings.upstream_model,
        settings.upstream_key.get_secret_value() if settings.upstream_key else None, settings.upstream_seeds,
        settings.upstream_picture_hosts, settings.generation_seconds * UPSTREAM_SHARE,
    )  # fmt: skip


def _start_worker(settings: Settings, recipe: Recipe) -> SupervisedGenerator:
    memory_bytes = settings.generator_memory_mb and settings.generator_memory_mb << 20
    worker = SupervisedGenerator(
        recipe, settings.generation_seconds, memory_bytes, lambda reason: metrics.worker_ends.labels(reason).inc()
    )
    metrics.worker_up.set_function(lambda: worker.is_up)
    metrics.worker_memory.set_function(lambda: worker.memory_bytes)
    return worker.start()


def _operator_lists(
    settings: Settings, engine: Engine | None, policy: Policy, use: Callable[[Blocklist], None]
) -> OperatorLists:
    files = ListFiles(settings.wordlists_folder, must_exist=settings.wordlists is not None)
    return OperatorLists(load_blocklists(policy.blocklists), Wordlists(engine), files, use)


def build_screen(settings: Settings, policy: Policy) -> Screen:
    """The checks: the policy's lists, the classifier, negative prompts, the language, the picture scorer's banks."""
    if settings.threads:
        use_threads(settings.threads)
    classifier_folder = settings.prompt_classifier or GUARD_NANO
    with _refusing_to_start(classifier_folder):
        classifier = PromptClassifier.load(classifier_folder)
    embedder, banks = load_picture_scorer(settings)
    lists = load_blocklists(policy.blocklists)
    asked = policy.prompt.checks
    unwanted = [NegativePrompt.from_lists(lists)] if NegativePrompt.name in asked else []
    language = [LanguageCheck()] if LanguageCheck.name in asked else []
    known = [BannedPictures()] if BannedPictures.name in policy.picture.checks else []
    names = [PrivateNames(lists)] if PrivateNames.name in asked else []
    return Screen(
        [Blocklist.from_lists(lists), classifier, *unwanted, *language, *names],
        embedder,
        _with_second_opinions(
            [ImageConcepts(embedder, banks), Realism(embedder, banks), PersonPresence(embedder, banks), *known],
            settings,
            policy,
        ),
    )


def _with_second_opinions(checks: Sequence[PictureCheck], settings: Settings, policy: Policy) -> list[PictureCheck]:
    asked = [*checks]
    for path in settings.second_opinions:
        with _refusing_to_start(path):
            opinion = Opinion.load(path)
        if opinion.name in {check.name for check in asked}:
            raise PolicyUnfit(f"{path} gives its classifier the name {opinion.name}, which another check has")
        if opinion.name not in policy.picture.checks:
            raise PolicyUnfit(f"policy {policy.name} lists no picture check {opinion.name}, which {path} names")
        with _refusing_to_start(path):
            asked.append(SecondOpinion(opinion))
    return asked


def load_picture_scorer(settings: Settings) -> tuple[PictureEmbedder, dict[str, ConceptBank]]:
    """The model that pictures are scored by, and the concept banks with what was fitted for it."""
    scorer = settings.picture_scorer or str(CLIP_NANO)
    with _refusing_to_start(scorer):
        is_folder = Path(scorer).is_dir()
        embedder = load_embedder(Path(scorer) if is_folder else scorer, settings.picture_scorer_pretrained)
    with _refusing_to_start(settings.picture_calibration or CONCEPTS):
        banks = load_banks()
        fitted = settings.picture_calibration
        return embedder, Calibrations.read(fitted).applied_to(banks) if fitted else banks


@contextmanager
def _refusing_to_start(model: Path | str) -> Iterator[None]:
    """Whatever a library says of model files that it cannot load, they are not the ones that were published."""
    try:
        yield
    except (IntegrityFailure, GeneratorUnusable, WorkerUnavailable):
        raise
    except Exception as error:
        raise IntegrityFailure(f"{model} cannot be loaded: {error}") from error


def require_reports(policy: Policy, screen: Screen) -> None:
    """Raises PolicyUnfit, naming each report that the policy needs and nobody gives."""
    meant = {FROM_PROMPT: {s for subjects in screen.prompt_reports.values() for s in subjects if s in MEANT}}
    missing = [
        *unreported(policy, Stage.PROMPT, screen.prompt_reports),
        *unreported(policy, Stage.PICTURE, {**screen.picture_reports, **meant}),
    ]
    if missing:
        needs = ", ".join(f"{subject} from {check}" for check, subject in missing)
        raise PolicyUnfit(f"policy {policy.name} needs {needs}, which no check in force reports")


def reopen_ledger(settings: Settings) -> LedgerPages:
    """The ledger of a service that has run before, to be read. Raises FileNotFoundError as `reopen_decisions`."""
    reopen_decisions(settings)
    return LedgerPages(open_engine(settings.database))


def open_decisions(settings: Settings) -> Decisions:
    """The book alone, without models: for commands that only read or record."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return Decisions(open_engine(settings.database), "command", _secret(settings.data))


def open_lists(settings: Settings, policy: Policy, use: Callable[[Blocklist], None] = lambda _: None) -> OperatorLists:
    """The operator's lists alone, not read yet: for a command that changes them. use: puts a check in force."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return _operator_lists(settings, open_engine(settings.database), policy, use)


def see_lists(settings: Settings, policy: Policy, use: Callable[[Blocklist], None] = lambda _: None) -> OperatorLists:
    """The same for a command that only reads: where nothing was ever recorded, nothing is made."""
    return open_lists(settings, policy, use) if _has_book(settings) else _operator_lists(settings, None, policy, use)


def reopen_decisions(settings: Settings) -> Decisions:
    """The book of a service that has run before. Raises FileNotFoundError: a mistyped folder is no whole ledger."""
    if not _has_book(settings):
        raise FileNotFoundError(f"{settings.data / DATABASE} does not exist: nothing was ever recorded there")
    return open_decisions(settings)


def _has_book(settings: Settings) -> bool:
    return settings.database_url is not None or (settings.data / DATABASE).is_file()


def reopen_judged(settings: Settings) -> Judged:
    """What people have judged, of a service that has run before. Raises FileNotFoundError as `reopen_decisions`."""
    reopen_decisions(settings)
    return Judged(open_engine(settings.database))


def open_keys(settings: Settings) -> ApiKeys:
    """The API keys alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return ApiKeys(open_engine(settings.database), _secret(settings.data))


def open_decoder(settings: Settings) -> Decoder:
    """What reads the pictures that people send."""
    return Decoder(settings.max_image_pixels, settings.decoder_seconds, settings.gate_seconds)


def open_banned(settings: Settings) -> BannedRows:
    """The banned pictures alone; what a lifted ban frees is judged by the policy that the settings name."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    policies = PolicyInForce(load_policy(policy_path(settings.policy)))
    return BannedRows(open_engine(settings.database), policies, desk_queues(settings))


def desk_queues(settings: Settings) -> Queues:
    """The queues of the review desk. Raises PolicyInvalid."""
    return load_queues(settings.desk_queues or SHIPPED_QUEUES)


def open_grants(settings: Settings) -> Grants:
    """Who may work in which queue, alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return Grants(open_engine(settings.database), desk_queues(settings))


def keys_folder(settings: Settings) -> Path:
    """Where the keys lie that pictures are signed and marked with."""
    return settings.data / "keys"


def audits_folder(settings: Settings) -> Path:
    """Where the folders of bias audits lie."""
    return settings.data / "audits"


def open_audits(settings: Settings) -> Audits:
    """The bias audits alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return Audits(audits_folder(settings), AuditLabels(open_engine(settings.database)))


def open_login(settings: Settings) -> Login:
    """The people alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return Login(People(open_engine(settings.database)), _secret(settings.data))


def open_webhooks(settings: Settings) -> Webhooks:
    """The webhooks alone."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    rows = WebhookRows(open_engine(settings.database))
    return Webhooks(rows, _secret(settings.data), settings.webhook_private_hosts)


def open_identities(settings: Settings) -> Identities:
    """Who people are at the sign-in provider."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    return Identities(open_engine(settings.database))


def shipped_models() -> tuple[Path, ...]:
    """The folders of the nano models."""
    return NANO_FOLDER, GUARD_NANO, CLIP_NANO


def policy_path(name: str) -> Path:
    """A shipped policy by its name, or a file."""
    return shipped_policies().get(name, Path(name))


def migrate(database: str) -> None:
    """Bring the database to the newest schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = database
    command.upgrade(config, "head")


def _secret(data: Path) -> bytes:
    """The key that signs links, cookies and digests: made on first start, readable by its owner alone."""
    path = data / "secret"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text())
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    return bytes.fromhex(path.read_text())
