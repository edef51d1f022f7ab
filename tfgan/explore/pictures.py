"""Images as HTML: tiles to click, strips, files to save. All of it is inside the page, so that no file is left anywhere."""

import base64
import html
import importlib.resources
import io

import gradio as gr
import numpy as np

from tfgan.common import images

# A click on a tile, or Enter where it has the focus, tells its number.
_TELL_TILE = """
element.addEventListener("click", event => {
    const tile = event.target.closest("[data-number]");
    if (tile) trigger("click", {number: Number(tile.dataset.number)});
});
"""


def component(label, **settings):
    """A part of the page that shows what `tiles`, `strip` or `saving` makes. Its event `click` has the tile's `number`."""
    return gr.HTML(label=label, show_label=bool(label), js_on_load=_TELL_TILE, apply_default_css=False, **settings)


def asset(name):
    """The text of a file that belongs to the page, such as page.css."""
    return importlib.resources.files("tfgan.explore").joinpath(name).read_text("utf-8")


def png(picture):
    """The bytes of a PNG file of uint8 [h, w, 1 or 3]."""
    content = io.BytesIO()
    images.to_pillow(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


def address(content, kind):
    """A file's bytes as an address: the page needs no further request for it. kind: its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image(picture, text, quick=False):
    """An <img> of uint8 [h, w, 1 or 3]. Grey images are shown with sharp pixels, photos smoothly. text: what it shows.

    quick: photos may be JPEG, which takes a third of the time of PNG and a fifth of its bytes.
    """
    kind = "sharp" if picture.shape[2] == 1 else "smooth"
    if quick and kind == "smooth":
        content = io.BytesIO()
        images.to_pillow(picture).save(content, "JPEG", quality=92)
        source = address(content.getvalue(), "image/jpeg")
    else:
        source = address(png(picture), "image/png")
    return f'<img class="tfgan-{kind}" src="{source}" alt="{html.escape(text)}" draggable="false">'


def tiles(pictures, names=(), selection=(), marks=None, size="small"):
    """Tiles to click, of uint8 [N, h, w, c].

    names: a text below each; () without. selection: the numbers of those with a rim. marks: {number: what the mark on it says}.
    size: "tiny", "small", "large" or "three".
    """
    marks = marks or {}
    parts = []
    for number, picture in enumerate(pictures):
        text = names[number] if len(names) else ""
        pressed = str(number in selection or number in marks).lower()
        below = f"<span>{html.escape(text)}</span>" if text else ""
        mark = f"<b>{html.escape(marks[number])}</b>" if number in marks else ""
        content = image(picture, text or f"image {number + 1}")
        parts.append(f'<button type="button" data-number="{number}" aria-pressed="{pressed}">{content}{mark}{below}</button>')
    return f'<div class="tfgan-tiles tfgan-{size}">{"".join(parts)}</div>'


def strip(pictures, text):
    """One picture of images beside one another, uint8 [N, h, w, c]. text: what it shows."""
    return f'<div class="tfgan-strip">{image(images.grid(pictures, 1, len(pictures)), text, quick=True)}</div>'


def figure(picture, text):
    """One large image, uint8 [h, w, c], with a text below."""
    return f'<figure class="tfgan-figure">{image(picture, text)}<figcaption>{html.escape(text)}</figcaption></figure>'


def note(text):
    """A line of text in the place of images."""
    return f'<p class="tfgan-note">{html.escape(text)}</p>'


def saving(*offers):
    """Links that save files. offers: (words, name of the file, its bytes, its media type) of each."""
    links = (
        f'<a download="{html.escape(name)}" href="{address(content, kind)}">{html.escape(words)}</a>'
        for words, name, content, kind in offers
    )
    return f'<p class="tfgan-saving">{" ".join(links)}</p>'


def enlarged(pictures, rows, columns):
    """The PNG file of a grid of uint8 [N, h, w, c], enlarged by a whole factor. Missing images are white."""
    missing = np.full([rows * columns - len(pictures), *pictures.shape[1:]], 255, np.uint8)
    return png(images.enlarge(images.grid(np.concatenate([pictures, missing]), rows, columns)))
