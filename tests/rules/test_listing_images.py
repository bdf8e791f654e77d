"""Photos as they arrive and as pages need them."""

import hashlib
import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from marketplace.documents.contents import NotTaken
from marketplace.listings import headers, images
from marketplace.listings.headers import Header, Kind, look, require_nothing_else
from marketplace.listings.images import prepare, told, understood


def encoded(picture, form="JPEG", **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def refused(content, by=prepare):
    with pytest.raises(NotTaken) as refusal:
        by(content)
    return str(refusal.value)


def noise(form, mode="RGB", size=(400, 400)):
    return encoded(Image.effect_noise(size, 50).convert(mode), form)


def with_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N"}
    exif[0x010F] = "Secret Camera"
    return exif


def png(width, height, *between):
    """A PNG that says how large it is, with these parts before its pixels."""

    def part(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    parts = [part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))]
    parts += [part(name, content) for name, content in between]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, part(b"IDAT", zlib.compress(b"\0")), part(b"IEND", b"")])


def webp(name, content):
    piece = name + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(piece) + 4) + b"WEBP" + piece


@pytest.mark.parametrize(
    ("form", "mode"),
    [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB"), ("JPEG", "L")],
)
def test_becomes_two_sizes_in_two_formats(form, mode):
    made = prepare(encoded(Image.new(mode, (1600, 1200)), form))

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
    made = prepare(encoded(Image.new("RGB", size)))

    assert opened(made.files["-480.jpg"]).size == small
    expected = large if large[0] <= size[0] else size
    assert opened(made.files["-1280.jpg"]).size == expected


def test_is_turned_upright_and_tells_neither_place_nor_camera():
    made = prepare(encoded(Image.new("RGB", (800, 600)), exif=with_exif(6)))

    assert opened(made.files["-1280.jpg"]).size == (600, 800)
    for content in made.files.values():
        assert not opened(content).getexif()
        assert b"Secret" not in content


def test_what_is_clear_becomes_white():
    made = prepare(encoded(Image.new("RGBA", (100, 75), (0, 0, 0, 0)), "PNG"))

    assert opened(made.files["-480.jpg"]).getpixel((50, 40)) == (255, 255, 255)


class TestLook:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (noise("JPEG"), Kind.JPEG),
            (encoded(Image.new("RGB", (400, 400)), progressive=True, exif=with_exif(1)), Kind.JPEG),
            (noise("JPEG", "L"), Kind.JPEG),
            (noise("PNG"), Kind.PNG),
            (noise("WEBP"), Kind.WEBP),
            (encoded(Image.new("RGB", (400, 400)), "WEBP", lossless=True), Kind.WEBP),
            (encoded(Image.new("RGBA", (400, 400)), "WEBP", exif=with_exif(1)), Kind.WEBP),
        ],
    )
    def test_reads_what_a_picture_says_of_itself(self, content, kind):
        assert look(content) == Header(kind, 400, 400)
        require_nothing_else(content)

    def test_opens_nothing(self, monkeypatch):
        monkeypatch.setattr(Image, "open", None)
        assert look(png(8_000, 5_000)) == Header(Kind.PNG, 8_000, 5_000)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is not a JPEG, PNG or WebP picture"),
            (b"%PDF-1.7", "is not a JPEG, PNG or WebP picture"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG, PNG or WebP picture"),
            (encoded(Image.new("RGB", (10, 10)), "GIF"), "is not a JPEG, PNG or WebP picture"),
            (b"\xff\xd8\xff" + bytes(headers.MAX_BYTES - 2), "is larger than 10 MB"),
            (b"\xff\xd8\xff" + bytes(headers.MAX_BYTES - 3), "is damaged and cannot be read"),
            (noise("JPEG")[:30], "is damaged and cannot be read"),
            (b"\xff\xd8\xff\xff\xff", "is damaged and cannot be read"),
            (b"\xff\xd8\xff\xda\x00\x02", "is damaged and cannot be read"),
            (b"\xff\xd8\xff\xd9", "is damaged and cannot be read"),
            (b"\xff\xd8\xff\xe0\x00\x02*", "is damaged and cannot be read"),
            (b"\xff\xd8" + b"\xff\xe0\x00\x02" * 20_001, "is damaged and cannot be read"),
            (noise("PNG")[:20], "is damaged and cannot be read"),
            (png(0, 10), "is damaged and cannot be read"),
            (webp(b"VP8X", b""), "is damaged and cannot be read"),
            (webp(b"JUNK", bytes(10)), "is damaged and cannot be read"),
            (png(8_000, 5_001), "has more than 40 million pixels"),
            (png(20_000, 10_000), "has more than 40 million pixels"),
            (png(16_001, 10), "is longer than 16,000 pixels on one side"),
            (png(10, 16_001), "is longer than 16,000 pixels on one side"),
            (encoded(Image.new("CMYK", (100, 80))), "is in a printer’s colours (CMYK)"),
        ],
    )
    def test_refuses_what_cannot_be_taken_and_says_why(self, content, said):
        assert refused(content, look) == said
        assert refused(content) == said

    @pytest.mark.parametrize("form", ["WEBP", "PNG"])
    def test_refuses_what_moves(self, form):
        frames = [Image.new("RGB", (60, 40), color) for color in ("navy", "red")]
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        assert refused(content, look) == "is a moving picture"

    @pytest.mark.parametrize("size", [(16_000, 2_500), (8_000, 5_000)])
    def test_forty_million_pixels_are_the_most(self, size):
        assert look(png(*size)) == Header(Kind.PNG, *size)


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.class"), b"x")  # Of no moment: two workers must name its test alike.
    return out.getvalue()


