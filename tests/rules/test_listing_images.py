"""Photos as they arrive and as pages need them."""

import io

import pytest
from PIL import Image

from marketplace.listings import images
from marketplace.listings.images import PhotoRefused, prepare


def encoded(picture, form="JPEG", **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def with_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N"}
    exif[0x010F] = "Secret Camera"
    return exif


@pytest.mark.parametrize(
    ("form", "mode"),
    [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L")],
)
def test_becomes_two_sizes_in_two_formats(form, mode):
    made = prepare(encoded(Image.new(mode, (1600, 1200)), form), filename="a")

    assert {ending: (opened(content).format, opened(content).size) for ending, content in made.files.items()} == {
        "-480.webp": ("WEBP", (480, 360)),
        "-480.jpg": ("JPEG", (480, 360)),
        "-1280.webp": ("WEBP", (1280, 960)),
        "-1280.jpg": ("JPEG", (1280, 960)),
    }
    assert (made.width, made.height, len(made.digest)) == (1280, 960, 64)


@pytest.mark.parametrize(
    ("size", "small", "large"),
    [
        ((1200, 1600), (480, 640), (1280, 1707)),
        ((4000, 1000), (1440, 360), (3840, 960)),
        ((300, 200), (300, 200), (300, 200)),
    ],
)
def test_fills_the_frame_and_is_never_enlarged(size, small, large):
    made = prepare(encoded(Image.new("RGB", size)), filename="a")

    assert opened(made.files["-480.jpg"]).size == small
    expected = large if large[0] <= size[0] else size
    assert opened(made.files["-1280.jpg"]).size == expected


def test_is_turned_upright_and_tells_neither_place_nor_camera():
    made = prepare(encoded(Image.new("RGB", (800, 600)), exif=with_exif(6)), filename="a")

    assert opened(made.files["-1280.jpg"]).size == (600, 800)
    for content in made.files.values():
        assert not opened(content).getexif()
        assert b"Secret" not in content


def test_what_is_clear_becomes_white():
    made = prepare(encoded(Image.new("RGBA", (100, 75), (0, 0, 0, 0)), "PNG"), filename="a")

    assert opened(made.files["-480.jpg"]).getpixel((50, 40)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.jpg is not a JPEG, PNG or WebP picture."),
        (b"%PDF-1.7", "a.jpg is not a JPEG, PNG or WebP picture."),
        (encoded(Image.new("RGB", (10, 10)), "GIF"), "a.jpg is not a JPEG, PNG or WebP picture."),
        (encoded(Image.effect_noise((400, 400), 50).convert("RGB"))[:9000], "a.jpg is damaged and cannot be read."),
        (encoded(Image.effect_noise((400, 400), 50), "PNG")[:9000], "a.jpg is damaged and cannot be read."),
        (b"\xff" * (images.MAX_BYTES + 1), "a.jpg is larger than 10 MB."),
    ],
)
def test_what_is_no_picture_is_refused(content, said):
    with pytest.raises(PhotoRefused) as refusal:
        prepare(content, filename="a.jpg")

    assert (refusal.value.sentence, refusal.value.field) == (said, "photos")


@pytest.mark.parametrize(("size", "fits"), [((8000, 5000), True), ((8000, 5001), False)])
def test_forty_million_pixels_are_the_most(size, fits):
    content = encoded(Image.new("1", size), "PNG")
    if fits:
        assert prepare(content, filename="a").width == 1536
    else:
        with pytest.raises(PhotoRefused) as refusal:
            prepare(content, filename="a")
        assert refusal.value.sentence == "a has more than 40 million pixels."


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


class TestHostileFiles:
    def test_a_drawing_that_can_act_is_none(self):
        with pytest.raises(PhotoRefused):
            prepare(SVG, filename="a.svg")

    @pytest.mark.parametrize("behind", [b"PK\x03\x04 a second file", b"<script>alert(1)</script>", SVG])
    def test_what_hides_behind_a_picture_stays_behind(self, behind):
        made = prepare(encoded(Image.new("RGB", (100, 80), "navy")) + behind, filename="a.jpg")

        assert all(behind not in content for content in made.files.values())

    def test_two_hundred_megapixels_are_refused_before_they_are_unpacked(self):
        # A picture of 20,000 by 10,000 in a few kilobytes: its header alone is read.
        content = encoded(Image.new("1", (20_000, 10_000)), "PNG")
        assert len(content) < 100_000
        with pytest.raises(PhotoRefused) as refusal:
            prepare(content, filename="a.png")

        assert refusal.value.sentence == "a.png has more than 40 million pixels."

    def test_the_inks_of_a_printer_become_light(self):
        made = prepare(encoded(Image.new("CMYK", (100, 80), (0, 255, 255, 0))), filename="a.jpg")

        assert opened(made.files["-480.jpg"]).mode == "RGB"

    @pytest.mark.parametrize("form", ["WEBP", "PNG"])
    def test_of_what_moves_the_first_picture_is_kept(self, form):
        frames = [Image.new("RGB", (60, 40), color) for color in ("navy", "red")]
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        made = prepare(content, filename="a")

        shown = opened(made.files["-480.webp"])
        assert getattr(shown, "n_frames", 1) == 1
        assert shown.convert("RGB").getpixel((30, 20))[2] > 100
