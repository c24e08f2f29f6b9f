"""Averages two classifiers that share a start: steadier on prompts unlike the training rows than either.

python -m safety.training.average_weights FIRST SECOND --out FOLDER

Source: Wortsman et al. 2022, "Model soups".
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from policies.identity import write_manifest

WEIGHTS = "model.safetensors"


def main() -> None:
    """Copy the second folder, with the mean of both folders' weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs=2, help="model folders of one architecture and vocabulary")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    options = parser.parse_args()
    first, second = (load_file(folder / WEIGHTS) for folder in options.folders)
    shutil.copytree(options.folders[1], options.out)
    mean = {
        name: ((first[name].astype(np.float32) + values) / 2).astype(values.dtype) for name, values in second.items()
    }
    save_file(mean, options.out / WEIGHTS, metadata={"format": "pt"})
    write_manifest(options.out, "guard-nano")


if __name__ == "__main__":
    main()
