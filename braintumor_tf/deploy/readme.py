"""The README of an exported folder: what it is, and ten lines that run it."""

from __future__ import annotations

from braintumor_tf.models.exported.contract import (
    FEATURES,
    FORMATS,
    IMAGE,
    LITERT,
    ONNX,
    OPENVINO,
    PROBABILITIES,
    SAVED_MODEL,
    Contract,
)

FILE = "README.md"

_TEXT = """# {model}, exported as {format}

Research use only, never diagnosis. Made by {made_by} from the run `{run}`.

```
braintumor-tf predict . slice.png
```

{works} Without this package, these lines name the class of one picture:

```python
{lines}
```

{crop}The gate, the temperature and the conformal sets are not in these lines; `predict` applies them.

`contract.json` says what the model takes and answers, what it scored, and how near it is to the run. Of {images} test
images, {changed} are answered otherwise; probabilities differ by {largest:.1g} at most. `MODEL_CARD.md` says what the
scores are worth.

`manifest.csv` and `predictions.csv` name the files of the images. Only `evaluate` and `compare` need them. Leave them
out of what you give away.
"""

_CROP = 'The run cuts pictures down to the head first (`braintumor_tf.read_image(path, crop="head")`); do so too. '

_READ = """import json
import numpy as np
from PIL import Image
{imports}
contract = json.load(open("contract.json"))
height, width = contract["input"]["image_size"]
picture = Image.open("slice.png").convert("{mode}").resize((width, height), Image.Resampling.BILINEAR)
pixels = np.asarray(picture, np.float32).reshape(1, height, width, {channels})
{run}
print(contract["classes"][probabilities.argmax()], probabilities.max())"""

_RUNS = {
    ONNX: (
        "import onnxruntime",
        'session = onnxruntime.InferenceSession("{file}")\n'
        'probabilities = session.run(["{probabilities}"], {{"{image}": pixels}})[0]',
    ),
    LITERT: (
        "from ai_edge_litert.interpreter import Interpreter",
        'runner = Interpreter("{file}").get_signature_runner()\n'
        'probabilities = runner({image}=pixels)["{probabilities}"]',
    ),
    OPENVINO: (
        "import openvino",
        'model = openvino.Core().compile_model("{file}", "CPU")\nprobabilities = model(pixels)["{probabilities}"]',
    ),
    SAVED_MODEL: (
        "import tensorflow as tf",
        'serve = tf.saved_model.load(".").signatures["serving_default"]\n'
        'probabilities = serve({image}=tf.constant(pixels))["{probabilities}"].numpy()',
    ),
}


def readme_text(contract: Contract) -> str:
    """Returns the text of the README of an exported model whose parity is measured."""
    imports, run = _RUNS[contract.format]
    names = {"file": FORMATS[contract.format], "image": IMAGE, "probabilities": PROBABILITIES, "features": FEATURES}
    lines = _READ.format(
        imports=imports,
        mode="L" if contract.channels == 1 else "RGB",
        channels=contract.channels,
        run=run.format(**names),
    )
    works = "It needs neither TensorFlow nor Keras." if contract.format != SAVED_MODEL else "It needs TensorFlow."
    return _TEXT.format(
        model=contract.model or contract.run,
        format=contract.format + (" of 8-bit integers" if contract.int8 else ""),
        made_by=contract.made_by,
        run=contract.run,
        works=works,
        lines=lines,
        crop=_CROP if contract.crop else "",
        images=contract.parity.images,
        changed=contract.parity.changed,
        largest=contract.parity.largest_difference,
    )
