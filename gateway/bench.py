"""How long each stage of a request takes, with the models in force; how fast the gates and the generator are.

The ledger's own clock tells: what lies between two rows was spent on the stage that the second one ends. The stages of
a request add up to its whole time. While a group of pictures is judged and released, the next is already being drawn.
"""

import asyncio
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from gateway.assembly import House, build_house, build_screen, policy_path
from gateway.auth import Caller
from gateway.errors import ContentRefused
from gateway.generation import Asked
from gateway.settings import Settings
from gateway.store.decisions import State
from gateway.store.engine import open_engine, reading
from gateway.store.tables import DecisionRow, LedgerRow
from generator.at_once import draw_at_once
from generator.contract import GeneratedImage, PictureRequest
from generator.registry import create_generator
from generator.speed import SIZES, Spent, Worker, held_mb, peer_installed
from policies.loader import load_policy
from policies.wordlists import load_blocklists, load_wordlist
from safety.checks.blocklist import Blocklist
from safety.normalize import normalize
from safety.picture_speed import OURS as OUR_SCORING
from safety.picture_speed import measure_scoring, measure_size
from safety.pictures import use_threads
from safety.provenance.layers import Provenance
from safety.screen import Screen

PROMPTS = ("a cat", "a firefighter and a dog", "un chat sur la lune", "a red apple on the beach", "deux oiseaux")
PICTURES = 9
CALLER = Caller("terminal", "bench")
RECEIVE, PROMPT, PLACE, DRAW = "receive", "prompt gate", "place in line", "wait, draw, encode, quarantine"
PICTURE, RELEASE, END, WHOLE = "picture gate", "release", "end", "whole request"
STAGES = (RECEIVE, PROMPT, PLACE, DRAW, PICTURE, RELEASE, END)
MEMORY_UNIT = 1024  # Linux tells the peak in KiB


@dataclass(frozen=True, slots=True)
class Span:
    """When a request was asked for and when it was answered, UTC."""

    began: datetime
    ended: datetime


def measure_requests(requests: int) -> dict[str, Any]:
    """Seconds per stage of a request for nine pictures (median and worst), start-up seconds and peak memory in MB."""
    with tempfile.TemporaryDirectory() as data:
        started = time.perf_counter()
        house = build_house(Settings(data=Path(data), requests_per_minute=10_000, database_url=None))
        start_s = time.perf_counter() - started
        return {"start_s": start_s, **measure(house, requests)}


def measure(house: House, requests: int) -> dict[str, Any]:
    """The same of a house over an empty database, after one request that warms caches up."""
    spans, worker_bytes = asyncio.run(_run(house, requests + 1))
    spans = spans[1:]
    walks = _walks(house, spans)
    stages = {name: _summary([walk[name] for walk in walks]) for name in STAGES}
    whole = _summary([(span.ended - span.began).total_seconds() for span in spans])
    return {
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEMORY_UNIT,
        "worker_mb": worker_bytes / (1 << 20),
        "requests": requests,
        "pictures": PICTURES,
        "stages": stages | {WHOLE: whole},
    }


async def _run(house: House, requests: int) -> tuple[list[Span], int]:
    """When each request ran, and what the worker holds after them."""
    spans = []
    async with house:
        for i in range(requests):
            prompt, model = PROMPTS[i % len(PROMPTS)], house.generator.identity.name
            began = datetime.now(UTC)
            with suppress(ContentRefused):  # the gate keeps all of them back: that counts, and takes as long
                await house.pipeline.run(Asked(prompt, PICTURES, house.generator.sizes[0], model, "bench"), CALLER)
            spans.append(Span(began, datetime.now(UTC)))
        return spans, house.worker.memory_bytes if house.worker else 0


def _walks(house: House, spans: list[Span]) -> list[dict[str, float]]:
    """Seconds per stage of each request."""
    engine = open_engine(house.settings.database)
    with reading(engine) as session:
        rows = session.exec(select(LedgerRow).order_by(col(LedgerRow.seq))).all()
        kinds = {row.id: row.stage for row in session.exec(select(DecisionRow))}
    engine.dispose()
    marks = [(datetime.fromisoformat(row.at), _stage(row, kinds)) for row in rows]
    return [_seconds([mark for mark in marks if span.began <= mark[0] <= span.ended], span) for span in spans]


