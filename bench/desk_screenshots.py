"""Take docs/desk-*.png: `python bench/desk_screenshots.py`. Serves by itself, with the nano models and a wary policy.

Needs Chromium (Debian's package) and the dev dependencies.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyotp
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from policies.loader import shipped_policies
from tests.houses import free_port

DOCS = Path(__file__).parent.parent / "docs"
CHROMIUM = os.environ.get("GARDEFOU_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
GARDEFOU = [sys.executable, "-c", "from gateway.cli import main; main()"]
PROMPTS = ("a firefighter and a dog", "un renard dans la nei\u200bge", "a castle on the beach")


def wary(folder: Path) -> Path:
    """The default policy, but not sure of any picture."""
    policy = yaml.safe_load(shipped_policies()["default"].read_text(encoding="utf-8"))
    policy["name"], policy["picture"]["categories"]["violence"] = (
        "wary",
        {"image_concepts": {"review": 1e-9, "block": 1}},
    )
    path = folder / "wary.yaml"
    path.write_text(yaml.safe_dump(policy, allow_unicode=True), encoding="utf-8")
    return path


def answer(data: Path, *words: str) -> str:
    """What a command of ours prints."""
    return subprocess.run([*GARDEFOU, *words, "--data", str(data)], check=True, capture_output=True, text=True).stdout


@contextmanager
def service(data: Path) -> Iterator[str]:
    """A service over a folder. Yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [*GARDEFOU, "serve", "--data", str(data), "--port", str(port)],
        env={**os.environ, "GARDEFOU_POLICY": str(wary(data)), "GARDEFOU_GATE_SECONDS": "120"},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(url):
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def answers(url: str) -> bool:
    """Whether somebody listens."""
    try:
        return httpx.get(f"{url}/livez").is_success
    except httpx.TransportError:
        return False


def sign_in(browser: Browser, url: str, secrets: dict[str, str]) -> dict[str, str]:
    """The desk's cookie."""
    page = browser.new_context(locale="en").new_page()
    page.goto(f"{url}/review/login")
    page.screenshot(path=DOCS / "desk-sign-in.png")
    for name, value in (("name", "ada"), ("password", secrets["password"]),
                        ("code", pyotp.TOTP(secrets["totp_secret"]).now())):  # fmt: skip
        page.fill(f"[name={name}]", value)
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}


def page_of(browser: Browser, url: str, cookies: dict[str, str], *, language: str, dark: bool, phone: bool) -> Page:
    """The moderator's page in a language, a colour scheme and a size."""
    context = browser.new_context(
        locale=language, color_scheme="dark" if dark else "light", viewport=PHONE if phone else WIDE
    )
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    return context.new_page()


def main() -> None:
    """The sign-in page, the queue and a case; light and dark, wide and narrow, English and French."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder)
        secrets = json.loads(answer(data, "users", "create", "ada", "--role", "senior", "--json"))
        headers = {"Authorization": f"Bearer {answer(data, 'keys', 'create').strip()}"}
        with service(data) as url:
            for prompt, count in zip(PROMPTS, (3, 6, 2), strict=True):
                body = {"prompt": prompt, "n": count}
                httpx.post(f"{url}/v1/images/generations", json=body, headers=headers, timeout=300)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            cookies = sign_in(browser, url, secrets)
            page = page_of(browser, url, cookies, language="en", dark=False, phone=False)
            page.goto(f"{url}/review")
            page.screenshot(path=DOCS / "desk-queue.png")
            page.click("#next")
            page.wait_for_url("**/cases/*")
            page.keyboard.press("j")
            page.keyboard.press("Space")
            page.wait_for_timeout(1500)
            page.screenshot(path=DOCS / "desk-case.png")
            case = page.url
            for name, address, options in (
                ("queue-dark-fr", f"{url}/review", {"language": "fr", "dark": True, "phone": False}),
                ("case-dark-fr", case, {"language": "fr", "dark": True, "phone": False}),
                ("case-phone", case, {"language": "en", "dark": False, "phone": True}),
            ):
                page = page_of(browser, url, cookies, **options)
                page.goto(address)
                page.wait_for_timeout(1000)
                page.screenshot(path=DOCS / f"desk-{name}.png")
            browser.close()


if __name__ == "__main__":
    main()
