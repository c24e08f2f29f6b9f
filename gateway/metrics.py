"""What operators watch. Labels hold closed sets of words only, never anything a user typed."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

http_requests = Counter("gateway_http_requests", "HTTP requests.", ["route", "method", "status"])
http_seconds = Histogram("gateway_http_request_duration_seconds", "Time to answer.", ["route"], buckets=SECONDS)
generations = Counter(
    "gateway_generations", "Requests for pictures, by how they ended.", ["surface", "model", "outcome"]
)
decisions = Counter("gateway_gate_decisions", "Verdicts.", ["gate", "verdict", "category", "policy"])
gate_seconds = Histogram("gateway_gate_duration_seconds", "Time a gate took.", ["gate"], buckets=SECONDS)
gate_failures = Counter("gateway_gate_failures", "Times a gate could not judge.", ["gate", "reason"])
queue_items = Gauge("gateway_generator_queue_items", "Pictures waiting or being drawn.")
generator_seconds = Histogram(
    "gateway_generator_duration_seconds", "Time to draw a request.", ["model"], buckets=SECONDS
)
worker_up = Gauge("gateway_worker_up", "Whether the process that draws is there and ready: 1 or 0.")
worker_memory = Gauge("gateway_worker_memory_bytes", "What the process that draws holds of the machine's memory.")
worker_ends = Counter("gateway_worker_ends", "Times the process that draws ended or was ended, by why.", ["reason"])
ledger_rows = Counter("gateway_audit_rows", "Ledger rows written by this process.")
ledger_verified = Gauge(
    "gateway_audit_last_verified_timestamp_seconds", "When this process last verified the whole ledger; 0: never."
)
ledger_broken = Gauge("gateway_audit_chain_broken", "1 when this process last found the ledger broken. Must stay 0.")
database_errors = Counter("gateway_db_errors", "Database errors.", ["op", "kind"])
ignored_params = Counter("gateway_ignored_params", "Requests with parameters that were ignored.")
released_without_decision = Counter(
    "gateway_released_without_decision",
    "Pictures about to be served without a matching allow row. Must stay 0.",
)
review_items = Gauge("gateway_review_items", "Cases that wait for a person.", ["band"])
review_queue_items = Gauge("gateway_review_queue_items", "Cases that wait for a person, by queue.", ["queue"])
review_overdue = Gauge(
    "gateway_review_overdue_items", "Cases that wait for longer than their severity allows, by queue.", ["queue"]
)
review_oldest = Gauge(
    "gateway_review_oldest_item_age_seconds", "How long the oldest case of a queue has waited.", ["queue"]
)
review_escalations = Counter(
    "gateway_review_escalations", "Cases that went to the seniors by themselves, by the queue they were in.", ["queue"]
)
review_unattended = Gauge(
    "gateway_review_unattended_items", "Cases that nobody with an account may decide. Should be 0."
)
review_pauses = Counter("gateway_review_pauses", "Pauses that somebody had to take at the review desk.")
reviews = Counter("gateway_reviews", "What people did with cases.", ["action"])
review_batches = Counter("gateway_review_batches", "What became of cases decided together.", ["event"])
banned_pictures = Gauge("gateway_banned_pictures", "Bans in force in this process.")
banned_matches = Counter(
    "gateway_banned_picture_matches", "Pictures that looked like a banned one, by category.", ["category"]
)
appeals = Counter("gateway_appeals", "Appeals that were filed, upheld or overturned.", ["event"])
second_looks = Counter("gateway_second_looks", "Second looks at decided cases, by how they came out.", ["result"])
golden_answers = Counter("gateway_golden_answers", "Answers to cases whose right answer is known.", ["result"])
reports = Counter("gateway_reports", "Reports of released pictures.")
webhook_attempts = Counter("gateway_webhook_attempts", "Attempts to tell a webhook something, by result.", ["result"])
webhook_messages = Gauge("gateway_webhook_messages", "Messages that wait to be delivered to a webhook.")
webhooks_paused = Gauge("gateway_webhooks_paused", "Webhooks that took nothing for long, or want no more. Should be 0.")
wordlists_refused = Gauge(
    "gateway_wordlists_refused", "Word lists of the operator that are not in force as they stand. Should be 0."
)
canaries_misjudged = Gauge(
    "gateway_canaries_misjudged",
    "1 when a model was last seen to judge a known prompt or picture wrongly. Must stay 0.",
)
decoder_seconds = Histogram(
    "gateway_decoder_duration_seconds", "Time to read a picture that somebody sent.", buckets=SECONDS
)
decoder_ends = Counter(
    "gateway_decoder_ends", "Times a process that reads pictures ended over one, by why.", ["reason"]
)
pictures_refused = Counter("gateway_pictures_refused", "Files that were not read as pictures, by why.", ["reason"])
audit_gap = Gauge(
    "gateway_bias_gap_ratio",
    "Pooled feminine minus masculine share of the latest bias audit, with its 95 % interval.",
    ["probe", "generator", "language", "attribute", "bound"],
)
audit_findings = Gauge(
    "gateway_bias_findings",
    "Fillers that the latest bias audit found beyond the margin.",
    ["probe", "generator", "language", "attribute"],
)
audit_missing = Gauge(
    "gateway_bias_missing_ratio",
    "Pictures of the latest bias audit that were asked for and not released.",
    ["probe", "generator", "language"],
)
audit_reported = Gauge(
    "gateway_bias_reported_timestamp_seconds",
    "When the latest bias audit was reported.",
    ["probe", "generator", "language"],
)
provenance_checks = Counter("gateway_provenance_checks", "Files that somebody asked about.", ["conclusion"])
rate_limited = Counter("gateway_ratelimit_rejections", "Requests refused for coming too fast.", ["scope"])

__all__ = [
    "REGISTRY",
    "appeals",
    "audit_findings",
    "audit_gap",
    "audit_missing",
    "audit_reported",
    "banned_matches",
    "banned_pictures",
    "canaries_misjudged",
    "database_errors",
    "decisions",
    "decoder_ends",
    "decoder_seconds",
    "gate_failures",
    "gate_seconds",
    "generations",
    "generator_seconds",
    "golden_answers",
    "http_requests",
    "http_seconds",
    "ignored_params",
    "ledger_broken",
    "ledger_rows",
    "ledger_verified",
    "pictures_refused",
    "provenance_checks",
    "queue_items",
    "rate_limited",
    "released_without_decision",
    "reports",
    "review_batches",
    "review_escalations",
    "review_items",
    "review_oldest",
    "review_overdue",
    "review_pauses",
    "review_queue_items",
    "review_unattended",
    "reviews",
    "second_looks",
    "webhook_attempts",
    "webhook_messages",
    "webhooks_paused",
    "wordlists_refused",
    "worker_ends",
    "worker_memory",
    "worker_up",
]