def _stage(row: LedgerRow, decision_kinds: dict[str, str]) -> str:
    """The stage that a row of the ledger ends."""
    state = json.loads(row.facts).get("state")
    if row.kind == "decided":
        return PROMPT if decision_kinds[row.subject] == "prompt" else PICTURE
    if row.kind == "moved" and row.subject.startswith("img_"):
        return RELEASE if state == State.RELEASED else PICTURE
    if row.kind == "moved":
        return PLACE if state in (State.PROMPT_JUDGED, State.GENERATING) else END
    return DRAW if row.kind == "picture" else RECEIVE


def _seconds(marks: list[tuple[datetime, str]], span: Span) -> dict[str, float]:
    seconds = dict.fromkeys(STAGES, 0.0)
    before = span.began
    for at, stage in [*marks, (span.ended, END)]:
        seconds[stage] += (at - before).total_seconds()
        before = at
    return seconds


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "worst": max(seconds)}


def table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'seconds':32}{'median':>10}{'worst':>10}"]
    lines += [f"{name:32}{row['median']:10.3f}{row['worst']:10.3f}" for name, row in measured["stages"].items()]
    lines.append(
        f"{measured['requests']} requests of {measured['pictures']} pictures, one after the other; "
        f"start {measured['start_s']:.1f} s, peak memory {measured['peak_mb']:.0f} MB, "
        f"the worker {measured['worker_mb']:.0f} MB"
    )
    return "\n".join(lines)


# --- the prompt gate ----------------------------------------------------------------------------------------------

TERMS = 100_000
PROMPT_LENGTH = 126  # characters
SHORT = 400  # characters: as long as nearly all prompts are, and what one window of the classifier holds
PLANTED_EVERY = 10
HOSTILE_LENGTH = 20_000
MARKS = 100_000
MICRO, MILLI = 1e6, 1e3
SEED = 20_261
PEER_WITH_FEW, FEW_TERMS, FEW_PROMPTS = "better_profanity", 1000, 2  # it takes a second a prompt with more

WORDS = (
    "a I an at by in of on the and sky sun two oil with boat tree rain gold blue soft cat, dawn, light, house river "
    "horse woman young smile storm garden forest, castle harbour evening children standing portrait painting detailed "
    "landscape mountains, sunflowers cinematic, watercolour photograph lighthouse impressionist"
)
FRENCH_WORDS = (
    "un une le la les du des de sur dans avec sous au bois mer ciel chat bateau forêt, montagne lumière château "
    "fenêtre été, rivière enfants tableau aquarelle détaillée, à l'aube portrait d'une boulangère"
)
CONSONANTS = "bcdfgjklmnpqrstvwxz"


def _combined(first: str, second: str) -> tuple[str, ...]:
    return tuple(map("".join, product(first, second)))


