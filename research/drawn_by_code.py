"""Pictures that code draws: plots, text pages, screens, patterns. None is a photograph, and nobody's art."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image, ImageDraw, ImageFont

mpl.use("Agg")

EACH = 8
# Desktop, telephone and page sizes.
SCREENS = ((1280, 720), (1366, 768), (1024, 768), (1920, 1080), (800, 600))
TALL = ((720, 1280), (1080, 1920), (768, 1024))
PAGES = ((850, 1100), (1240, 1754), (700, 1000))

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Drawing:
    """A picture in RGB, the `number`-th of its family; style: plot, text, screen or pattern."""

    family: str
    number: int
    style: str
    picture: Image.Image


@dataclass(frozen=True)
class Materials:
    """What a drawing is made from: random numbers, font files, paragraphs of people's text."""

    rng: np.random.Generator
    fonts: Sequence[Path]
    paragraphs: Sequence[str]

    def font(self, size: int, words: str = "") -> ImageFont.FreeTypeFont:
        """Return a font at random, among those whose file name holds `words`."""
        named = [path for path in self.fonts if words in path.name] or self.fonts
        return ImageFont.truetype(str(named[self.below(len(named))]), size)

    def paragraph(self) -> str:
        """Return a paragraph at random."""
        return self.paragraphs[self.below(len(self.paragraphs))]

    def words(self, most: int) -> str:
        """Return the first words of a paragraph."""
        return " ".join(self.paragraph().split()[: self.between(1, most)])

    def below(self, end: int) -> int:
        """Return a number from 0 to `end` - 1."""
        return int(self.rng.integers(end))

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`."""
        return int(self.rng.integers(low, high + 1))

    def colour(self, low: int = 0, high: int = 255) -> Colour:
        """Return a colour whose channels lie between `low` and `high`."""
        red, green, blue = (self.between(low, high) for _ in range(3))
        return red, green, blue

    def size(self, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return one of some sizes."""
        return sizes[self.below(len(sizes))]


def drawn(fonts: Sequence[Path], texts: Sequence[str]) -> Iterator[Drawing]:
    """Yield EACH pictures of each family, the same every time for the same fonts and texts."""
    parts = [" ".join(part.split()) for text in texts for part in text.split("\n\n")]
    # Long paragraphs of prose: the fields of a copyright file start with a word and a colon.
    paragraphs = [part for part in parts if len(part) > 300 and ":" not in part[:20]]
    for order, (family, (style, draw)) in enumerate(FAMILIES.items()):
        for number in range(EACH):
            materials = Materials(np.random.default_rng([order, number]), fonts, paragraphs)
            yield Drawing(family, number, style, draw(materials))


def plotted(fill: Callable[[Materials, plt.Axes], None], projection: str | None = None):
    """Return a drawer: `fill` draws on the axes of a figure whose size, style, font and words are random."""

    def draw(made: Materials) -> Image.Image:
        styles = [name for name in plt.style.available if not name.startswith("_")]
        with plt.style.context(["default", styles[made.below(len(styles))]]):
            mpl.rcParams["font.family"] = ["sans-serif", "serif", "monospace"][made.below(3)]
            mpl.rcParams["image.cmap"] = ["viridis", "magma", "coolwarm", "YlGnBu", "terrain"][made.below(5)]
            figure = plt.figure(figsize=(made.between(5, 10), made.between(4, 7)), dpi=made.between(80, 160))
            axes = figure.add_subplot(projection=projection)
            fill(made, axes)
            axes.set_title(made.words(7))
            if projection is None:
                axes.set_xlabel(made.words(2))
                axes.set_ylabel(made.words(2))
            figure.canvas.draw()
            pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
            plt.close(figure)
        return Image.fromarray(pixels)

    return draw


def lines(made: Materials, axes: plt.Axes) -> None:
    for _ in range(made.between(1, 6)):
        axes.plot(made.rng.normal(size=made.between(20, 400)).cumsum(), label=made.words(2))
    axes.legend()
    axes.grid(bool(made.below(2)))


def bars(made: Materials, axes: plt.Axes) -> None:
    names = [f"{made.words(1)[:12]} {i}" for i in range(made.between(3, 9))]
    if made.below(2):
        axes.barh(names, made.rng.uniform(1, 100, len(names)), xerr=made.rng.uniform(1, 9, len(names)))
    else:
        axes.bar(names, made.rng.uniform(1, 100, len(names)))
        axes.tick_params(axis="x", rotation=60)


def points(made: Materials, axes: plt.Axes) -> None:
    for _ in range(made.between(1, 4)):
        middle, n = made.rng.normal(size=2) * 3, made.between(30, 500)
        x, y = made.rng.normal(size=(2, n)) + middle[:, None]
        axes.scatter(x, y, s=made.rng.uniform(4, 120, n), alpha=0.6)


def slices(made: Materials, axes: plt.Axes) -> None:
    names = [made.words(2) for _ in range(made.between(3, 8))]
    axes.pie(made.rng.uniform(1, 9, len(names)), labels=names, autopct="%.0f %%")


def cells(made: Materials, axes: plt.Axes) -> None:
    rows, columns = made.between(5, 20), made.between(5, 20)
    shown = axes.imshow(made.rng.normal(size=(rows, columns)), aspect="auto")
    axes.figure.colorbar(shown)


def levels(made: Materials, axes: plt.Axes) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 120), np.linspace(-3, 3, 120))
    a, b, c = made.rng.uniform(0.5, 3, 3)
    z = np.sin(a * x + b) * np.cos(b * y) + np.exp(-(x**2 + y**2) / c)
    (axes.contourf if made.below(2) else axes.contour)(x, y, z, levels=made.between(5, 25))


def counts(made: Materials, axes: plt.Axes) -> None:
    for _ in range(made.between(1, 3)):
        axes.hist(made.rng.normal(made.rng.normal(), 1, 800), bins=made.between(10, 60), alpha=0.6)


def surface(made: Materials, axes: plt.Axes) -> None:
    x, y = np.meshgrid(np.linspace(-4, 4, 50), np.linspace(-4, 4, 50))
    a, b = made.rng.uniform(0.5, 2, 2)
    axes.plot_surface(x, y, np.sin(a * np.hypot(x, y)) * b, cmap=mpl.rcParams["image.cmap"])
    axes.view_init(made.between(10, 60), made.between(0, 180))


def polar(made: Materials, axes: plt.Axes) -> None:
    angles = np.linspace(0, 2 * np.pi, made.between(6, 30), endpoint=False)
    axes.bar(angles, made.rng.uniform(1, 9, angles.size), width=5 / angles.size, alpha=0.7)


def network(made: Materials, axes: plt.Axes) -> None:
    at = made.rng.uniform(size=(made.between(6, 25), 2))
    for _ in range(2 * len(at)):
        start, end = at[made.below(len(at))], at[made.below(len(at))]
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "alpha": 0.5})
    axes.scatter(*at.T, s=made.between(200, 900), zorder=3)
    for place in at:
        axes.text(*place, made.words(1)[:8], ha="center", va="center", zorder=4)
    axes.axis("off")


def book_page(made: Materials) -> Image.Image:
    width, height = made.size(PAGES)
    paper = [(255, 255, 255), (250, 245, 230), (238, 228, 205)][made.below(3)]
    page = Image.new("RGB", (width, height), paper)
    body = made.font(width // made.between(45, 60))
    margin, columns = width // 10, made.between(1, 2)
    column = (width - margin * (columns + 1)) // columns
    for i in range(columns):
        left = margin + i * (column + margin)
        _write(page, (left, margin, left + column, height - margin), body, made, made.colour(0, 50))
    return page


def slide(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS)
    dark = bool(made.below(2))
    page = Image.new("RGB", (width, height), made.colour(0, 90) if dark else made.colour(215, 255))
    ink = made.colour(220, 255) if dark else made.colour(0, 80)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, width, height // made.between(5, 9)), fill=made.colour())
    draw.text((width // 16, height // 30), made.words(5), font=made.font(height // 14), fill=ink)
    font = made.font(height // 24)
    for i in range(made.between(3, 6)):
        top = height // 4 + i * height // 9
        draw.ellipse((width // 14, top + 8, width // 14 + 14, top + 22), fill=ink)
        draw.text((width // 10, top), textwrap.shorten(made.paragraph(), 42), font=font, fill=ink)
    for _ in range(made.between(0, 4)):
        left, top = made.between(width // 2, width - 200), made.between(height // 4, height - 150)
        draw.rounded_rectangle(
            (left, top, left + 180, top + 110), 16, fill=made.colour(), outline=ink, width=3
        )
    return page


def form(made: Materials) -> Image.Image:
    width, height = made.size(PAGES)
    page = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(page), made.font(width // 48)
    draw.text((width // 12, width // 16), made.words(4).upper(), font=made.font(width // 22), fill="black")
    row = height // made.between(18, 30)
    for top in range(height // 8, height - row, row):
        draw.rectangle((width // 12, top, width - width // 12, top + row), outline=(120, 120, 120))
        draw.text((width // 11, top + row // 4), made.words(4)[:34], font=font, fill=(30, 30, 30))
        value = f"{made.rng.uniform(0, 5000):,.2f}"
        draw.text((width * 3 // 4, top + row // 4), value, font=font, fill=made.colour(0, 120))
    return page


def terminal(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS)
    page = Image.new(
        "RGB", (width, height), [(0, 0, 0), (48, 10, 36), (0, 43, 54), (253, 246, 227)][made.below(4)]
    )
    light = page.getpixel((0, 0))[0] > 200
    draw, size = ImageDraw.Draw(page), made.between(14, 24)
    font = made.font(size, "Mono")
    for top in range(6, height - size, size + 4):
        ink = made.colour(0, 120) if light else made.colour(130, 255)
        prompt = (
            f"user@host:~$ {made.words(4)}" if made.below(5) == 0 else made.paragraph()[: made.between(0, 90)]
        )
        draw.text((8, top), prompt, font=font, fill=ink)
    return page


def editor(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS)
    dark = bool(made.below(2))
    page = Image.new("RGB", (width, height), (30, 30, 36) if dark else (255, 255, 255))
    draw, size = ImageDraw.Draw(page), made.between(14, 22)
    inks = [made.colour(130, 255) if dark else made.colour(0, 150) for _ in range(5)]
    font = made.font(size, "Mono")
    draw.rectangle((0, 0, width // 6, height), fill=(45, 45, 52) if dark else (236, 236, 240))
    depth = 0
    for number, top in enumerate(range(8, height - size, size + 5)):
        depth = min(5, max(0, depth + made.between(-1, 1)))
        left = width // 6 + 60 + depth * size * 2
        draw.text((width // 6 + 10, top), str(number + 1), font=font, fill=(130, 130, 130))
        draw.text((10, top), made.words(1)[:14], font=font, fill=(140, 140, 150))
        for word in made.paragraph().split()[: made.between(0, 8)]:
            draw.text((left, top), f"{word.lower()}", font=font, fill=inks[made.below(5)])
            left += int(font.getlength(word + "  "))
    return page


def web_page(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS + TALL)
    page = Image.new("RGB", (width, height), made.colour(235, 255))
    draw, accent = ImageDraw.Draw(page), made.colour()
    draw.rectangle((0, 0, width, 64), fill=accent)
    draw.text((24, 14), made.words(2)[:20], font=made.font(32), fill="white")
    columns = made.between(1, max(1, width // 350))
    side, font, bold = width // columns, made.font(made.between(14, 20)), made.font(26)
    for column in range(columns):
        top = 90
        while top < height:
            tall = made.between(140, 320)
            box = (column * side + 16, top, (column + 1) * side - 16, top + tall)
            draw.rounded_rectangle(box, made.between(0, 18), fill="white", outline=(210, 210, 210))
            draw.rectangle((box[0] + 12, top + 12, box[0] + 80, top + 80), fill=made.colour(80, 240))
            draw.text((box[0] + 96, top + 16), made.words(3)[:24], font=bold, fill=accent)
            _write(page, (box[0] + 96, top + 56, box[2] - 12, box[3] - 12), font, made, (60, 60, 60))
            top += tall + 20
    return page


def chat(made: Materials) -> Image.Image:
    width, height = made.size(TALL)
    page = Image.new("RGB", (width, height), made.colour(225, 250))
    draw, mine = ImageDraw.Draw(page), made.colour(120, 230)
    font = made.font(width // 28)
    top = 20
    while top < height:
        lines = textwrap.wrap(made.words(24), 30)
        tall = len(lines) * width // 20 + 30
        left = made.between(0, 1) * width // 4 + 20
        fill = mine if left > 20 else (255, 255, 255)
        draw.rounded_rectangle((left, top, left + width * 2 // 3, top + tall), 24, fill=fill)
        draw.multiline_text((left + 20, top + 12), "\n".join(lines), font=font, fill=(20, 20, 20))
        top += tall + 24
    return page


def spreadsheet(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS)
    page = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(page), made.font(16)
    across, down = made.between(70, 160), made.between(22, 34)
    for x in range(0, width, across):
        for y in range(0, height, down):
            head = x == 0 or y == 0
            draw.rectangle(
                (x, y, x + across, y + down), fill=(230, 232, 236) if head else None, outline=(205, 205, 205)
            )
            text = made.words(1)[:9] if head or made.below(6) == 0 else f"{made.rng.normal() * 100:.1f}"
            draw.text((x + 5, y + 3), text, font=font, fill=(30, 30, 30))
    return page


def spirograph(made: Materials) -> Image.Image:
    side = made.between(500, 1200)
    page = Image.new("RGB", (side, side), made.colour(0, 40) if made.below(2) else made.colour(230, 255))
    draw = ImageDraw.Draw(page)
    for _ in range(made.between(1, 4)):
        outer, inner, pen = (
            made.rng.uniform(0.3, 0.5),
            made.rng.uniform(0.05, 0.25),
            made.rng.uniform(0.05, 0.3),
        )
        t = np.linspace(0, 60 * np.pi, 4000)
        x = (outer - inner) * np.cos(t) + pen * np.cos((outer - inner) / inner * t)
        y = (outer - inner) * np.sin(t) - pen * np.sin((outer - inner) / inner * t)
        at = [tuple(place) for place in (np.stack([x, y], 1) * side * 0.7 + side / 2).tolist()]
        draw.line(at, fill=made.colour(), width=made.between(1, 4))
    return page


def hills(made: Materials) -> Image.Image:
    width, height = made.size(SCREENS)
    above, below = np.asarray(made.colour(60, 255)), np.asarray(made.colour(120, 255))
    fade = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(above * (1 - fade) + below * fade, (height, width, 3)).astype(np.uint8)
    page = Image.fromarray(sky)
    draw = ImageDraw.Draw(page)
    radius, left, top = made.between(30, 120), made.below(width), made.below(height // 2)
    draw.ellipse((left, top, left + 2 * radius, top + 2 * radius), fill=made.colour(200, 255))
    x = np.arange(width)
    for layer in range(made.between(3, 6)):
        waves = sum(
            made.rng.uniform(10, 60) * np.sin(x / made.rng.uniform(30, 300) + made.below(9)) for _ in range(3)
        )
        y = height * (0.45 + layer * 0.1) + waves
        draw.polygon(
            [(0, height), *zip(x.tolist(), y.tolist(), strict=True), (width, height)],
            fill=made.colour(20, 200),
        )
    return page


def mosaic(made: Materials) -> Image.Image:
    width, height = made.between(400, 1200), made.between(400, 1200)
    seeds = made.rng.uniform(0, 1, (made.between(12, 120), 2)) * (height, width)
    colours = made.rng.integers(0, 256, (len(seeds), 3)).astype(np.uint8)
    nearest, best = np.zeros((height, width), int), np.full((height, width), np.inf)
    y, x = np.mgrid[:height, :width]
    for i, (down, across) in enumerate(seeds):
        far = np.hypot(y - down, x - across)
        nearest[far < best] = i
        best = np.minimum(best, far)
    return Image.fromarray(colours[nearest])


def fractal(made: Materials) -> Image.Image:
    width, height = made.between(400, 900), made.between(400, 900)
    constant = complex(made.rng.uniform(-0.9, 0.3), made.rng.uniform(0.3, 0.8))
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, width), np.linspace(-1.5, 1.5, height))
    z, steps = x + 1j * y, np.zeros((height, width))
    for _ in range(60):
        inside = np.abs(z) < 4
        z[inside] = z[inside] ** 2 + constant
        steps += inside
    cmap = ["inferno", "twilight", "ocean", "cubehelix"][made.below(4)]
    return Image.fromarray((mpl.colormaps[cmap](steps / 60)[..., :3] * 255).astype(np.uint8))


def _write(
    page: Image.Image,
    box: tuple[int, int, int, int],
    font: ImageFont.FreeTypeFont,
    made: Materials,
    ink: Colour,
) -> None:
    """Fill a box with paragraphs."""
    left, top, right, bottom = box
    step = int(font.size * 1.35)
    most = max(8, int((right - left) / font.getlength("n") * 0.95))
    draw = ImageDraw.Draw(page)
    while top + step < bottom:
        for line in textwrap.wrap(made.paragraph(), most):
            if top + step >= bottom:
                return
            draw.text((left, top), line, font=font, fill=ink)
            top += step
        top += step // 2


FAMILIES: dict[str, tuple[str, Callable[[Materials], Image.Image]]] = {
    "lines": ("plot", plotted(lines)),
    "bars": ("plot", plotted(bars)),
    "points": ("plot", plotted(points)),
    "slices": ("plot", plotted(slices)),
    "cells": ("plot", plotted(cells)),
    "levels": ("plot", plotted(levels)),
    "counts": ("plot", plotted(counts)),
    "surface": ("plot", plotted(surface, "3d")),
    "polar": ("plot", plotted(polar, "polar")),
    "network": ("plot", plotted(network)),
    "book-page": ("text", book_page),
    "slide": ("text", slide),
    "form": ("text", form),
    "terminal": ("screen", terminal),
    "editor": ("screen", editor),
    "web-page": ("screen", web_page),
    "chat": ("screen", chat),
    "spreadsheet": ("screen", spreadsheet),
    "spirograph": ("pattern", spirograph),
    "hills": ("illustration", hills),
    "mosaic": ("pattern", mosaic),
    "fractal": ("pattern", fractal),
}
