"""Every way a request can end other than with pictures, and the one envelope they are told in.

GatewayError
├── BadRequest                400
│   ├── MalformedRequest          malformed_request
│   ├── InvalidJson               invalid_json
│   ├── InvalidValue              invalid_value
│   ├── MissingParameter          missing_required_parameter
│   ├── UnsupportedParameter      unsupported_parameter
│   ├── PromptTooLong             prompt_too_long
│   ├── UnsupportedImage          unsupported_image
│   ├── ImageTooLarge             image_too_large
│   ├── RemoteImagesDisabled      remote_images_disabled
│   ├── UrlNotAllowed             url_not_allowed
│   ├── ImageFetchFailed          image_fetch_failed
│   ├── ListRefused               wordlist_invalid
│   ├── TooLittleDetail           too_little_detail
│   ├── ContentRefused            content_policy_violation
│   ├── ConfirmationRequired      confirmation_required
│   └── ConfirmationInvalid       confirmation_invalid
├── InvalidKey                401 invalid_api_key
├── SignInRequired            401 sign_in_required
├── SignInFailed              401 sign_in_failed
├── SignInNotCompleted        401 sign_in_not_completed
├── UnknownIdentity           401 sign_in_unknown
├── Forbidden                 403
│   ├── InsufficientScope         insufficient_scope
│   ├── SeparationOfDuties        separation_of_duties
│   ├── CsrfFailed                csrf_failed
│   └── LinkInvalid               link_expired
├── NotFound                  404 not_found
│   └── ModelNotFound             model_not_found
├── MethodNotAllowed          405 method_not_allowed
├── SlowRequest               408 request_timeout
├── Conflict                  409
│   ├── CaseTaken                 case_taken
│   ├── LeaseLost                 lease_lost
│   ├── AlreadyDecided            already_decided
│   └── NotAppealable             not_appealable
├── ImageWithdrawn            410 image_withdrawn
├── PreconditionFailed        412 precondition_failed
├── RequestTooLarge           413 request_too_large
├── UnsupportedMediaType      415 unsupported_media_type
├── RateLimited               429 rate_limit_exceeded
├── PauseNeeded               429 pause_needed
├── HeadTooLarge              431 request_header_fields_too_large
└── ServerTrouble             5xx, retryable when a time to come back is given
    ├── InternalError         500 internal_error
    ├── IntegrityError        500 integrity_error
    ├── ClassifierUnavailable 503 classifier_unavailable
    ├── GeneratorUnavailable  503 generation_failed
    ├── Overloaded            503 overloaded
    ├── Draining              503 draining
    ├── ProviderUnavailable   503 sign_in_provider_unavailable
    ├── DatabaseUnavailable   503 database_unavailable
    └── StorageFull           507 storage_full
"""

from collections.abc import Mapping
from typing import Any, ClassVar

REFUSAL = "Your request was rejected as a result of our safety system."  # the words other clients match on
HELD = "A person must look first: our safety system was not sure, so the pictures wait for a moderator."


class GatewayError(Exception):
    """status: HTTP status. code: stable for machines. type: OpenAI's class of error (reference 1.5)."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.facts = facts or {}

    @property
    def envelope(self) -> dict[str, Any]:
        """The body every error is told in: OpenAI's four keys, and ours under x_gateway."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        if self.facts:
            error["x_gateway"] = self.facts
        return {"error": error}

    @property
    def headers(self) -> dict[str, str]:
        """Whether and when a retry makes sense."""
        if self.retry_after_s is None:
            return {"x-should-retry": "false"} if self.status >= 500 else {}
        return {"Retry-After": str(max(1, round(self.retry_after_s))), "x-should-retry": "true"}


class BadRequest(GatewayError):
    status, type, code = 400, "invalid_request_error", "invalid_value"


class MalformedRequest(BadRequest):
    code = "malformed_request"


class InvalidJson(BadRequest):
    code = "invalid_json"


class InvalidValue(BadRequest):
    code = "invalid_value"


class MissingParameter(BadRequest):
    code = "missing_required_parameter"


class UnsupportedParameter(BadRequest):
    code = "unsupported_parameter"


class PromptTooLong(BadRequest):
    code = "prompt_too_long"


class UnsupportedImage(BadRequest):
    code = "unsupported_image"


class ImageTooLarge(BadRequest):
    code = "image_too_large"


class RemoteImagesDisabled(BadRequest):
    code = "remote_images_disabled"


class UrlNotAllowed(BadRequest):
    """An address that may lead somewhere else than to the public internet."""

    code = "url_not_allowed"


class ImageFetchFailed(BadRequest):
    code = "image_fetch_failed"


class ListRefused(BadRequest):
    """A word list cannot be used: its problems stand under x_gateway, each with its line and field."""

    code = "wordlist_invalid"


class TooLittleDetail(BadRequest):
    """A picture that could not be told from others of its kind cannot be banned."""

    code = "too_little_detail"