# Script -> its syllables, how many a word has, and the share of the terms.
SCRIPTS: dict[str, tuple[tuple[str, ...], tuple[int, ...], float]] = {
    "Latin": (_combined(CONSONANTS, "aeiouy"), (3, 4, 5), 0.55),
    "Cyrillic": (_combined("бвгджзклмнпрст", "аеиоуыя"), (3, 4), 0.12),
    "Arabic": (_combined("بتثجحخدذرزسشصضطظعغفقكلمنه", "اوي"), (2, 3), 0.1),
    "Devanagari": (_combined("कखगघचछजझटडतथदधनपफबभमयरलवशसह", "ािुेो"), (2, 3), 0.09),
    "Han": (tuple(map(chr, range(0x4E00, 0x5E00))), (2, 3, 4), 0.07),
    "Hangul": (tuple(map(chr, range(0xAC00, 0xD700, 3))), (2, 3), 0.07),
}
DISGUISES: dict[str, Callable[[str], str]] = {
    "leetspeak": lambda word: word.translate(str.maketrans("aeiost", "431057")),
    "look-alikes": lambda word: word.translate(str.maketrans("aeopcx", "аеорсх")),
    "fullwidth": lambda word: "".join(chr(ord(char) + 0xFEE0) for char in word),
    "accents": lambda word: "".join(f"{char}\u0301" for char in word),
    "invisible": "\u200b".join,
    "spaces": " ".join,
    "dots": ".".join,
    "weights": lambda word: f"({word}:1.3)",
    "stretched": lambda word: "".join(3 * char for char in word),
    "entities": lambda word: "".join(f"&#{ord(char)};" for char in word),
}
HOSTILE = {
    "letters": "a", "leetspeak": "n4", "signs": "a!", "dots": "a.", "spaced letters": "a ", "tags": "\U000e0061",
    "letters and tags": "a\U000e0061", "terms": "naked child ", "dotted terms": "n.a.k.e.d ", "names": "Joe Biden ",
    "nested entities": "amp;", "percents": "%25", "brackets": "(", "weights": "(a:1.0)", "overrides": "\u202ea",
    "scripts": "aа", "stretched": "aaab", "flags": "\U0001f1e6", "invisible": "a\u200b", "emoji": "🔥a",
    "newlines": "na\nked\n", "base64": "bmFrZWQg", "mixed": "aB3$ .-",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds per prompt: of the clock for each prompt (median of the rounds), of the processor for each round."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]


def measure_prompts(terms: int = TERMS, prompts: int = 200, rounds: int = 7) -> dict[str, Any]:
    """How fast the prompt gate is, and its peers in the same run: microseconds, milliseconds and ratios."""
    listed = synthetic_terms(terms)
    blocklist, start = _built(listed)
    plain, disguised = ascii_prompts(prompts, listed), evasive_prompts(prompts, listed)
    ready = [normalize(prompt) for prompt in plain]
    peers = {name: make for name, make in PEERS.items() if find_spec(name)}
    runs: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        OURS: (lambda prompt: blocklist.check([normalize(prompt)]), plain),
        OURS_MIXED: (lambda prompt: blocklist.check([normalize(prompt)]), disguised),
        OURS_MATCHING: (lambda prompt: blocklist.check([prompt]), ready),
        **{name: make(listed, plain) for name, make in peers.items()},
    }
    times = {name: _micro(measured) for name, measured in _interleaved(runs, rounds).items()}
    return {
        "terms": terms,
        "start": start,
        "engines": times,
        "peers": {name: _against(times, name) if name in peers else None for name in PEERS},
        "hostile_ms": _hostile(rounds=3),
        "stages_ms": _both_stages(varied_prompts(2 * prompts)),
    }


OURS, OURS_MIXED = "normalise + blocklist, ASCII", "normalise + blocklist, evasive mix"
OURS_MATCHING = "blocklist alone, ASCII"


def synthetic_terms(count: int) -> list[str]:
    """Made-up words in several scripts, each once; a quarter are phrases of two or three."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    scripts, shares = list(SCRIPTS.values()), [share for *_, share in SCRIPTS.values()]
    terms: dict[str, None] = {}
    while len(terms) < count:
        syllables, lengths, _ = chance.choices(scripts, shares)[0]
        words = chance.choice((1, 1, 1, 1, 1, 1, 2, 3))
        made = ("".join(chance.choices(syllables, k=chance.choice(lengths))) for _ in range(words))
        terms[" ".join(made)] = None
    return list(terms)


def ascii_prompts(count: int, terms: Sequence[str]) -> list[str]:
    """Everyday prompts of PROMPT_LENGTH characters, one in ten with a listed term."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    latin = [term for term in terms if term.isascii()]
    planted = (f"{chance.choice(latin)} " if number % PLANTED_EVERY == 0 else "" for number in range(count))
    return [term + _sentence(chance, PROMPT_LENGTH - len(term)) for term in planted]


