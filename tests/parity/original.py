"""The original DALL-E Mini (JAX, PyPI dalle-mini 0.1.5) with random weights, as the measure of ours.

Two sets of pins run it, neither quite as released: both need a wandb that is not there and names that JAX has moved.
"""

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.parity.random_weights import Array, random_leaves


def _put_back_what_moved() -> None:
    wandb: Any = ModuleType("wandb")
    wandb.run = None
    wandb.__spec__ = ModuleSpec("wandb", None)
    sys.modules.setdefault("wandb", wandb)
    moved: dict[Any, dict[str, Any]] = {
        jnp: {"DeviceArray": jax.Array},
        jax.experimental: {"PartitionSpec": jax.sharding.PartitionSpec},
    }
    for module, names in moved.items():
        for name, value in names.items():
            if not hasattr(module, name):
                setattr(module, name, value)


_put_back_what_moved()

from dalle_mini.model import DalleBart, DalleBartConfig, text  # noqa: E402

__all__ = ["Original", "text"]


def _flat(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, child in sorted(tree.items()):
        if hasattr(child, "items"):
            yield from _flat(child, f"{path}{name}/")
        else:
            yield path + name, child


def _nested(leaves: dict[str, Array]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *parents, name = path.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = leaf
    return tree


class Original:
    """One random network. keys: of its config.json."""

    def __init__(self, keys: dict[str, Any], seed: int = 0) -> None:
        """Nothing is compiled yet."""
        self._model = DalleBart(DalleBartConfig(**keys), seed=0, dtype=jnp.float32, _do_init=False)
        shapes = {path: leaf.shape for path, leaf in _flat(self._model.params_shape_tree)}
        self.leaves = random_leaves(shapes, seed)
        self._params = _nested(self.leaves)

    def use(self, leaves: dict[str, Array]) -> None:
        """Take other weights of the same layout."""
        self.leaves, self._params = leaves, _nested(leaves)

    def save(self, folder: Path) -> None:
        """config.json and flax_model.msgpack, written by the original."""
        self._model.save_pretrained(folder, params=self._params)

    def _encoded(self, ids: Array, visible: Array) -> Any:
        return self._model.encode(jnp.asarray(ids), jnp.asarray(visible.astype(np.int32)), params=self._params)

    def encode(self, ids: Array, visible: Array) -> Array:
        """(n, length) -> states (n, length, d_model)."""
        return np.asarray(self._encoded(ids, visible).last_hidden_state)

    def logits(self, ids: Array, visible: Array, codes: Array) -> Array:
        """Teacher-forced: (n, length) codes, the start token first -> (n, length, image_vocab_size + 1)."""
        encoded = self._encoded(ids, visible)
        decoded = self._model.decode(
            jnp.asarray(codes), encoded, jnp.asarray(visible.astype(np.int32)), params=self._params
        )
        return np.asarray(decoded.logits)

    def most_likely(self, ids: Array, visible: Array, blank: Array, scale: float) -> Array:
        """Its own generate() with top_k=1: (n, image_length) codes. blank: (1, length) ids of the empty prompt."""
        drawn = self._model.generate(
            jnp.asarray(ids),
            jnp.asarray(visible.astype(np.int32)),
            params=self._params,
            top_k=1,
            min_length=self._model.config.min_length,  # else it may stop at its end token, which it never learnt to use
            condition_scale=scale,
            input_ids_uncond=jnp.repeat(jnp.asarray(blank), len(ids), axis=0),
            attention_mask_uncond=jnp.repeat(jnp.asarray((blank != 1).astype(np.int32)), len(ids), axis=0),
            prng_key=jax.random.PRNGKey(0),
        )
        return np.asarray(drawn.sequences)[:, 1:]
