"""Data on disk and from a server on this machine: found, verified, packed; and what is wrong with it said in a line."""

import functools
import gzip
import hashlib
import http.server
import io
import pathlib
import struct
import threading

import numpy as np
import pytest
from PIL import Image

import tfgan
from tfgan import datasets
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import download
from tfgan.datasets import mnist
from tfgan.datasets import pack


def idx(images, magic=0x803, claimed=None):
    """A gzipped IDX file's bytes."""
    header = struct.pack(">IIII", magic, len(images) if claimed is None else claimed, *images.shape[1:3])
    return gzip.compress(header + images.tobytes())


@pytest.fixture
def small_mnist(monkeypatch):
    """MNIST's checksums replaced by those of two small files; their bytes by name."""
    files = {}
    for split, count in (("train", 7), ("test", 3)):
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
        files[mnist._IMAGES[split]] = idx(images)
        digest = hashlib.md5(files[mnist._IMAGES[split]]).hexdigest()
        monkeypatch.setitem(mnist._MD5["mnist"], split, digest)
    return files


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on loopback: `good/` has the files, `html/` answers 200 with a page, all else 404. Its address."""
    root = tmp_path / "www"
    (root / "good").mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/html/"):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>please log in</html>")
            else:
                super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield f"http://127.0.0.1:{httpd.server_port}", root
        httpd.shutdown()


def test_digits():
    images = datasets.load(tfgan.recipe("mlp", "digits"), pathlib.Path("nowhere"))
    assert (images.shape, images.dtype) == ((1797, 10, 10, 1), np.uint8)
    assert np.unique(images).tolist() == [round(level * 255 / 16) for level in range(17)]


def test_mnist_files_are_read_verified_and_selected(tmp_path, small_mnist):
    (tmp_path / "mnist").mkdir()
    for name, content in small_mnist.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    raw = gzip.decompress(small_mnist["train-images-idx3-ubyte.gz"])[16:]
    train = datasets.load(tfgan.recipe("dcgan28"), tmp_path)
    assert train.tobytes() == raw
    both = datasets.load(tfgan.recipe("dcgan64"), tmp_path)
    assert len(both) == 10
    part = datasets.load(tfgan.recipe("mlp").replace(subset=(2, 5)), tmp_path)
    assert (part == train[2:5]).all()


def test_mnist_directly_in_the_data_directory(tmp_path, small_mnist):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(small_mnist["train-images-idx3-ubyte.gz"])
    assert len(datasets.load(tfgan.recipe("dcgan28"), tmp_path)) == 7


def test_a_damaged_file_is_named_with_both_checksums(tmp_path, small_mnist):
    good = small_mnist["train-images-idx3-ubyte.gz"]
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(good[:-9])
    with pytest.raises(tfgan.UserError) as error:
        datasets.load(tfgan.recipe("dcgan28"), tmp_path)
    for part in ("train-images", hashlib.md5(good).hexdigest(), hashlib.md5(good[:-9]).hexdigest(), "remove it"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"short"), "5 bytes"),
        (idx(np.zeros((2, 3, 3, 1), np.uint8), magic=0x801), "0x801"),
        (idx(np.zeros((2, 3, 3, 1), np.uint8), claimed=4), "promises 36"),
        (idx(np.zeros((2, 3, 3, 1), np.uint8))[:-12], "no whole gzip"),
        (b"<html>", "no whole gzip"),
    ],
)
def test_idx_files_that_are_none(tmp_path, content, message):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(tfgan.UserError, match=message):
        mnist.read_idx(path)


def test_real_truncated_file(real_data):
    with pytest.raises(tfgan.UserError, match="no whole gzip"):
        mnist.read_idx(real_data / "damaged" / "train-images-idx3-ubyte.gz")


def test_real_mnist(real_data):
    images = datasets.load(tfgan.recipe("vanilla"), real_data)
    assert (images.shape, images.dtype) == ((55_000, 28, 28, 1), np.uint8)
    assert abs(images.mean() / 255 - 0.1307) < 0.001, "the mean of MNIST that everyone normalises by"


def test_mirrors_are_tried_in_order_until_one_serves(tmp_path, server, small_mnist, monkeypatch, capsys):
    address, root = server
    name = "train-images-idx3-ubyte.gz"
    (root / "good" / name).write_bytes(small_mnist[name])
    mirrors = tuple(f"{address}/{place}/" for place in ("absent", "html", "good"))
    monkeypatch.setitem(mnist._MIRRORS, "mnist", mirrors)
    assert len(datasets.load(tfgan.recipe("dcgan28"), tmp_path / "data")) == 7
    assert [line.split("/")[3] for line in capsys.readouterr().out.splitlines()] == ["absent", "html", "good"]
    (root / "good" / name).unlink()
    assert len(datasets.load(tfgan.recipe("dcgan28"), tmp_path / "data")) == 7, "what is there is not fetched again"


def test_without_a_network_one_line_says_what_to_put_where(tmp_path, server, small_mnist, monkeypatch):
    address, _ = server
    monkeypatch.setitem(mnist._MIRRORS, "mnist", (f"{address}/absent/", f"{address}/html/"))
    with pytest.raises(tfgan.UserError) as error:
        datasets.load(tfgan.recipe("dcgan64"), tmp_path / "data")
    message = str(error.value)
    assert "\n" not in message
    for name, content in small_mnist.items():
        assert f"{address}/absent/{name} or {address}/html/{name}" in message
        assert hashlib.md5(content).hexdigest() in message
    for part in (str(tmp_path / "data" / "mnist"), "HTTP 404", "not the file"):
        assert part in message
    assert not (tmp_path / "data").exists() or not any((tmp_path / "data").rglob("*")), "nothing half-made"


def picture(size, colour=(200, 100, 50)):
    return Image.new("RGB", size, colour)


def test_own_pictures_of_all_kinds(tmp_path, capsys):
    """Sub-folders, modes, EXIF rotation; what is damaged is left out and said; the second time nothing is read."""
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    picture((90, 70)).save(mine / "a.jpg")
    picture((70, 90)).convert("L").save(mine / "b.PNG")
    picture((80, 80)).convert("RGBA").save(mine / "sub" / "c.png")
    picture((80, 80)).convert("P").save(mine / "d.gif")
    half = Image.new("RGB", (100, 50))
    half.paste((255, 0, 0), (0, 0, 50, 50))  # left half red; turned upright, the top half is
    exif = Image.Exif()
    exif[0x0112] = 6
    half.save(mine / "e.jpg", exif=exif, quality=95)
    whole = io.BytesIO()
    picture((64, 64)).save(whole, "JPEG")
    (mine / "f.jpg").write_bytes(whole.getvalue()[:300])
    (mine / "notes.txt").write_text("no picture")
    recipe = tfgan.recipe("dcgan64", str(mine))
    images = datasets.load(recipe, tmp_path / "data")
    assert images.shape == (5, 64, 64, 3)
    assert "Left out 1 of 6" in capsys.readouterr().out
    np.testing.assert_allclose(images[0, 32, 32], [200, 100, 50], atol=3)
    upright = images[3]
    assert upright[10, 32, 0] > 200 > 60 > upright[54, 32, 0]
    datasets.load(recipe, tmp_path / "data")
    assert capsys.readouterr().out == ""
    picture((64, 64)).save(mine / "g.png")
    assert len(datasets.load(recipe, tmp_path / "data")) == 6, "another picture is noticed"
    assert sorted(p.suffix for p in (tmp_path / "data" / "packed").iterdir()) == [".json", ".npy"]


def test_folders_without_pictures(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(tfgan.UserError, match="none of the 1 pictures"):
        datasets.load(tfgan.recipe("dcgan64", str(tmp_path)), tmp_path / "data")
    assert not any((tmp_path / "data" / "packed").iterdir())
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(tfgan.UserError, match="holds no pictures"):
        datasets.load(tfgan.recipe("dcgan64", str(tmp_path)), tmp_path / "data")


def test_celeba_crop(tmp_path):
    """The central 108x108 of 178x218 is columns 35 to 142 and rows 55 to 162."""
    assert pack.CentreCrop(celeba._CROP).box(178, 218) == (35, 55, 143, 163)
    face = Image.new("RGB", (178, 218))
    face.paste((255, 255, 255), (35, 55, 143, 163))
    (tmp_path / "img_align_celeba").mkdir()
    face.save(tmp_path / "img_align_celeba" / "000001.png")
    images = datasets.load(tfgan.recipe("dcgan28", "celeba"), tmp_path)
    assert images.shape == (1, 28, 28, 3)
    assert images.min() == 255


def test_celeba_archive_is_extracted_whole(tmp_path, monkeypatch):
    import zipfile

    content = io.BytesIO()
    picture((178, 218)).save(content, "JPEG")
    archive = tmp_path / "celeba.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("img_align_celeba/000001.jpg", content.getvalue())
    known = "md5:" + hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(celeba, "_ARCHIVES", tuple(file._replace(known_hash=known) for file in celeba._ARCHIVES))
    assert len(datasets.load(tfgan.recipe("dcgan28", "celeba"), tmp_path)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["celeba.zip", "img_align_celeba", "packed"]
    with pytest.raises(tfgan.UserError, match="damaged"):
        download.verify(archive, "md5:0")


def test_dogs_are_cropped_to_their_boxes(tmp_path):
    """Two annotated dogs in one photo are two images; a photo without annotation gives its centre square."""
    breed = "n02085620-Chihuahua"
    for folder in ("Images", "Annotation"):
        (tmp_path / folder / breed).mkdir(parents=True)
    photo = Image.new("RGB", (100, 60))
    photo.paste((255, 0, 0), (0, 0, 30, 30))
    photo.paste((0, 255, 0), (60, 20, 100, 60))
    photo.save(tmp_path / "Images" / breed / "n02085620_1.png")
    photo.save(tmp_path / "Images" / breed / "n02085620_2.png")
    boxes = [(0, 0, 30, 30), (60, 20, 100, 60)]
    objects = "".join(
        "<object><bndbox>" + "".join(f"<{n}>{v}</{n}>" for n, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        + "</bndbox></object>"
        for box in boxes
    )  # fmt: skip
    (tmp_path / "Annotation" / breed / "n02085620_1").write_text(f"<annotation>{objects}</annotation>")
    assert dogs.bounding_boxes(tmp_path / "Annotation" / breed / "n02085620_1") == boxes
    images = datasets.load(tfgan.recipe("dogs"), tmp_path)
    assert images.shape == (3, 64, 64, 3)
    assert (images[0] == [255, 0, 0]).all()
    assert (images[1] == [0, 255, 0]).all()
    assert pack.CentreCrop(None).box(100, 60) == (20, 0, 80, 60)
    (tmp_path / "Annotation" / breed / "n02085620_2").write_text("<annotation><object><bndbox/></object>")
    with pytest.raises(tfgan.UserError, match="n02085620_2"):
        datasets.load(tfgan.recipe("dogs"), tmp_path)