def evasive_prompts(count: int, terms: Sequence[str]) -> list[str]:
    """The same prompts, most of them with a word disguised."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    return [_with_one_word(chance, prompt, openly=4) for prompt in ascii_prompts(count, terms)]


def varied_prompts(count: int) -> list[str]:
    """Short and long, plain and disguised, English and French, as a gate meets them."""
    chance = random.Random(SEED)  # noqa: S311  no secret
    made = []
    for number in range(count):
        length = min(900, max(12, round(chance.lognormvariate(4.4, 0.8))))
        prompt = (
            _sentence(chance, length)
            if number % 3
            else " ".join(chance.choices(FRENCH_WORDS.split(), k=1 + length // 6))
        )
        made.append(_with_one_word(chance, prompt, openly=10))
    return made


def _sentence(chance: random.Random, length: int) -> str:
    words, room = [], length
    while room > 0:
        fitting = [word for word in WORDS.split() if len(word) == room or len(word) + 2 <= room]
        words.append(chance.choice(fitting))
        room -= len(words[-1]) + 1
    return " ".join(words)


def _with_one_word(chance: random.Random, prompt: str, openly: int) -> str:
    """A prompt with a word disguised in one of the ways; `openly` tickets in the draw leave it as it is."""
    if chance.randrange(len(DISGUISES) + openly) < openly:
        return prompt
    words = prompt.split(" ")
    hidden = chance.randrange(len(words))
    words[hidden] = chance.choice(list(DISGUISES.values()))(words[hidden])
    return " ".join(words)


def _built(terms: Sequence[str]) -> tuple[Blocklist, dict[str, float]]:
    """The blocklist of a file with these terms; the seconds that reading and building it took, and the normaliser."""
    began = time.process_time()
    first = normalize("a cat")
    normaliser = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.yaml"
        rows = "".join(f"- {term}\n" for term in terms)
        path.write_text(f"name: many\nlanguage: any\ncategory: gore\nterms:\n{rows}", encoding="utf-8")
        wall, cpu = time.perf_counter(), time.process_time()
        blocklist = Blocklist.from_lists([load_wordlist(path)])
        blocklist.check([first])
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        return blocklist, spent | {"normaliser_cpu_s": normaliser}


def _pyahocorasick(terms: Sequence[str], prompts: Sequence[str]) -> tuple[Callable[[str], object], Sequence[str]]:
    automaton: Any = import_module("ahocorasick").Automaton()
    for term in terms:
        automaton.add_word(term, term)
    automaton.make_automaton()
    return lambda prompt: list(automaton.iter(prompt)), prompts


def _better_profanity(terms: Sequence[str], prompts: Sequence[str]) -> tuple[Callable[[str], object], Sequence[str]]:
    profanity: Any = import_module("better_profanity").Profanity(terms[:FEW_TERMS])
    return profanity.contains_profanity, prompts[:FEW_PROMPTS]


PEERS = {"ahocorasick": _pyahocorasick, PEER_WITH_FEW: _better_profanity}


def _interleaved(runs: dict[str, tuple[Callable[[Any], object], Sequence[Any]]], rounds: int) -> dict[str, Times]:
    """Every engine in every round, so that what else the machine does weighs on all alike."""
    walls: dict[str, list[list[float]]] = {name: [] for name in runs}
    cpus: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (engine, prompts) in runs.items():
            began = time.thread_time()
            walls[name].append([_seconds_of(engine, prompt) for prompt in prompts])
            cpus[name].append((time.thread_time() - began) / len(prompts))
    return {
        name: Times(tuple(map(statistics.median, zip(*walls[name], strict=True))), tuple(cpus[name])) for name in runs
    }


def _seconds_of(engine: Callable[[Any], object], prompt: object) -> float:
    began = time.perf_counter()
    engine(prompt)
    return time.perf_counter() - began


def _micro(times: Times) -> dict[str, float]:
    return {"median_us": statistics.median(times.wall) * MICRO, "cpu_us": statistics.median(times.cpu) * MICRO}


def _against(times: dict[str, dict[str, float]], peer: str) -> dict[str, float]:
    """How many times longer the peer takes: than normalising and matching, and than matching as it does."""
    median = {name: row["median_us"] for name, row in times.items()}
    return {"than_both": median[peer] / median[OURS], "than_matching": median[peer] / median[OURS_MATCHING]}


def _hostile(rounds: int) -> dict[str, float]:
    """Processor milliseconds for each hostile text, by the shipped lists; the worst first."""
    blocklist = Blocklist.from_lists(load_blocklists(load_policy(policy_path(Settings().policy)).blocklists))
    texts = {name: f"a&{(unit * HOSTILE_LENGTH)[: HOSTILE_LENGTH - 2]}" for name, unit in HOSTILE.items()}
    texts["combining marks"] = "na" + MARKS * "\u0301" + "ked"
    spent = {name: min(_cpu(blocklist, text) for _ in range(rounds)) * MILLI for name, text in texts.items()}
    return dict(sorted(spent.items(), key=lambda kind: -kind[1]))


def _cpu(blocklist: Blocklist, text: str) -> float:
    began = time.process_time()
    blocklist.check([normalize(text)])
    return time.process_time() - began


def _both_stages(prompts: Sequence[str]) -> dict[str, Any]:
    """What the gate in force takes for one prompt, alone, in milliseconds: of all, and of the short ones."""
    settings = Settings()
    screen = build_screen(settings, load_policy(policy_path(settings.policy)))
    spent = {prompt: _milliseconds(screen, prompt) for prompt in prompts}
    short = {prompt: times for prompt, times in spent.items() if len(prompt) <= SHORT}
    return _percentiles(spent) | {"short": _percentiles(short)}


def _milliseconds(screen: Screen, prompt: str) -> tuple[float, float]:
    """By the clock, and of the processor."""
    began, began_cpu = time.perf_counter(), time.process_time()
    screen.prompts([prompt])
    return (time.perf_counter() - began) * MILLI, (time.process_time() - began_cpu) * MILLI


def _percentiles(spent: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    wall, cpu = zip(*spent.values(), strict=True)
    return {
        "prompts": len(spent),
        **{f"{clock}_p{part}": _percentile(times, part) for clock, times in (("wall", wall), ("cpu", cpu))
           for part in (50, 99)},
    }  # fmt: skip


def _percentile(numbers: Sequence[float], part: int) -> float:
    return sorted(numbers)[min(len(numbers) - 1, len(numbers) * part // 100)]


def prompts_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'microseconds a prompt':44}{'median':>12}{'processor':>12}"]
    lines += [f"{name:44}{row['median_us']:12.1f}{row['cpu_us']:12.1f}" for name, row in measured["engines"].items()]
    for name, row in measured["peers"].items():
        few = f" ({FEW_TERMS} of the terms, {FEW_PROMPTS} prompts)" if name == PEER_WITH_FEW else ""
        lines.append(
            f"{name}{few}: {row['than_both']:.1f} times as long as normalise + blocklist, "
            f"{row['than_matching']:.1f} times as long as the blocklist alone"
            if row
            else f"{name}: not installed"
        )
    stages, hostile = measured["stages_ms"], measured["hostile_ms"]
    worst = next(iter(hostile))
    lines += [
        f"start with {measured['terms']} terms: {measured['start']['wall_s']:.2f} s "
        f"({measured['start']['cpu_s']:.2f} s of the processor), "
        f"the normaliser's own words: {measured['start']['normaliser_cpu_s']:.2f} s of the processor",
        _stages_line("both stages", stages),
        _stages_line(f"both stages, up to {SHORT} characters", stages["short"]),
        f"worst hostile text: {worst}, {hostile[worst]:.0f} ms of the processor",
    ]
    return "\n".join(lines)


def _stages_line(name: str, times: Mapping[str, float]) -> str:
    return (
        f"{name}, {times['prompts']} prompts: p50 {times['wall_p50']:.1f} ms, p99 {times['wall_p99']:.1f} ms "
        f"(processor: {times['cpu_p50']:.1f} and {times['cpu_p99']:.1f} ms)"
    )


# --- provenance ---------------------------------------------------------------------------------------------------

SIGNED_SIZE = "256x256"
MARK, ENCODE, SIGN, ALL_THREE = "watermark", "encode PNG", "content credentials", "together"


def measure_provenance(rounds: int) -> dict[str, Any]:
    """Milliseconds that nine drawn pictures take, of the clock and of the processor: median and worst of the rounds."""
    with tempfile.TemporaryDirectory() as data:
        generator = create_generator("dalle-nano")
        requests = [PictureRequest(PROMPTS[i % len(PROMPTS)], i, SIGNED_SIZE) for i in range(PICTURES)]
        drawn = draw_at_once(generator, requests)
        provenance = Provenance(Path(data) / "keys")
        timed = [_provenance_times(provenance, drawn) for _ in range(rounds + 1)][1:]
    steps = {step: _clocks([times[step] for times in timed]) for step in (MARK, ENCODE, SIGN, ALL_THREE)}
    return {"pictures": PICTURES, "rounds": rounds, "steps_ms": steps}


def _provenance_times(provenance: Provenance, drawn: Sequence[GeneratedImage]) -> dict[str, tuple[float, float]]:
    """(milliseconds of the clock, of the processor) per step."""
    clocks = [(time.perf_counter(), time.thread_time())]
    marked = [GeneratedImage(provenance.mark(image.pixels, f"dec_{i}"), i) for i, image in enumerate(drawn)]
    clocks.append((time.perf_counter(), time.thread_time()))
    encoded = [image.encode("png", provenance.xmp) for image in marked]
    clocks.append((time.perf_counter(), time.thread_time()))
    for i, content in enumerate(encoded):
        provenance.sign(content, "png", [f"dec_{i}"], "0" * 64, "dalle-nano")
    clocks.append((time.perf_counter(), time.thread_time()))
    pairs = {MARK: (0, 1), ENCODE: (1, 2), SIGN: (2, 3), ALL_THREE: (0, 3)}
    return {
        step: ((clocks[end][0] - clocks[start][0]) * MILLI, (clocks[end][1] - clocks[start][1]) * MILLI)
        for step, (start, end) in pairs.items()
    }


def _clocks(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = zip(*times, strict=True)
    return {"median": statistics.median(wall), "worst": max(wall), "cpu": statistics.median(cpu)}


def provenance_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'milliseconds, nine pictures of 256x256':40}{'median':>10}{'worst':>10}{'processor':>12}"]
    lines += [
        f"{name:40}{row['median']:10.1f}{row['worst']:10.1f}{row['cpu']:12.1f}"
        for name, row in measured["steps_ms"].items()
    ]
    lines.append(f"{measured['rounds']} rounds in one worker thread; the event loop takes no part")
    return "\n".join(lines)


# --- the generator ------------------------------------------------------------------------------------------------

NANO = "nano"
GENERATOR_SIZES = (NANO, *SIZES)
STEPS, POSITIONS = 256, (16, 128, 240)  # codes of a picture; those timed
OUR_SIDE, PEER_SIDE = "ours", "peer"
PARTS = ("encode", "steps", "decode", "whole")

Sides = dict[str, Spent]


def measure_generator(
    sizes: Sequence[str], pictures: Sequence[int], rounds: int, threads: int, float32: bool = False
) -> dict[str, Any]:
    """Seconds of each part of a drawing with random weights at full size, min-dalle's in turns with ours.

    float32: ours in full precision, whatever this machine could do.
    """
    keys = {size: SIZES[size] | ({"half": False} if float32 else {}) for size in sizes if size != NANO}
    return {
        "threads": threads,
        "rounds": rounds,
        "float32": float32,
        "peer_installed": peer_installed(),
        "sizes": {
            size: _parts(keys[size], pictures, rounds, threads)
            if size in keys
            else _whole_drawings(pictures, rounds, threads)
            for size in sizes
        },
    }


def _whole_drawings(pictures: Sequence[int], rounds: int, threads: int) -> dict[str, Any]:
    with Worker(NANO, {}, threads) as worker:
        drawn = {count: _in_turns({OUR_SIDE: worker}, rounds, "draw", count) for count in pictures}
        rows = {count: {"whole": _row(sides)} for count, sides in drawn.items()}
        return {"pictures": rows, "peak_mb": {OUR_SIDE: worker.peak_mb}}


def _parts(keys: dict[str, Any], pictures: Sequence[int], rounds: int, threads: int) -> dict[str, Any]:
    with ExitStack() as stack:
        names = (OUR_SIDE, PEER_SIDE) if peer_installed() else (OUR_SIDE,)
        workers = {name: stack.enter_context(Worker(name, keys, threads)) for name in names}
        encode = _in_turns(workers, rounds, "encode")
        decode = _in_turns(workers, rounds, "decode")
        steps = {count: _steps(workers, rounds, count) for count in pictures}
        peaks = {name: worker.peak_mb for name, worker in workers.items()}
        twice = {count: _steps({OUR_SIDE: workers[OUR_SIDE]}, rounds, 2 * count) for count in pictures}
    return {
        "pictures": {count: _drawing(encode, steps[count], decode, count) for count in pictures},
        "second_request_s": {count: _second(steps[count][OUR_SIDE], twice[count][OUR_SIDE]) for count in pictures},
        "held_mb": {count: held_mb(keys, count) for count in pictures},
        "peak_mb": peaks,
    }


def _in_turns(workers: dict[str, Worker], rounds: int, part: str, *arguments: int) -> Sides:
    """The median of the rounds; every side in every round."""
    spent = [{name: worker.time(part, *arguments) for name, worker in workers.items()} for _ in range(rounds)]
    return {name: _each(statistics.median, [row[name] for row in spent]) for name in workers}


def _steps(workers: dict[str, Worker], rounds: int, pictures: int) -> Sides:
    """All steps of a drawing, from those timed."""
    timed = [_in_turns(workers, rounds, "step", pictures, position) for position in POSITIONS]
    return {name: _times(_each(statistics.mean, [sides[name] for sides in timed]), STEPS) for name in workers}


def _drawing(encode: Sides, steps: Sides, decode: Sides, pictures: int) -> dict[str, Any]:
    decoded = {name: _times(spent, pictures) for name, spent in decode.items()}
    whole = {name: _each(sum, [encode[name], steps[name], decoded[name]]) for name in steps}
    return {part: _row(sides) for part, sides in zip(PARTS, (encode, steps, decoded, whole), strict=True)}


def _second(steps: Spent, twice: Spent) -> dict[str, float]:
    """When a second request's codes are all there that comes half-way through another's, by the processor."""
    return {"side_by_side": (twice.cpu + steps.cpu) / 2, "one_after_the_other": 1.5 * steps.cpu}


def _each(combine: Callable[[list[float]], float], spent: Sequence[Spent]) -> Spent:
    return Spent(combine([one.wall for one in spent]), combine([one.cpu for one in spent]))


def _times(spent: Spent, count: int) -> Spent:
    return Spent(spent.wall * count, spent.cpu * count)


def _row(sides: Sides) -> dict[str, float]:
    row = {f"{name}_{clock}_s": getattr(spent, clock) for name, spent in sides.items() for clock in ("wall", "cpu")}
    if PEER_SIDE not in sides:
        return row
    ours, peer = sides[OUR_SIDE], sides[PEER_SIDE]
    return row | {"ratio_wall": peer.wall / ours.wall, "ratio_cpu": peer.cpu / ours.cpu}


def generator_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    columns = ("ours_wall_s", "peer_wall_s", "ratio_wall", "ours_cpu_s", "peer_cpu_s", "ratio_cpu")
    heads = ("ours", "min-dalle", "ratio", "ours cpu", "peer cpu", "ratio")
    lines = [f"{'seconds':28}" + "".join(f"{head:>11}" for head in heads)]
    for size, found in measured["sizes"].items():
        for count, parts in found["pictures"].items():
            for part, row in parts.items():
                cells = (f"{row[column]:11.2f}" if column in row else f"{'-':>11}" for column in columns)
                lines.append(f"{f'{size}, {count} pictures, {part}':28}" + "".join(cells))
        lines += _remarks(size, found)
    lines += [
        f"{measured['threads']} threads a side, median of {measured['rounds']} rounds in turns"
        + (", ours in float32" if measured["float32"] else ""),
        f"{NANO}: whole drawings; others: random weights, steps {', '.join(map(str, POSITIONS))} of {STEPS} and one "
        "decoding timed, the rest reckoned from them",
    ]
    if not measured["peer_installed"]:
        lines.append("min-dalle: not installed")
    return "\n".join(lines)


def line_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'seconds from asking to the last picture':44}{'mean':>8}{'longest':>9}"]
    for name, told in (("board", "side by side on one board"), ("groups", "in closed groups")):
        lines.append(f"{told:44}{measured['mean_s'][name]:8.2f}{measured['longest_s'][name]:9.2f}")
    return "\n".join(
        [
            *lines,
            f"closed groups wait {measured['ratio_mean']:.2f} times as long on average",
            f"dalle-nano, {measured['requests']} requests for {measured['pictures']} pictures, "
            f"{measured['apart_s']:.2f} s apart (one alone takes {measured['alone_s']:.2f} s), "
            f"median of {measured['rounds']} rounds in turns",
        ]
    )


def _peaks(size: str, found: dict[str, Any]) -> str:
    peaks = found["peak_mb"]
    peer = f", min-dalle's {peaks[PEER_SIDE]:.0f} MB" if PEER_SIDE in peaks else ""
    return f"{size}: peak memory of the process {peaks[OUR_SIDE]:.0f} MB{peer}"


def _remarks(size: str, found: dict[str, Any]) -> list[str]:
    if size == NANO:
        return [_peaks(size, found)]
    seconds = [
        f"{size}, {count} pictures: a second such request half-way has its codes after {second['side_by_side']:.1f} s "
        f"of the processor side by side, {second['one_after_the_other']:.1f} s when it waits"
        for count, second in found["second_request_s"].items()
    ]
    held = [
        f"{size}, {count} pictures: weights, keys and values take {held['ours']:.0f} MB, min-dalle's {held['peer']:.0f}"
        for count, held in found["held_mb"].items()
    ]
    return [*seconds, *held, _peaks(size, found)]


# --- the picture gate ---------------------------------------------------------------------------------------------

DRAWN_BY = "mini"
RANDOM = "models beside clip-nano have random weights"


def measure_pictures(architectures: Sequence[str], rounds: int, threads: int, drawing: bool) -> dict[str, Any]:
    """Seconds for nine pictures: scored, sent through a loop over files, and drawn by DALL-E Mini in the same run."""
    use_threads(threads)
    scoring = measure_scoring(rounds)
    ours = scoring[OUR_SCORING]
    drawn = _drawn_s(threads) if drawing else None
    return {
        "rounds": rounds,
        "threads": threads,
        "scoring": {
            name: asdict(spent) | {"ratio_wall": spent.wall_s / ours.wall_s, "ratio_cpu": spent.cpu_s / ours.cpu_s}
            for name, spent in scoring.items()
        },
        "drawn_wall_s": drawn,
        "share_of_drawing": ours.wall_s / drawn if drawn else None,
        "architectures": {name: asdict(measure_size(name, rounds)) for name in architectures},
    }


def _drawn_s(threads: int) -> float:
    parts = measure_generator([DRAWN_BY], [PICTURES], rounds=1, threads=threads)["sizes"][DRAWN_BY]["pictures"]
    whole: float = parts[PICTURES]["whole"]["ours_wall_s"]
    return whole


def pictures_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{f'{PICTURES} pictures of 256x256, ms':48}{'clock':>10}{'processor':>12}{'times':>8}{'times':>8}"]
    lines += [
        f"{name:48}{spent['wall_s'] * MILLI:10.1f}{spent['cpu_s'] * MILLI:12.1f}"
        f"{spent['ratio_wall']:8.1f}{spent['ratio_cpu']:8.1f}"
        for name, spent in measured["scoring"].items()
    ]
    if measured["drawn_wall_s"]:
        share, name = (
            measured["share_of_drawing"],
            f"share of the {measured['drawn_wall_s']:.1f} s that dalle-mini draws",
        )
        lines.append(f"{name:48}{share:10.2%}")
    for name, size in measured["architectures"].items():
        lines.append(
            f"{name}: {size['parameters'] / 1e6:.0f} M parameters, {size['weights_mb']:.0f} MB, embeddings "
            f"{' x '.join(map(str, size['embedding']))}, {size['seconds']['wall_s']:.1f} s for {PICTURES} pictures, "
            f"{size['seconds']['cpu_s']:.1f} s of the processor, peak {size['peak_mb']:.0f} MB"
        )
    lines.append(
        f"{measured['threads']} threads, median of {measured['rounds']} rounds in turns; large models: random weights"
    )
    return "\n".join(lines)
