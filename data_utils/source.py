"""What there is to know of a downloadable data set: `Source` and the files it consists of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Training images (N, H, W) or (N, H, W, C), their labels (N,), test images and labels; uint8."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a data set.

    Attributes
    ----------
    name : the file's name, without ``.gz`` where the mirrors serve it compressed
    content : SHA-256 of the decompressed bytes, which also recognises a copy that somebody unpacked
        or compressed again; None where nobody has published it, and then only the mirrors' ``.gz``
        file can be recognised
    packed : SHA-256 of the ``.gz`` file as the mirrors serve it; empty where they serve none
    """

    name: str
    content: str | None = None
    packed: str = ""

    @property
    def dotted(self) -> str:
        """The name that popular copies have: ``train-images.idx3-ubyte``."""
        return self.name.replace("-idx", ".idx")

    @property
    def known_as(self) -> str:
        """The name and, where copies have another, that too."""
        return self.name if self.name == self.dotted else f"{self.name} or {self.dotted}"


@dataclass(frozen=True)
class Archive:
    """A ``.tar.gz`` file that holds all files of a data set.

    Attributes
    ----------
    name : the archive's name at the mirrors
    md5 : its MD5 there, as published; what is in it is verified by SHA-256
    pickled : files of another version that is not read, because pickles can run code
    """

    name: str
    md5: str
    pickled: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """One downloadable data set.

    Attributes
    ----------
    files : the files that `parse` reads, in its order
    parse : makes the arrays of the files' contents; their paths, of the same number, are for
        messages. Raises DatasetError for what it cannot read.
    mirrors : base addresses, in the order to try them. Plain http where the host has no https: the
        hash protects the content.
    folders : paths in which copies keep this data set, within a place that may hold several
    class_names : one name for each class
    image_shape : shape of one image
    archive : what the mirrors serve; None where they serve the files one by one
    """

    files: tuple[SourceFile, ...]
    parse: Callable[[Sequence[bytes], Sequence[Path]], Parts]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    archive: Archive | None = None

    @property
    def served(self) -> dict[str, str]:
        """Names of what the mirrors serve, each with its hash in pooch's notation."""
        if self.archive:
            return {self.archive.name: f"md5:{self.archive.md5}"}
        return {f"{file.name}.gz": f"sha256:{file.packed}" for file in self.files}
