"""The tables. Times are UTC ISO 8601 text, so that SQLite and PostgreSQL keep the very characters that were hashed."""

from sqlalchemy import BigInteger, Column, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class RequestRow(SQLModel, table=True):
    """One prompt on its way. `prompt` and `prompt_salt` are the person's data: erasing them leaves the ledger valid."""

    __tablename__ = "requests"

    id: str = Field(primary_key=True)
    caller_kind: str
    caller_id: str = Field(index=True)
    surface: str
    instance: str = Field(index=True)
    model: str
    asked: int
    size: str
    seed: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    user_digest: str | None = None
    prompt: str | None
    prompt_salt: str | None
    prompt_digest: str
    state: str = Field(index=True)
    outcome: str | None = None
    error_code: str | None = None
    policy: str
    policy_sha256: str
    created_at: str = Field(index=True)
    finished_at: str | None = None


class DecisionRow(SQLModel, table=True):
    """One verdict, with all it rests on. Append-only. `evidence` may quote the prompt, and stays out of digests.

    confirms: the decision whose question the caller said yes to, or whose refusal an appeal overturned; None for every
    other. decided_by: the person who decided; None for the policy.
    """

    __tablename__ = "decisions"

    id: str = Field(primary_key=True)
    request_id: str = Field(index=True, foreign_key="requests.id")
    stage: str
    picture_index: int | None = None
    picture_sha256: str | None = Field(default=None, index=True)
    action: str
    categories: str
    reasons: str
    signals: str
    thresholds: str
    models: str
    policy: str
    policy_sha256: str
    failure: str | None = None
    seconds: float
    created_at: str
    evidence: str | None = None
    confirms: str | None = Field(default=None, index=True)
    decided_by: str | None = None


class PictureRow(SQLModel, table=True):
    """One picture and where it stands. Its bytes lie on disk under their sha256; `mark` is what its watermark says.

    pdq: what it looks like, 64 hexadecimal digits, of one that was held and has enough detail.
    """

    __tablename__ = "pictures"
    __table_args__ = (Index("ix_pictures_of_request", "request_id", "state"),)

    id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="requests.id")
    index: int
    sha256: str = Field(index=True)
    format: str
    seed: int = Field(sa_column=Column(BigInteger, nullable=False))
    state: str = Field(index=True)
    decision_id: str | None = Field(default=None, foreign_key="decisions.id")
    mark: str | None = Field(default=None, index=True)
    pdq: str | None = None


class LedgerRow(SQLModel, table=True):
    """One link of the hash chain. Append-only, and triggers refuse anything else."""

    __tablename__ = "ledger"

    seq: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    )
    at: str
    kind: str
    subject: str = Field(index=True)
    facts: str
    prev_hash: str
    hash: str


class ApiKeyRow(SQLModel, table=True):
    """An API key: its secret is kept as a keyed digest only. person_id: in whose name it acts at the review desk."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    name: str
    secret_digest: str
    scopes: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    person_id: str | None = None


class WordlistRow(SQLModel, table=True):
    """One version of an operator's list. Append-only; the newest version of a name is in force.

    id: `name@version`. revision: counts the changes of all lists. content: YAML, None when the list was removed.
    sha256: of the content. restores: the older version whose content this is.
    """

    __tablename__ = "wordlists"

    id: str = Field(primary_key=True)
    revision: int = Field(unique=True)
    name: str = Field(index=True)
    version: int
    content: str | None = None
    sha256: str | None = None
    restores: int | None = None
    caller_kind: str
    caller_id: str
    created_at: str


class PersonRow(SQLModel, table=True):
    """Somebody who signs in. totp_step: the last time step whose code was used, so that none is used twice."""

    __tablename__ = "people"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    password_hash: str
    totp_secret: str
    totp_step: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: str
    disabled_at: str | None = None


class SignInRow(SQLModel, table=True):
    """One signed-in browser. id: sha256 of what its cookie holds."""

    __tablename__ = "sign_ins"

    id: str = Field(primary_key=True)
    person_id: str = Field(index=True, foreign_key="people.id")
    started_at: str
    seen_at: str


class IdentityRow(SQLModel, table=True):
    """Who a person is at the sign-in provider. subject: for good; None while they are expected with `email`."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
        UniqueConstraint("issuer", "email", name="uq_identities_issuer_email"),
    )

    id: str = Field(primary_key=True)
    person_id: str = Field(index=True, foreign_key="people.id")
    issuer: str
    subject: str | None = None
    email: str | None = None
    created_at: str


