"""Latent points for TensorBoard's projector, which turns and folds them before one's eyes."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from lpc_scratch.backend import Array
from lpc_scratch.inference import latent_and_logits
from lpc_scratch.tensor_file import write_atomically
from lpc_scratch.trainer import Trainer

_MOST_POINTS = 1000
_LARGEST_SHEET = 8192  # pixels along a side: browsers take no larger one


def write_projector(folder: Path, trainer: Trainer, names: Mapping[int, str]) -> None:
    """Write the latent points of up to 1000 test samples, with their classes and images.

    The samples are at even distances in the test set. Images are shown where they are grey.

    Parameters
    ----------
    folder : Path
        Where TensorBoard finds the run; it gets `projector_config.pbtxt`, which names files in
        its subfolder `projector`.
    trainer : Trainer
        Its networks and its data.
    names : mapping of int to str
        Position and name of every network to be shown; the name of a single one is empty.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    dataset, network = trainer.dataset, trainer.network
    count = min(_MOST_POINTS, len(dataset.x_test))
    chosen = np.linspace(0, len(dataset.x_test) - 1, count).astype(int)
    latent, _ = latent_and_logits(network, dataset.x_test[chosen])
    latents = trainer.backend.to_host(latent).reshape(-1, count, network.latent_dim)

    files = folder / "projector"
    files.mkdir(exist_ok=True)
    class_names = [" ".join(name.split()) for name in dataset.class_names]  # a line, one column
    classes = "".join(f"{class_names[label]}\n" for label in dataset.y_test[chosen])
    write_atomically(files / "classes.tsv", classes.encode())
    about = 'metadata_path: "projector/classes.tsv"'
    if len(dataset.image_shape) == 2:
        sheet, side = _tile(dataset.x_test[chosen].reshape(count, *dataset.image_shape))
        if len(sheet) <= _LARGEST_SHEET:
            write_atomically(files / "images.png", _as_png(sheet))
            size = f"single_image_dim: {side} single_image_dim: {side}"
            about += f' sprite {{ image_path: "projector/images.png" {size} }}'
    embeddings = []
    for member, name in names.items():
        file = f"projector/latent-{name}.tsv" if name else "projector/latent.tsv"
        write_atomically(folder / file, _as_tsv(latents[member]))
        tensor = f"latent/{name}" if name else "latent"
        embeddings.append(
            f'embeddings {{ tensor_name: "{tensor}" tensor_path: "{file}" {about} }}\n'
        )
    write_atomically(folder / "projector_config.pbtxt", "".join(embeddings).encode())


def _as_tsv(matrix: Array) -> bytes:
    """Return a matrix as lines of numbers with tabs between them."""
    text = io.BytesIO()
    np.savetxt(text, matrix, fmt="%.6g", delimiter="\t")
    return text.getvalue()


def _as_png(image: Array) -> bytes:
    """Return a grey image (height, width), darkest to brightest, as a PNG file."""
    file = io.BytesIO()
    imsave(file, image, cmap="gray", format="png")
    return file.getvalue()


def _tile(images: Array) -> tuple[Array, int]:
    """Return images (n, height, width) on one square sheet, row by row, and a tile's side."""
    count, height, width = images.shape
    side, across = max(height, width), int(np.ceil(np.sqrt(count)))
    tiles = np.full((across**2, side, side), images.min(), images.dtype)
    tiles[:count, :height, :width] = images
    rows = tiles.reshape(across, across, side, side).swapaxes(1, 2)
    return rows.reshape(across * side, across * side), side
