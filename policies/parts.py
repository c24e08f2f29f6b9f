"""The smallest pieces that policies are written with."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from policies.signals import Category, Descriptor, Subject

Threshold = Annotated[float, Field(gt=0, le=1)]
Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)+$", max_length=80)]


class Part(BaseModel):
    """A piece of a policy: no field unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _subject(word: object) -> Subject:
    for words in (Category, Descriptor):
        if isinstance(word, str) and word in set(words):
            return words(word)
    known = ", ".join([*Category, *Descriptor])
    raise PydanticCustomError("subject", "should be one of {known}", {"known": known})


KnownSubject = Annotated[Subject, BeforeValidator(_subject)]


class Condition(Part):
    """A signal about `subject` scores at least this much; any check's, unless `source` names one."""

    subject: KnownSubject
    at_least: Threshold
    source: Source | None = None