class TestPolyglots:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize(
        "behind",
        [b"%PDF-1.7", b"<script>alert(1)</script>", b"<SVG onload=x>", b"<!doctype html>", b"<?php", b"Rar!\x1a\x07",
         b"\x7fELF\x02", zipped()],
    )  # fmt: skip
    def test_with_a_second_file_behind_the_picture_are_refused(self, form, behind):
        assert refused(noise(form) + b"\0" + behind) == "carries another file inside it"

    @pytest.mark.parametrize(
        "content",
        [
            encoded(Image.new("RGB", (9, 9)), comment=b"<script>alert(1)</script>"),
            encoded(Image.new("RGB", (9, 9)), progressive=True, comment=b"<html >"),
            png(9, 9, (b"tEXt", b"Comment\0<script src=x>")),
            encoded(Image.new("RGB", (9, 9)), "WEBP", xmp=b"<?php echo 1;"),
        ],
    )
    def test_with_a_script_in_their_notes_are_refused(self, content):
        assert refused(content, require_nothing_else) == "carries another file inside it"

    def test_what_telephones_add_is_let_through_and_left_behind(self):
        film = b"\0\0\0\x18ftypmp42 two seconds of film"
        second = noise("JPEG", size=(40, 40))
        made = prepare(noise("JPEG") + second + film)

        assert all(film not in content for content in made.files.values())

    def test_with_nonsense_between_their_parts_are_damaged(self):
        content = noise("JPEG")
        at = content.index(b"\xff\xda")
        assert refused(content[:at] + b"*" + content[at:], require_nothing_else) == "is damaged and cannot be read"


class TestPrepare:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_refuses_what_ends_too_early(self, form):
        content = noise(form)
        assert refused(content[: len(content) // 2]) == "is damaged and cannot be read"

    def test_refuses_a_picture_of_which_two_readers_see_different_sizes(self):
        content = png(10, 10, (b"IHDR", struct.pack(">IIBBBBB", 300, 300, 1, 0, 0, 0, 0)))
        assert look(content) == Header(Kind.PNG, 10, 10)
        assert refused(content) == "is damaged and cannot be read"

    def test_of_a_palette_with_a_clear_colour_shows_white(self):
        picture = Image.new("P", (40, 30), 0)
        made = prepare(encoded(picture, "PNG", transparency=0))
        assert opened(made.files["-480.jpg"]).getpixel((20, 15)) == (255, 255, 255)


class TestAcrossTheWall:
    def test_what_is_told_is_understood(self):
        content = noise("JPEG", size=(900, 700))
        assert understood(*told(content)) == prepare(content)

    @pytest.mark.parametrize(
        "changes",
        [
            {"width": "900"},
            {"width": 0},
            {"height": None},
            {"lengths": None},
            {"lengths": [1, 2, 3]},
            {"lengths": [1, 2, 3, -4]},
            {"lengths": [1, 2, 3, 4]},
        ],
    )
    def test_what_cannot_be_is_not_believed(self, changes):
        said, kept = told(noise("JPEG"))
        with pytest.raises(ValueError, match="lengths"):
            understood({**said, **changes}, kept)

    def test_what_are_no_pictures_is_not_believed(self):
        said, kept = told(noise("JPEG"))
        with pytest.raises(ValueError, match="lengths"):
            understood(said, b"<html>" + kept[6:])

    def test_the_digest_is_counted_on_our_side(self):
        said, kept = told(noise("JPEG"))
        made = understood({**said, "digest": "f" * 64}, kept)
        assert made.digest == hashlib.sha256(made.files["-1280.jpg"]).hexdigest()


def test_the_web_server_need_not_know_how_to_open_pictures():
    assert not hasattr(images, "Image")
