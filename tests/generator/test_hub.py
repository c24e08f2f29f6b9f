import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from generator.at_once import draw_at_once
from generator.contract import PictureRequest
from generator.dalle_mini.weights import load_model
from generator.hub import HubUnavailable, UnknownRelease, pull
from generator.registry import create_generator
from policies.identity import IntegrityFailure, ModelIdentity, verify_folder
from tests.generator import tiny
from tests.generator.hub_server import PINNED, Hub, serving

WEIGHTS = "flax_model.msgpack"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serving(tmp_path / "hub") as served:
        yield served


def pulled(hub: Hub, folder: Path, name: str = "dalle-mini", revision: str | None = None) -> ModelIdentity:
    return pull(name, folder, lambda *_: None, hub.address, revision, pause=0)


def files_asked(hub: Hub) -> list[str]:
    return [path for path in hub.asked if not path.startswith("/api/")]


def test_what_is_pulled_loads_tensor_for_tensor_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    identity = pulled(hub, tmp_path / "mini")
    hub.repositories.clear()
    model = load_model(tmp_path / "mini")
    assert model.identity == identity
    for name, tensor in tiny.transformer().state_dict().items():
        assert torch.equal(model.transformer.state_dict()[name], tensor), name


@pytest.mark.parametrize("name", ["dalle-mini", "dalle-mega"])
def test_what_is_pulled_draws_under_its_own_name(hub: Hub, tmp_path: Path, name: str) -> None:
    pulled(hub, tmp_path / name, name)
    generator = create_generator(name, tmp_path / name)
    assert generator.identity.name == name
    (drawn,) = draw_at_once(generator, [PictureRequest("#catmoon", 1, "256x256")])
    assert drawn.pixels.shape == (3, 256, 256)


def test_the_manifest_says_which_commits_the_files_are_from(hub: Hub, tmp_path: Path) -> None:
    pulled(hub, tmp_path / "mega", "dalle-mega")
    assert json.loads((tmp_path / "mega" / "manifest.json").read_text())["source"] == {
        "hub": hub.address,
        "dalle-mini/dalle-mega": hub.main,
        "dalle-mini/dalle-mini": hub.main,
        "dalle-mini/vqgan_imagenet_f16_16384": PINNED,
    }


def test_a_commit_can_be_named(hub: Hub, tmp_path: Path) -> None:
    pulled(hub, tmp_path / "mini", revision="b" * 40)
    assert f"/dalle-mini/dalle-mini/resolve/{'b' * 40}/{WEIGHTS}" in hub.asked


def test_a_second_pull_checks_what_is_there_and_asks_nothing(hub: Hub, tmp_path: Path) -> None:
    first = pulled(hub, tmp_path / "mini")
    hub.asked.clear()
    assert pulled(hub, tmp_path / "mini") == first
    assert hub.asked == []


def test_a_dropped_line_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    size = len(hub.repositories["dalle-mini/dalle-mini"][WEIGHTS])
    hub.cut[WEIGHTS] = size // 2 + 1
    pulled(hub, tmp_path / "mini")
    verify_folder(tmp_path / "mini")
    assert f"/dalle-mini/dalle-mini/resolve/{hub.main}/{WEIGHTS} bytes={size // 2 + 1}-" in hub.asked


def test_a_pull_that_was_cut_goes_on_later_and_at_the_commit_it_began_with(hub: Hub, tmp_path: Path) -> None:
    hub.cut[WEIGHTS] = 100
    with pytest.raises(HubUnavailable, match=r"500 of .* bytes came .*pull again to go on"):
        pulled(hub, tmp_path / "mini")
    assert not (tmp_path / "mini").exists()
    began_with, hub.main = hub.main, "c" * 40
    hub.cut.clear()
    hub.asked.clear()
    pulled(hub, tmp_path / "mini")
    assert files_asked(hub)[0] == f"/dalle-mini/dalle-mini/resolve/{began_with}/{WEIGHTS} bytes=500-"
    assert not any("/resolve/" + hub.main in path for path in hub.asked)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_another_commit_does_not_go_on_with_the_bytes_of_the_first(hub: Hub, tmp_path: Path) -> None:
    hub.cut[WEIGHTS] = 100
    with pytest.raises(HubUnavailable):
        pulled(hub, tmp_path / "mini")
    hub.cut.clear()
    hub.asked.clear()
    pulled(hub, tmp_path / "mini", revision="b" * 40)
    assert not any("bytes=" in path for path in hub.asked)


def test_a_server_without_ranges_is_read_from_the_start(hub: Hub, tmp_path: Path) -> None:
    hub.cut[WEIGHTS] = 100
    with pytest.raises(HubUnavailable):
        pulled(hub, tmp_path / "mini")
    hub.cut.clear()
    hub.knows_ranges = False
    pulled(hub, tmp_path / "mini")
    verify_folder(tmp_path / "mini")


@pytest.mark.parametrize(("path", "kind"), [(WEIGHTS, "sha256"), ("config.json", "git")])
def test_bytes_that_the_hub_did_not_promise_are_thrown_away(hub: Hub, tmp_path: Path, path: str, kind: str) -> None:
    hub.tampered.add(path)
    with pytest.raises(IntegrityFailure, match=f"{path} has {kind} .* the hub promised"):
        pulled(hub, tmp_path / "mini")
    assert not (tmp_path / "mini").exists()
    hub.tampered.clear()
    pulled(hub, tmp_path / "mini")


def test_an_unknown_commit_or_repository_is_told(hub: Hub, tmp_path: Path) -> None:
    hub.repositories.pop("dalle-mini/dalle-mega")
    with pytest.raises(HubUnavailable, match="answered 404"):
        pulled(hub, tmp_path / "mega", "dalle-mega")


def test_a_repository_without_a_file_is_told_by_name(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["dalle-mini/dalle-mini"].pop("tokenizer.json")
    with pytest.raises(HubUnavailable, match=r"has no tokenizer\.json"):
        pulled(hub, tmp_path / "mini")


def test_a_full_disk_is_told_before_anything_is_fetched(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(HubUnavailable, match=r"0\.0 GB free"):
        pulled(hub, tmp_path / "mini")
    assert files_asked(hub) == []


def test_a_hub_without_tls_is_refused_unless_it_is_this_machine(tmp_path: Path) -> None:
    with pytest.raises(HubUnavailable, match="not https"):
        pull("dalle-mini", tmp_path / "mini", lambda *_: None, "http://hub.example.org")


def test_a_hub_that_sends_away_to_an_address_without_tls_is_not_followed(hub: Hub, tmp_path: Path) -> None:
    hub.sends_away = "http://hub.example.org/flax_model.msgpack"
    with pytest.raises(HubUnavailable, match=r"hub\.example\.org.* not https"):
        pulled(hub, tmp_path / "mini")


def test_an_unreachable_hub_is_told(tmp_path: Path) -> None:
    with pytest.raises(HubUnavailable, match="gives no answer"):
        pull("dalle-mini", tmp_path / "mini", lambda *_: None, "http://127.0.0.1:9")


def test_an_unknown_name_lists_what_can_be_pulled(tmp_path: Path) -> None:
    with pytest.raises(UnknownRelease, match="dalle-mini, dalle-mega"):
        pull("dalle-giga", tmp_path / "giga", lambda *_: None)
