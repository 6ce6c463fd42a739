"""Where the downloadable data sets come from, and how their files are recognised."""

from collections.abc import Sequence
from functools import partial

from data_utils.cifar import parse_rows
from data_utils.idx import parse_set
from data_utils.source import Archive, Source, SourceFile


def _like_mnist(
    packed: Sequence[str],
    content: Sequence[str | None] = (None,) * 4,
    *,
    mirrors: tuple[str, ...],
    torchvision_folder: str,
    class_names: tuple[str, ...],
) -> Source:
    """Return a set of four IDX files, which are named as MNIST's are, with their hashes."""
    names = (
        *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    )
    return Source(
        files=tuple(map(SourceFile, names, content, packed)),
        parse=parse_set,
        mirrors=mirrors,
        folders=(f"{torchvision_folder}/raw",),
        class_names=class_names,
        image_shape=(28, 28),
    )


def _cifar(
    name: str,
    folder: str,
    files: dict[str, str],
    md5: str,
    class_names: str,
    *,
    labels: int,
    pickled: str,
) -> Source:
    """Return CIFAR-10 or CIFAR-100: `files` with their hashes, the last of them the test set.

    `labels` is the number of labels of an image, of which the last is used.
    """
    classes = tuple(class_names.split())
    return Source(
        files=tuple(SourceFile(file, content) for file, content in files.items()),
        parse=partial(parse_rows, labels=labels, classes=len(classes)),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        folders=(folder, f"{name}/{folder}"),
        class_names=classes,
        image_shape=(32, 32, 3),
        archive=Archive(
            f"{name}-binary.tar.gz",
            md5,
            (f"{name}-python.tar.gz", pickled, pickled.rpartition("/")[2]),
        ),
    )


SOURCES: dict[str, Source] = {
    "mnist": _like_mnist(
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
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        torchvision_folder="MNIST",
        class_names=tuple("0123456789"),
    ),
    "fashion-mnist": _like_mnist(
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
    "kmnist": _like_mnist(
        packed=(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        torchvision_folder="KMNIST",
        # Romanised, because matplotlib's own font cannot draw hiragana.
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "cifar-10": _cifar(
        "cifar-10",
        "cifar-10-batches-bin",
        files={
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        class_names="airplane automobile bird cat deer dog frog horse ship truck",
        labels=1,
        pickled="cifar-10-batches-py/data_batch_1",
    ),
    "cifar-100": _cifar(
        "cifar-100",
        "cifar-100-binary",
        files={
            "train.bin": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            "test.bin": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
        },
        md5="03b5dce01913d631647c71ecec9e9cb8",
        class_names="""
            apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy
            bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee
            clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
            flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
            leopard lion lizard lobster man maple_tree motorcycle mountain mouse
            mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
            plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
            seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
            sunflower sweet_pepper table tank telephone television tiger tractor train
            trout tulip turtle wardrobe whale willow_tree wolf woman worm
        """,
        labels=2,  # the coarse one first
        pickled="cifar-100-python/train",
    ),
}
