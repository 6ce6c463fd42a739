"""python -m notebooks.film: the film and the two pictures of the first page of the web pages.

The film shows four classes with two latent coordinates, which can be drawn as they are. The
pictures show the digits, trained twice: all is the same but for the optimiser of the classifier.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lpc_scratch.backend import Array
from lpc_scratch.course import settings
from lpc_scratch.course.figures.animation import make_gif
from lpc_scratch.course.figures.latent import plot_latent_points, plot_values_and_codes
from lpc_scratch.plots import save_figures
from lpc_scratch.plots.panels import choose_epochs
from lpc_scratch.training import Recorder, load_configured_dataset, train
from lpc_scratch.training.result import Row, TrainingResult
from lpc_scratch.training.trainer import Trainer
from notebooks import FOLDER, run_command

FRAMES = 40
OPTIMIZERS = {"adam": "Adam", "sgd": "gradient descent"}


class Camera(Recorder):
    """Keeps the latent points (N, D) of all training samples at every measured epoch."""

    def __init__(self) -> None:
        self.latents: list[Array] = []

    def save(
        self, trainer: Trainer, result: TrainingResult, new_rows: list[Row]
    ) -> None:
        """Keep the points of a measured epoch."""
        self.latents.append(trainer.network.embed(trainer.dataset.x_train))


def make_film() -> bytes:
    """Train four classes on a plane and return the GIF of it, a frame for each chosen epoch."""
    config, camera = settings("gaussians"), Camera()
    dataset = load_configured_dataset(config)
    result = train(config, dataset, camera)
    epochs = result.column("epoch")
    limit = 1.05 * max(float(np.abs(latent).max()) for latent in camera.latents)

    def draw(frame: int) -> Figure:
        points, title = camera.latents[frame], f"epoch {epochs[frame]:.0f}"
        return plot_latent_points(
            points, dataset.y_train, result.class_names, title, limit
        )

    return make_gif(map(draw, choose_epochs(epochs, FRAMES)))


def make_picture(optimizer: str) -> Figure:
    """Train the digits with an optimiser of the classifier and return the picture of the end."""
    config = settings("digits", classifier_optimizer=optimizer, evaluate_every=100)
    dataset, camera = load_configured_dataset(config), Camera()
    result = train(config, dataset, camera)
    title = f"Classifier trained by {OPTIMIZERS[optimizer]}"
    return plot_values_and_codes(
        camera.latents[-1], dataset.y_train, result.class_names, title
    )


def main(output: Path = FOLDER.parent / "docs") -> int:
    """Make the film and the two pictures of the first page.

    Parameters
    ----------
    output : Path
        Folder for them: points-meet.gif, classifier-adam.png and classifier-sgd.png.

    Returns
    -------
    int
        0.
    """
    save_figures(
        {f"classifier-{name}": make_picture(name) for name in OPTIMIZERS}, output
    )
    (output / "points-meet.gif").write_bytes(make_film())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.film"))
