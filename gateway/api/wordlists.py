"""/api/v1/wordlists: the word lists that operators add, for keys with the scopes lists:read and lists:write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import yaml
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import JSON, parse_object, read_body, read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.errors import ClassifierUnavailable, InvalidValue
from gateway.prompts import checked_prompt
from gateway.store.wordlists import Change
from gateway.wordlists import as_version, facts_of, refusal, told
from policies.verdict import Action
from policies.wordlists import WordlistInvalid
from safety.checks.blocklist import Blocklist
from safety.operator_lists import MAX_BYTES, OperatorList, read_operator_list

router = APIRouter()

PATH = "/api/v1/wordlists"
ACCEPTED = ("application/yaml", JSON, "application/x-yaml", "text/yaml", "text/x-yaml")
MAX_PROMPTS = 100


class CheckBody(BaseModel):
    """A list, as YAML text or as an object, and prompts to judge with and without it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    list: str | dict[str, Any]
    prompts: Annotated[tuple[str, ...], Field(max_length=MAX_PROMPTS, strict=False)] = ()


@router.get(PATH)
async def read_lists(house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Every list in force, where it comes from, and what is refused."""
    caller.require("lists:read")
    return house.lists.described() | {"in_force": _in_force(house)}


@router.post(f"{PATH}/check")
async def check_list(request: Request, house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """What a list would do. Nothing is stored, nothing is recorded."""
    caller.require("lists:write")
    house.rate.take(caller)
    parsed = await read_json(request, 2 * MAX_BYTES, house.settings.head_seconds)
    body = validated(CheckBody, parsed)
    prompts = [checked_prompt(prompt, house.settings.max_prompt_chars, "prompts") for prompt in body.prompts]
    text = body.list if isinstance(body.list, str) else as_yaml(body.list)
    try:
        (own,), blocklist = await house.lists.alone(lambda: house.lists.candidates({Path("list"): text}))
    except WordlistInvalid as invalid:
        return {"ok": False, "problems": told(invalid.problems)}
    before, after = await _actions(house, prompts), await _actions(house, prompts, blocklist)
    pairs = list(enumerate(zip(before, after, strict=True)))
    return {
        "ok": True,
        "problems": [],
        **facts_of(own.wordlist),
        "newly_refused": [index for index, (was, is_now) in pairs if is_now.refuses and not was.refuses],
        "no_longer_refused": [index for index, (was, is_now) in pairs if was.refuses and not is_now.refuses],
        "changed": [
            {"prompt": index, "before": was, "after": is_now} for index, (was, is_now) in pairs if was != is_now
        ],
    }


async def _actions(house: House, prompts: list[str], instead: Blocklist | None = None) -> list[Action]:
    """What would become of each prompt. Raises ClassifierUnavailable when one cannot be judged."""
    policy = house.policy_in_force.policy
    actions = [await house.judge.canary(prompt, policy, instead) for prompt in prompts]
    judged = [action for action in actions if action is not None]
    if len(judged) < len(actions):
        raise ClassifierUnavailable("A prompt could not be judged.", retry_after_s=5)
    return judged


@router.get(f"{PATH}/{{name}}")
async def read_list(name: str, house: TheHouse, caller: TheCaller, version: int | None = None) -> Response:
    """One list: its text, and who made which version when. version: an older one."""
    caller.require("lists:read")
    shown = await to_thread.run_sync(house.lists.shown, name, version)
    return JSONResponse(shown, headers=_etag(shown) if version is None else {})


@router.put(f"{PATH}/{{name}}")
async def put_list(name: str, request: Request, house: TheHouse, caller: TheCaller) -> Response:
    """Store a list and put it in force. It judges every request that begins after the answer, in this process."""
    caller.require("lists:write")
    house.rate.take(caller)
    text = await _text(request, house)
    expected = _expected(request)
    with _told():
        own = await house.lists.alone(lambda: _named(name, text))
        change = Change(name, own.text, caller.kind, caller.id, expected)
        stored = await house.lists.alone(lambda: house.lists.change(change))
    answer = as_version(stored) | facts_of(own.wordlist) | {"in_force": _in_force(house)}
    return JSONResponse(answer, headers=_etag(answer))


@router.delete(f"{PATH}/{{name}}")
async def delete_list(name: str, request: Request, house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Take a stored list out of force. Its versions stay readable, and restorable."""
    caller.require("lists:write")
    house.rate.take(caller)
    change = Change(name, None, caller.kind, caller.id, _expected(request))
    with _told():
        stored = await house.lists.alone(lambda: house.lists.change(change))
    return as_version(stored) | {"in_force": _in_force(house)}


async def _text(request: Request, house: House) -> str:
    """The list as YAML."""
    kind, content = await read_body(request, ACCEPTED, MAX_BYTES, house.settings.head_seconds)
    if kind == JSON:
        return as_yaml(parse_object(content))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue("The body is not UTF-8 text.") from error


def as_yaml(parsed: dict[str, Any]) -> str:
    """A list that came as JSON, as it is kept."""
    try:
        return yaml.safe_dump(parsed, allow_unicode=True, sort_keys=False, width=120)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidValue("The list cannot be written as YAML.") from error


def _named(name: str, text: str) -> OperatorList:
    own = read_operator_list(Path(name), text)
    if own.wordlist.name != name:
        raise WordlistInvalid([f"{name}:1: name: should be {name}, as in the address (found {own.wordlist.name})"])
    return own


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with a list, in the words of the error tree."""
    try:
        yield
    except WordlistInvalid as invalid:
        raise refusal(invalid.problems) from invalid


def _expected(request: Request) -> int | None:
    """The version that the list must have now: If-Match: "3" says 3, If-None-Match: * says 0, none."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    wanted = request.headers.get("if-match", "*").strip()
    if wanted == "*":
        return None
    version = wanted.strip('"')
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidValue('If-Match should be the ETag of the list, such as "3".', param="if-match")
    return int(version)


def _etag(described: dict[str, Any]) -> dict[str, str]:
    in_force = "version" in described and "removed" not in described
    return {"ETag": f'"{described["version"]}"'} if in_force else {}


def _in_force(house: House) -> str:
    """What decisions name as their blocklist from now on."""
    return house.judge.prompt_models.get("blocklist", "")
