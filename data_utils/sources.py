"""Where the downloadable data sets come from, and how their files are recognised.

Hashes are SHA-256. ``packed`` is the hash of the gzip file that the mirrors serve. ``content`` is
the hash of the decompressed bytes, which also recognises a copy that somebody unpacked or
compressed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFile:
    """One file of a data set.

    Attributes
    ----------
    name : the mirrors' file name without ``.gz``
    packed : hash of the ``.gz`` file as the mirrors serve it
    content : hash of the decompressed bytes; None where nobody has published it, and then only the
        mirrors' ``.gz`` file can be recognised
    """

    name: str
    packed: str
    content: str | None = None

    @property
    def dotted(self) -> str:
        """The name that popular copies have: ``train-images.idx3-ubyte``."""
        return self.name.replace("-idx", ".idx")


@dataclass(frozen=True)
class Source:
    """One downloadable data set.

    Attributes
    ----------
    files : training images, training labels, test images, test labels
    mirrors : base addresses, in the order to try them. Plain http where the host has no https: the
        hash protects the content.
    torchvision_folder : the folder in which torchvision keeps this data set
    class_names : one name for each class
    """

    files: tuple[SourceFile, ...]
    mirrors: tuple[str, ...]
    torchvision_folder: str
    class_names: tuple[str, ...]


def _files(
    packed: Sequence[str], content: Sequence[str | None] = (None,) * 4
) -> tuple[SourceFile, ...]:
    """Return the four files, which every set names as MNIST does, with their hashes."""
    names = (
        *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    )
    return tuple(map(SourceFile, names, packed, content))


SOURCES: dict[str, Source] = {
    "mnist": Source(
        files=_files(
            packed=(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            content=(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        torchvision_folder="MNIST",
        class_names=tuple("0123456789"),
    ),
    "fashion-mnist": Source(
        files=_files(
            packed=(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            content=(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        torchvision_folder="FashionMNIST",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "kmnist": Source(
        files=_files(
            packed=(
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ),
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        torchvision_folder="KMNIST",
        # Romanised, because matplotlib's own font cannot draw hiragana.
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
}