class ContentRefused(BadRequest):
    """The policy refused a prompt, or every picture of it; or a person must look first (outcome "held")."""

    code = "content_policy_violation"

    def __init__(
        self, why: str, *, outcome: str, stage: str, told: Mapping[str, Any], decision_id: str, policy: str,
        appeal_url: str | None = None,
    ) -> None:  # fmt: skip
        """appeal_url: where whoever asked can object to it; None when nothing was refused, or not by us."""
        facts = {"outcome": outcome, "stage": stage, **told, "decision_id": decision_id, "policy": policy}
        facts |= {"appeal_url": appeal_url} if appeal_url else {}
        opening = HELD if outcome == "held" else REFUSAL
        super().__init__(f"{opening} {why}".strip(), param="prompt", facts=facts)


class ConfirmationRequired(BadRequest):
    """The policy asks whether this is what the caller means: the same request with `confirmation` goes on."""

    code = "confirmation_required"

    def __init__(
        self, question: str, *, told: Mapping[str, Any], decision_id: str, policy: str, confirmation: str, seconds: int
    ) -> None:
        how = f"send the same request again with x_gateway.confirmation within {seconds // 60} minutes."
        facts = {
            "outcome": "confirm", "stage": "prompt", **told, "decision_id": decision_id, "policy": policy,
            "confirmation": confirmation, "expires_in": seconds,
        }  # fmt: skip
        super().__init__(f"Did you mean this? {question} If so, {how}", param="prompt", facts=facts)


class ConfirmationInvalid(BadRequest):
    """An answer to a question that was never asked like this: of another prompt, caller or policy, or too old."""

    code = "confirmation_invalid"


class InvalidKey(GatewayError):
    status, type, code = 401, "authentication_error", "invalid_api_key"


class SignInRequired(GatewayError):
    """Nobody is signed in, or no longer: the page asks for it, a program is told."""

    status, type, code = 401, "authentication_error", "sign_in_required"


class SignInFailed(GatewayError):
    status, type, code = 401, "authentication_error", "sign_in_failed"


class SignInNotCompleted(GatewayError):
    """What came back from the sign-in provider cannot be relied on: begin again."""

    status, type, code = 401, "authentication_error", "sign_in_not_completed"


class UnknownIdentity(GatewayError):
    """The provider knows whoever this is, and no account here is theirs, or it is disabled."""

    status, type, code = 401, "authentication_error", "sign_in_unknown"


class Forbidden(GatewayError):
    status, type, code = 403, "permission_error", "forbidden"


class InsufficientScope(Forbidden):
    code = "insufficient_scope"


class SeparationOfDuties(Forbidden):
    """Somebody else must do this: the role does not include it, or it takes a second person."""

    code = "separation_of_duties"


class CsrfFailed(Forbidden):
    code = "csrf_failed"


class LinkInvalid(Forbidden):
    code = "link_expired"


class NotFound(GatewayError):
    status, type, code = 404, "invalid_request_error", "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(GatewayError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class SlowRequest(GatewayError):
    status, type, code = 408, "invalid_request_error", "request_timeout"


class Conflict(GatewayError):
    status, type, code = 409, "invalid_request_error", "conflict"


class CaseTaken(Conflict):
    """Somebody else holds the case at the moment."""

    code = "case_taken"


class LeaseLost(Conflict):
    """The case went back to the queue before the decision came. Nothing was changed."""

    code = "lease_lost"


class AlreadyDecided(Conflict):
    """The case was decided before, by somebody else or otherwise."""

    code = "already_decided"


class NotAppealable(Conflict):
    """This decision cannot be appealed, or not any more: why stands under x_gateway."""

    code = "not_appealable"


class ImageWithdrawn(GatewayError):
    status, type, code = 410, "invalid_request_error", "image_withdrawn"


class PreconditionFailed(GatewayError):
    status, type, code = 412, "invalid_request_error", "precondition_failed"


class RequestTooLarge(GatewayError):
    status, type, code = 413, "invalid_request_error", "request_too_large"


class UnsupportedMediaType(GatewayError):
    status, type, code = 415, "invalid_request_error", "unsupported_media_type"


class RateLimited(GatewayError):
    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class PauseNeeded(GatewayError):
    """Somebody at the review desk has seen as much as they should before a pause."""

    status, type, code = 429, "rate_limit_error", "pause_needed"


class HeadTooLarge(GatewayError):
    status, type, code = 431, "invalid_request_error", "request_header_fields_too_large"


class ServerTrouble(GatewayError):
    status = 503


class InternalError(ServerTrouble):
    status, code = 500, "internal_error"


class IntegrityError(ServerTrouble):
    status, code = 500, "integrity_error"


class ClassifierUnavailable(ServerTrouble):
    code = "classifier_unavailable"


class GeneratorUnavailable(ServerTrouble):
    code = "generation_failed"


class Overloaded(ServerTrouble):
    code = "overloaded"


class Draining(ServerTrouble):
    code = "draining"


class ProviderUnavailable(ServerTrouble):
    """The sign-in provider cannot be reached, or gives no sense."""

    code = "sign_in_provider_unavailable"


class DatabaseUnavailable(ServerTrouble):
    code = "database_unavailable"


class StorageFull(ServerTrouble):
    status, code = 507, "storage_full"
