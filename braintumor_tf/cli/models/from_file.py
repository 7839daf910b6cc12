"""The command ``import-model``: a Keras model that was trained elsewhere as a run."""

from __future__ import annotations

import click

from braintumor_tf.cli._options import DATA_DIR, NO_LINK, json_option
from braintumor_tf.cli._output import load_dataset, print_json, say_path, say_scores


@click.command("import-model")
@click.argument("file", metavar="FILE")
@click.option("--classes", required=True, metavar="A,B,...", help="Class names in the order of the model's answers.")
@click.option(
    "--preprocess",
    required=True,
    metavar="NAME|SCALE,OFFSET",
    help="What the model wants done to pixels 0 to 255: none, a module of keras.applications such as mobilenet_v2, or "
    "a scale and an offset such as 1/255,0.",
)
@click.option("--out", required=True, metavar="RUN", help="The run's directory.")
@click.option("--image-size", type=click.IntRange(1), help="Side in pixels, for a model that does not say its own.")
@click.option("--channels", type=click.Choice(["1", "3"]), help="For a model that does not say its own.")
@click.option("--crop", type=click.Choice(["head"]), help="If the model learned from images cut down to the head.")
@click.option("--dataset", help="Score it on this data set, and check with its images what was said of the model.")
@NO_LINK
@json_option("Print one JSON object.")
@DATA_DIR
def import_model(
    file: str,
    classes: str,
    preprocess: str,
    out: str,
    image_size: int | None,
    channels: str | None,
    crop: str | None,
    dataset: str | None,
    no_link: bool,
    as_json: bool,
    data_dir: str,
) -> None:
    """Keeps the Keras model in FILE (.keras or .h5, also of Keras 2) as a run for predict, evaluate, explain, compare.

    Softmax, logits, one sigmoid unit (the probability of the second class) and nested backbones are understood. No code
    of the file is run: Lambda layers and layers of other packages are refused.

    What the model was trained on is not known, so near-duplicates of the scored images in its training data cannot be
    found. With --dataset all images are test images; if another range of the pixels or order of the classes fits them
    much better, a warning names it, and nothing is changed.

    \b
    Example: braintumor-tf import-model theirs.h5 --classes no,yes --preprocess vgg16 --out models/theirs
    Example: braintumor-tf import-model theirs.keras --classes glioma,meningioma,no_tumor,pituitary \\
               --preprocess 1/255,0 --dataset data/sartaj --out models/theirs
    """
    from braintumor_tf.models.factory import resolve_class_names
    from braintumor_tf.models.wrapped.pixel_scaling import parse_preprocess
    from braintumor_tf.models.wrapped.safety import check_file
    from braintumor_tf.runs import Run

    names = resolve_class_names([name.strip() for name in classes.split(",")])
    scaling = parse_preprocess(preprocess)
    check_file(file)
    Run(out).refuse_if_taken()  # before Keras is imported and images are read
    scan = None if dataset is None else load_dataset(dataset, link=not no_link, data_dir=data_dir)
    from braintumor_tf.experiments import import_model as keep_model
    from braintumor_tf.report import write_report

    about = {} if scan is None else {"dataset": dataset, **scan.to_config()}
    if scan is not None:
        about["unreadable"] = scan.unreadable.to_dict("records")
    how = {"image_size": image_size, "channels": channels and int(channels), "crop": crop, "config": about}
    run = keep_model(
        file, classes=names, preprocess=scaling, out=out, external=None if scan is None else scan.manifest, **how
    )
    report = None if scan is None else write_report(run)
    if as_json:
        print_json({"run": run.path, "config": run.config, "metrics": run.metrics if run.finished else None})
        return
    if report is None:
        click.echo(
            f"kept as {run.path}; it has no scores yet: evaluate {run.path} --dataset FOLDER, or import it once more "
            "with --dataset"
        )
        return
    say_scores(run.metrics, run.predictions, run.manifest, run.config)
    say_path("report", report)