class UsedStateRow(SQLModel, table=True):
    """A sign-in at the provider that came back: it cannot come back again. digest: sha256 of its state."""

    __tablename__ = "used_states"

    digest: str = Field(primary_key=True)
    used_at: str


class CaseRow(SQLModel, table=True):
    """What waits for a person: the held pictures of one request, an appeal, or a picture that somebody reported.

    appeal_id: of an appeal. picture_id: the one picture that an appeal or a report is about, the first of what comes up
    again; None for a prompt or for held pictures. reports: how many people reported it. state: open | settling
    (decided, what was allowed can still be taken back) | closed. level: moderator | senior. source: prompt | picture |
    unjudged | appeal | report | disagreement. category: the gravest, "" when there is none. restricted: it may show a
    child in a sexual way, so nobody sees it and it takes two. first_person: who has allowed a restricted case already.
    holder, lease, lease_until: who works on it. review_id, effective_at: what settles, and when. queue: of
    policies/desk/queues.yaml. language: ISO 639, of the prompt or the appeal, "" when it is not known. look: a name
    that cases share which look the same. again_of: the decided case that this one shows again, first_review_id: what
    was said of it then. golden_id: the right answer is known.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_turn", "state", "due_at", "id"),
        Index("ix_cases_turn_in_queue", "state", "queue", "due_at", "id"),
        Index(
            "ix_cases_counted",
            "state",
            "queue",
            "level",
            "severity",
            "category",
            "source",
            "due_at",
            "opened_at",
            "again_of",
        ),
        Index("ix_cases_late", "state", "level", "severity", "due_at"),
        Index("ix_cases_look", "look", "queue", "level", "state", "due_at", "id"),
        Index("ix_cases_came", "state", "opened_at"),
    )

    id: str = Field(primary_key=True)
    request_id: str = Field(index=True, foreign_key="requests.id")
    appeal_id: str | None = Field(default=None, index=True, foreign_key="appeals.id")
    picture_id: str | None = Field(default=None, index=True, foreign_key="pictures.id")
    reports: int = 0
    state: str
    level: str
    source: str
    category: str
    severity: int
    queue: str
    language: str = ""
    look: str | None = None
    restricted: bool
    pictures: int
    opened_at: str
    due_at: str
    closed_at: str | None = None
    first_person: str | None = None
    holder: str | None = None
    lease: str | None = None
    lease_until: str | None = None
    review_id: str | None = None
    effective_at: str | None = None
    again_of: str | None = Field(default=None, index=True, foreign_key="cases.id")
    first_review_id: str | None = None
    golden_id: str | None = Field(default=None, index=True, foreign_key="golden_cases.id")


class QueueGrantRow(SQLModel, table=True):
    """That somebody may work in a queue that is not open to all."""

    __tablename__ = "queue_grants"

    person_id: str = Field(primary_key=True, foreign_key="people.id")
    queue: str = Field(primary_key=True)
    granted_at: str


class SavedFilterRow(SQLModel, table=True):
    """A view of the queue that somebody keeps under a name. asked: JSON, the name of a filter -> its value."""

    __tablename__ = "saved_filters"

    person_id: str = Field(primary_key=True, foreign_key="people.id")
    name: str = Field(primary_key=True)
    asked: str


class ReviewRow(SQLModel, table=True):
    """What a person did with a case. Append-only, but for the note, which may quote somebody and can be erased.

    action: decide | escalate | skip | undo | propose | revert (the last two with a batch). choices: picture id -> allow
    | block. lease_digest: sha256 of the lease that it was done under, so that a repeated form is known. effective_at:
    when what was allowed is released.
    """

    __tablename__ = "reviews"

    id: str = Field(primary_key=True)
    case_id: str = Field(index=True, foreign_key="cases.id")
    person_id: str = Field(index=True, foreign_key="people.id")
    action: str
    choices: str
    clause: str | None = None
    reason: str | None = None
    note: str | None = None
    note_salt: str | None = None
    note_digest: str
    lease_digest: str
    policy: str
    policy_sha256: str
    created_at: str
    effective_at: str | None = None


class ExposureRow(SQLModel, table=True):
    """That a person saw a picture as it is; of use for one shift. points: what it cost (policies/desk/care.yaml)."""

    __tablename__ = "exposures"

    person_id: str = Field(primary_key=True, foreign_key="people.id")
    picture_id: str = Field(primary_key=True, foreign_key="pictures.id")
    points: int
    seen_at: str


class CareRow(SQLModel, table=True):
    """What a person wants to be given. avoided: a list of categories."""

    __tablename__ = "care"

    person_id: str = Field(primary_key=True, foreign_key="people.id")
    calm: bool
    avoided: str


class AuditLabelRow(SQLModel, table=True):
    """What one person says of one thing about a picture of a bias audit.

    run: the folder's name and a digest of the plan. settles: said by a third person because two differed.
    """

    __tablename__ = "audit_labels"

    run: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    attribute: str = Field(primary_key=True)
    person_id: str = Field(primary_key=True, foreign_key="people.id")
    answer: str
    settles: bool
    created_at: str


class BannedRow(SQLModel, table=True):
    """A picture whose look-alikes shall not be shown. Append-only: what ends it early is a LiftedRow.

    batch: what was added together, which is one entry of the ledger. revision: counts the changes of all bans. hash:
    PDQ, 64 hexadecimal digits. source: desk | import | terminal. picture_id: the picture that was judged, if it was
    ours. added_by: `person:...` or `terminal`. ends_at: None: it stands until it is lifted.
    """

    __tablename__ = "banned_pictures"

    id: str = Field(primary_key=True)
    batch: str = Field(index=True)
    revision: int = Field(index=True)
    hash: str = Field(index=True)
    category: str
    reason: str
    source: str
    picture_id: str | None = None
    added_by: str
    created_at: str
    ends_at: str | None = None


class LiftedRow(SQLModel, table=True):
    """A ban that somebody disabled. Append-only."""

    __tablename__ = "lifted_bans"

    banned_id: str = Field(primary_key=True, foreign_key="banned_pictures.id")
    revision: int = Field(index=True)
    why: str
    lifted_by: str
    created_at: str


class BanMatchRow(SQLModel, table=True):
    """That a decision rests on a likeness to a banned picture. bits: the distance, 0 to 31."""

    __tablename__ = "ban_matches"

    decision_id: str = Field(primary_key=True, foreign_key="decisions.id")
    banned_id: str = Field(primary_key=True, foreign_key="banned_pictures.id", index=True)
    bits: int


class AppealRow(SQLModel, table=True):
    """Somebody's objection to one decision. Append-only, but for its end, and for the text, which can be erased.

    picture_id: None when a prompt was refused. state: open | upheld | overturned. review_id: what ended it; None too
    when a ban was lifted and the picture passed.
    outcome_id: the decision that was made then.
    """

    __tablename__ = "appeals"

    id: str = Field(primary_key=True)
    decision_id: str = Field(unique=True, foreign_key="decisions.id")
    request_id: str = Field(index=True, foreign_key="requests.id")
    picture_id: str | None = Field(default=None, foreign_key="pictures.id")
    language: str
    text: str | None
    text_salt: str | None
    text_digest: str
    created_at: str
    state: str
    review_id: str | None = None
    outcome_id: str | None = Field(default=None, foreign_key="decisions.id")
    ended_at: str | None = None


class ReportRow(SQLModel, table=True):
    """What somebody says against a released picture. Append-only, but for the note, which can be erased.

    reporter: keyed digest of who reported which picture, so that nobody is counted twice.
    """

    __tablename__ = "reports"

    id: str = Field(primary_key=True)
    picture_id: str = Field(index=True, foreign_key="pictures.id")
    case_id: str = Field(index=True, foreign_key="cases.id")
    reason: str
    note: str | None
    note_salt: str | None
    note_digest: str
    reporter: str = Field(unique=True)
    created_at: str


class BatchRow(SQLModel, table=True):
    """Cases that somebody means to decide together. Every change of it is an entry of the ledger.

    state: draft (a preview, of its maker alone) | proposed (waits for a second person) | decided | rejected | reverted.
    act: allow | block | escalate, None of a draft. clause, reason: as in a review. second_id: who confirmed or rejected
    what was proposed. ends_at: a draft or a proposal is over then. decided_at: when it was decided or rejected.
    """

    __tablename__ = "batches"

    id: str = Field(primary_key=True)
    person_id: str = Field(index=True, foreign_key="people.id")
    state: str
    act: str | None = None
    clause: str | None = None
    reason: str | None = None
    second_id: str | None = Field(default=None, foreign_key="people.id")
    created_at: str = Field(index=True)
    ends_at: str
    decided_at: str | None = None
    reverted_by: str | None = Field(default=None, foreign_key="people.id")
    reverted_at: str | None = None


class BatchCaseRow(SQLModel, table=True):
    """One case of a batch. pictures: the ids that waited at the preview.

    outcome: decided, or why it was left out; None while that is open. undone: reverted, or why it was left as it is;
    None until somebody reverts. proposal_id, review_id, revert_id: the reviews that say so, each where there is one.
    """

    __tablename__ = "batch_cases"

    batch_id: str = Field(primary_key=True, foreign_key="batches.id")
    case_id: str = Field(primary_key=True, foreign_key="cases.id", index=True)
    pictures: str
    outcome: str | None = None
    undone: str | None = None
    proposal_id: str | None = Field(default=None, foreign_key="reviews.id")
    review_id: str | None = Field(default=None, foreign_key="reviews.id")
    revert_id: str | None = Field(default=None, foreign_key="reviews.id")


class WebhookRow(SQLModel, table=True):
    """An address that is told what happens. Its secret stands nowhere: it follows from the house's and `generation`.

    events: names, separated by spaces. key_id: only of what this API key asked for; None: of everything. state:
    active | gone (it answered that it wants no more) | removed. rotated_at: since when the secret is a new one.
    failures, failing_since: attempts since the last one that was taken. rests_until: nothing is sent before.
    working_until: a process is sending.
    """

    __tablename__ = "webhooks"

    id: str = Field(primary_key=True)
    url: str
    events: str
    key_id: str | None = Field(default=None, foreign_key="api_keys.id")
    state: str
    generation: int
    created_at: str
    rotated_at: str | None = None
    failures: int = 0
    failing_since: str | None = None
    rests_until: str | None = None
    working_until: str | None = None


class WebhookMessageRow(SQLModel, table=True):
    """One thing that happened, to be told to one address: written in the transaction in which it happened.

    id: the `webhook-id`, the same at each attempt. body: what is sent, to the letter. state: waiting | delivered |
    given_up. attempts: since it was made or sent again. next_at: of the next attempt. expires_at: then it is given up.
    """

    __tablename__ = "webhook_messages"

    id: str = Field(primary_key=True)
    webhook_id: str = Field(index=True, foreign_key="webhooks.id")
    event: str
    subject: str
    body: str
    created_at: str = Field(index=True)
    state: str = Field(index=True)
    attempts: int
    next_at: str
    expires_at: str
    ended_at: str | None = None


class WebhookAttemptRow(SQLModel, table=True):
    """One attempt to deliver a message, and what came of it. status: of HTTP, None without an answer."""

    __tablename__ = "webhook_attempts"

    id: str = Field(primary_key=True)
    message_id: str = Field(index=True, foreign_key="webhook_messages.id")
    at: str
    result: str
    status: int | None = None
    seconds: float


class GoldenRow(SQLModel, table=True):
    """A decided case whose right answer a senior moderator has stated. Append-only, but for its end.

    review_id: what had been decided when it was marked. choices: picture id -> allow | block.
    """

    __tablename__ = "golden_cases"

    id: str = Field(primary_key=True)
    case_id: str = Field(index=True)
    review_id: str
    choices: str
    marked_by: str = Field(foreign_key="people.id")
    created_at: str
    retired_by: str | None = None
    retired_at: str | None = None
