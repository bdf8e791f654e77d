"""Private files: what is taken, what is refused, what is left of them, and that they stay private."""

import json
import os
import stat
import struct
import sys
import zlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.annotations import Link
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject
from sqlalchemy import literal_column, select

from marketplace.adapters.storage import DiskStore
from marketplace.documents import contents, isolation, service
from marketplace.documents.contents import Clean, NotTaken
from marketplace.documents.models import Document
from marketplace.documents.ports import DocumentStore
from marketplace.extensions import adapter_of, db, unit_of_work
from marketplace.kernel.errors import NotFound
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.documents import make_document, pdf, picture
from tests.support import assert_refused_by

MIB = 1024 * 1024


def written(writer: PdfWriter) -> bytes:
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def pdf_with(**entries) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(pdf()))
    for name, value in entries.items():
        writer.root_object[NameObject(f"/{name}")] = value
    return written(writer)


def action(kind: str) -> DictionaryObject:
    return DictionaryObject({NameObject("/S"): NameObject(kind), NameObject("/F"): TextStringObject("x")})


def pdf_with_script() -> bytes:
    script = {"/Names": ArrayObject([TextStringObject("a"), action("/JavaScript")])}
    names = DictionaryObject(
        {NameObject("/JavaScript"): DictionaryObject({NameObject(k): v for k, v in script.items()})}
    )
    return pdf_with(Names=names)


def pdf_with_attachment() -> bytes:
    writer = PdfWriter(clone_from=BytesIO(pdf()))
    writer.add_attachment("a.txt", b"hello")
    return written(writer)


def pdf_encrypted(password: str) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(pdf()))
    writer.encrypt(password, algorithm="RC4-128")
    return written(writer)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def padded(content: bytes, size: int) -> bytes:
    return content + b"\0" * (size - len(content))


def refused(content: bytes) -> str:
    with pytest.raises(NotTaken) as refusal:
        contents.cleaned(content)
    return str(refusal.value)


class TestCleanedImage:
    @pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
    def test_is_re_encoded_and_measured(self, kind, media_type):
        clean = contents.cleaned(picture(kind, (60, 40)))

        assert (clean.media_type, clean.width, clean.height, clean.pages) == (media_type, 60, 40, None)
        assert Image.open(BytesIO(clean.content)).format == kind

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_loses_where_and_with_what_it_was_taken(self, kind):
        exif = Image.Exif()
        exif[0x010F] = "Canary Camera"
        exif[0x8825] = {1: "N", 2: (30.0, 16.0, 2.0)}
        given = picture(
            kind, exif=exif, icc_profile=b"canary profile", **({"comment": b"canary comment"} if kind == "JPEG" else {})
        )
        assert b"Canary" in given

        kept = contents.cleaned(given).content

        assert b"anary" not in kept
        assert dict(Image.open(BytesIO(kept)).getexif()) == {}

    def test_is_turned_the_way_it_was_held(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        assert contents.cleaned(picture("JPEG", (60, 40), exif=exif)).width == 40

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_loses_what_hangs_behind_its_end(self, kind):
        tail = b"<script>alert(1)</script>" + pdf()
        assert b"<script>" not in contents.cleaned(picture(kind) + tail).content

    def test_is_laid_on_white_where_it_is_see_through(self):
        target = BytesIO()
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(target, "PNG")
        assert Image.open(BytesIO(contents.cleaned(target.getvalue()).content)).getpixel((0, 0)) == (255, 255, 255)

    def test_is_kept_at_4000_pixels_a_side(self):
        clean = contents.cleaned(picture("PNG", (4001, 10)))
        assert (clean.width, clean.height) == (4000, 10)

    def test_becomes_a_jpeg_where_the_png_would_be_too_large(self, monkeypatch):
        monkeypatch.setattr(contents, "MAX_BYTES", 40_000)
        noise = Image.frombytes("P", (150, 150), os.urandom(22_500))
        noise.putpalette(os.urandom(768))
        target = BytesIO()
        noise.save(target, "PNG")
        assert contents.cleaned(target.getvalue()).media_type == "image/jpeg"

    def test_of_40_million_pixels_is_taken_and_of_one_more_row_is_not(self):
        # Neither holds its pixels: the first is found incomplete only after its size was let through.
        assert refused(png_claiming(8000, 5000)) == "is damaged or incomplete"
        assert refused(png_claiming(8000, 5001)) == "has more than 40 million pixels"

    def test_of_a_thousand_million_pixels_is_refused_before_it_is_unpacked(self):
        assert refused(png_claiming(40_000, 40_000)) == "has more than 40 million pixels"

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_cut_short_is_refused(self, kind):
        given = picture(kind, (600, 400))
        assert refused(given[: len(given) // 2]) == "is damaged or incomplete"


class TestCleanedPdf:
    def test_is_kept_as_it_came(self):
        given = pdf(3)
        assert contents.cleaned(given) == Clean("application/pdf", given, pages=3)

    def test_of_30_pages_is_taken_and_of_31_is_not(self):
        assert contents.cleaned(pdf(30)).pages == 30
        assert refused(pdf(31)) == "has more than 30 pages"

    @pytest.mark.parametrize("password", ["", "secret"])
    def test_with_a_password_is_refused(self, password):
        assert refused(pdf_encrypted(password)) == "is protected with a password"

    @pytest.mark.parametrize(
        "given",
        [
            pdf_with_script(),
            pdf_with_attachment(),
            pdf_with(OpenAction=action("/Launch")),
            pdf_with(OpenAction=action("/JavaScript")),
            pdf_with(OpenAction=action("/GoToR")),
            pdf_with(OpenAction=action("/SubmitForm")),
            pdf_with(OpenAction=action("/Java___cript")).replace(b"___c", b"#53c"),
            pdf_with(AcroForm=DictionaryObject({NameObject("/XFA"): TextStringObject("x")})),
            pdf_with(Extra=ArrayObject([ArrayObject([DictionaryObject({NameObject("/JS"): TextStringObject("x")})])])),
            pdf_with(Extra=DictionaryObject({NameObject("/Subtype"): NameObject("/Movie")})),
        ],
        ids=["script", "attachment", "launch", "javascript", "elsewhere", "submit", "spelled", "xfa", "deep", "movie"],
    )
    def test_that_can_act_is_refused(self, given):
        assert refused(given) == "contains a script, a form or another file"

    def test_with_a_script_that_no_reference_leads_to_is_refused(self):
        given = pdf().replace(b"%%EOF", b"% 9 0 obj <</S/JavaScript>> endobj\n%%EOF")
        assert refused(given) == "contains a script, a form or another file"

    def test_with_a_script_in_a_compressed_object_is_refused(self):
        writer = PdfWriter(clone_from=BytesIO(pdf()))
        writer.root_object[NameObject("/Names")] = writer._add_object(
            DictionaryObject({NameObject("/JS"): TextStringObject("x")})
        )
        assert refused(written(writer)) == "contains a script, a form or another file"

    def test_with_an_ordinary_link_is_taken(self):
        writer = PdfWriter(clone_from=BytesIO(pdf()))
        writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url="https://www.tdlr.texas.gov/"))
        assert contents.cleaned(written(writer)).pages == 1

    def test_with_something_behind_its_end_is_refused(self):
        assert refused(pdf() + b"<script>alert(1)</script>") == "carries something behind its end"

    def test_that_is_a_zip_as_well_is_refused(self):
        import zipfile

        target = BytesIO(pdf())
        with zipfile.ZipFile(target, "a") as archive:
            archive.writestr("a.html", "<script>")
            archive.comment = b"\n%%EOF"
        assert refused(target.getvalue()) == "carries something behind its end"

    def test_without_pages_is_refused(self):
        assert refused(written(PdfWriter())) == "is damaged or incomplete"

    def test_cut_short_is_refused(self):
        given = pdf()
        assert refused(given[: len(given) // 2] + b"%%EOF") == "is damaged or incomplete"

    def test_with_more_objects_than_a_scan_has_is_refused(self, monkeypatch):
        monkeypatch.setattr(contents, "MAX_OBJECTS", 3)
        assert refused(pdf(3)) == "is too complicated for a scan"

    def test_that_two_readers_read_differently_is_refused(self, monkeypatch):
        monkeypatch.setattr("pypdfium2.PdfDocument", lambda _: [1, 2])
        assert refused(pdf()) == "is damaged or incomplete"


class TestCleaned:
    def test_refuses_an_empty_file(self):
        assert refused(b"") == "is empty"

    def test_takes_10_mib_and_refuses_one_byte_more(self):
        whole = padded(picture(), 10 * MIB)
        assert contents.cleaned(whole).media_type == "image/png"
        assert refused(whole + b"\0") == "is larger than 10 MB"

    @pytest.mark.parametrize(
        "given",
        [
            b"hello",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"<!doctype html><script>alert(1)</script>",
            b"GIF89a" + picture(),
            b" " + pdf(),
            b"PK\x03\x04" + pdf(),
            b"RIFF\0\0\0\0WEBPVP8 ",
        ],
    )
    def test_refuses_every_other_type_whatever_it_is_called(self, given):
        assert refused(given) == "is not a PDF, JPEG or PNG file"


class TestPagePicture:
    def test_is_a_jpeg_of_readable_width(self):
        drawn = Image.open(BytesIO(contents.page_picture(pdf(2), 2)))
        assert (drawn.format, drawn.width) == ("JPEG", 1400)

    def test_refuses_a_page_that_is_not_there(self):
        with pytest.raises(NotTaken):
            contents.page_picture(pdf(2), 3)


class TestIsolation:
    def test_answers_from_a_process_apart(self):
        given = pdf(2)
        assert isolation.cleaned(given) == Clean("application/pdf", given, pages=2)
        assert isolation.page_picture(given, 1).startswith(b"\xff\xd8\xff")

    def test_brings_the_refusal_back(self):
        with pytest.raises(NotTaken, match="is not a PDF, JPEG or PNG file"):
            isolation.cleaned(b"hello")

    def test_sends_nothing_over_that_is_too_large(self, monkeypatch):
        monkeypatch.setattr(isolation.subprocess, "run", None)
        with pytest.raises(NotTaken, match="is larger than 10 MB"):
            isolation.cleaned(b"x" * (10 * MIB + 1))

    @pytest.mark.parametrize("start", ["import sys; sys.exit(3)", "import time; time.sleep(9)", "bytearray(1 << 60)"])
    def test_a_child_that_dies_or_hangs_is_a_refusal(self, monkeypatch, start):
        monkeypatch.setattr(isolation, "_START", start)
        monkeypatch.setattr(isolation, "WALL_SECONDS", 1)
        with pytest.raises(NotTaken, match="could not be opened safely"):
            isolation.cleaned(picture())

    def test_a_child_that_writes_nonsense_or_without_end_is_a_refusal(self, monkeypatch):
        endless = "while True: sys.stdout.buffer.write(bytes(1 << 20))"
        limited = f"import sys; from marketplace.documents.isolation import _limit; _limit()\n{endless}"
        for start in ("print('no JSON')", limited):
            monkeypatch.setattr(isolation, "_START", start)
            with pytest.raises(isolation.NotOpened, match="could not be opened safely"):
                isolation.told("marketplace.documents.contents:cleaned", b"x")

    def test_the_child_knows_no_secret(self, monkeypatch):
        monkeypatch.setenv("SECOND_LIGHT_SECRET_KEY", "canary")
        monkeypatch.setattr(
            isolation, "_START", "import os, json; print(json.dumps({'refused': str('canary' in str(os.environ))}))"
        )
        with pytest.raises(NotTaken, match="False"):
            isolation.cleaned(picture())

    def test_the_child_limits_itself_before_it_reads(self, monkeypatch):
        import resource

        done = []
        monkeypatch.setattr(resource, "setrlimit", lambda limit, most: done.append((limit, most[0])))
        monkeypatch.setattr(isolation.signal, "alarm", lambda seconds: done.append(("alarm", seconds)))
        sent = BytesIO(picture())
        monkeypatch.setattr(
            isolation.sys,
            "stdin",
            SimpleNamespace(buffer=SimpleNamespace(read=lambda: done.append("read") or sent.read())),
        )
        target = BytesIO()
        monkeypatch.setattr(isolation.sys, "stdout", SimpleNamespace(buffer=target))
        monkeypatch.setattr(isolation.sys, "argv", ["-c", "cleaned"])

        isolation.main()

        assert done == [
            ("alarm", 20),
            (resource.RLIMIT_AS, isolation.MEMORY),
            (resource.RLIMIT_CPU, 10),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 20 * MIB),
            "read",
        ]
        assert json.loads(target.getvalue().partition(b"\n")[0])["media_type"] == "image/png"


def nursery_in_which_opening(does: str) -> str:
    """The program of a nursery in whose forks a file is opened by `does`, which may say something by refusing."""
    return (
        "import os, resource, signal, time\n"
        "from marketplace.documents import contents, isolation\n"
        "def cleaned(content):\n"
        f"    raise contents.NotTaken(str({does}))\n"
        "contents.cleaned = cleaned\n"
        "isolation.nurse()"
    )


class TestNursery:
    """Many files that come together are opened in forks of one interpreter; nothing else is different."""

    def test_answers_as_an_interpreter_of_its_own_would(self):
        given, image = pdf(2), picture()
        alone = isolation.cleaned(image)

        with isolation.nursery():
            assert isolation.cleaned(given) == Clean("application/pdf", given, pages=2)
            assert isolation.cleaned(image) == alone
            with pytest.raises(NotTaken, match="is not a PDF, JPEG or PNG file"):
                isolation.cleaned(b"hello")
            assert isolation.page_picture(given, 1).startswith(b"\xff\xd8\xff")

    def test_starts_one_interpreter_and_ends_it(self, monkeypatch):
        began = []
        start = isolation.subprocess.Popen
        monkeypatch.setattr(
            isolation.subprocess, "Popen", lambda *given, **more: began.append(start(*given, **more)) or began[-1]
        )
        with isolation.nursery():
            for _ in range(3):
                isolation.cleaned(picture())

        assert [process.returncode for process in began] == [-9]

    def test_without_a_file_starts_nothing(self, monkeypatch):
        monkeypatch.setattr(isolation.subprocess, "Popen", None)
        with isolation.nursery():
            pass

    @pytest.mark.parametrize(
        ("does", "said"),
        [
            ("[resource.getrlimit(resource.RLIMIT_AS)]", f"[({1 << 30}, {1 << 30})]"),
            ("[resource.getrlimit(resource.RLIMIT_CPU)]", "[(10, 10)]"),
            ("[resource.getrlimit(resource.RLIMIT_CORE)]", "[(0, 0)]"),
            ("[resource.getrlimit(resource.RLIMIT_FSIZE)]", f"[({20 * MIB}, {20 * MIB})]"),
            ("os.environ.get('SECOND_LIGHT_SECRET_KEY')", "None"),
            ("[number for number in range(200) if os.path.exists(f'/dev/fd/{number}')]", "[0, 1, 2]"),
        ],
    )
    def test_a_fork_is_limited_and_holds_nothing_else(self, monkeypatch, does, said):
        monkeypatch.setenv("SECOND_LIGHT_SECRET_KEY", "canary")
        monkeypatch.setattr(isolation, "_START_NURSERY", nursery_in_which_opening(does))
        with isolation.nursery():
            for _ in range(2):
                with pytest.raises(NotTaken) as refusal:
                    isolation.cleaned(picture())
                assert str(refusal.value) == said

    @pytest.mark.parametrize(
        "does",
        [
            "bytearray(1 << 60)",
            "os._exit(3)",
            "os.kill(os.getpid(), signal.SIGKILL)",
            "os.kill(os.getppid(), signal.SIGKILL)",
            "time.sleep(60)",
        ],
    )
    def test_a_fork_that_dies_or_hangs_is_a_refusal_and_the_next_file_is_opened(self, monkeypatch, does):
        good = isolation._START_NURSERY
        monkeypatch.setattr(isolation, "_START_NURSERY", nursery_in_which_opening(does))
        if "sleep" in does:
            monkeypatch.setattr(isolation, "WALL_SECONDS", 1)
        with isolation.nursery():
            with pytest.raises(NotTaken, match="could not be opened safely"):
                isolation.cleaned(picture())
            monkeypatch.setattr(isolation, "_START_NURSERY", good)
            monkeypatch.setattr(isolation, "WALL_SECONDS", 20)
            if "getppid" in does or "sleep" in does:
                assert isolation.cleaned(picture()).media_type == "image/png"
            else:  # The nursery itself lives; it goes on to do what it was told to.
                with pytest.raises(NotTaken, match="could not be opened safely"):
                    isolation.cleaned(picture())

    @pytest.fixture
    def asked(self, monkeypatch):
        """Our end of the socket over which a nursery in this process is asked."""
        ours, theirs = isolation.socket.socketpair()
        monkeypatch.setattr(isolation.os, "dup", lambda _: theirs.detach())
        with ours, Path(os.devnull).open("rb+") as file:
            isolation.socket.send_fds(ours, [b"cleaned"], [file.fileno(), file.fileno()])
            ours.shutdown(isolation.socket.SHUT_WR)
            yield ours

    def test_tells_how_its_forks_ended_until_nobody_asks(self, monkeypatch, asked):
        monkeypatch.setattr(isolation.os, "fork", lambda: 4242)
        monkeypatch.setattr(isolation.os, "waitpid", lambda child, _: (child, 9))

        isolation.nurse()

        assert asked.recv(9) == b"\x09"

    def test_a_fork_ends_with_what_it_came_to(self, monkeypatch, asked):
        monkeypatch.setattr(isolation.os, "fork", lambda: 0)
        monkeypatch.setattr(isolation, "_only_child", lambda task, *_: task)
        monkeypatch.setattr(isolation.os, "_exit", sys.exit)

        with pytest.raises(SystemExit, match="cleaned"):
            isolation.nurse()

    def test_a_fork_takes_the_place_of_an_interpreter(self, monkeypatch):
        done = []
        monkeypatch.setattr(isolation.os, "dup2", lambda *given: done.append(given))
        monkeypatch.setattr(isolation.os, "closerange", lambda *given: done.append(given))
        monkeypatch.setattr(isolation.sys, "argv", ["-c"])
        monkeypatch.setattr(isolation, "main", lambda: done.append(sys.argv[1]))

        assert isolation._only_child("page 3", 7, 8) == 0
        assert done == [(7, 0), (8, 1), (3, 256), "page 3"]

        monkeypatch.setattr(isolation, "main", lambda: 1 / 0)
        assert isolation._only_child("page 3", 7, 8) == 1

    def test_answers_each_task(self, monkeypatch):
        monkeypatch.setattr(contents, "pages", lambda content: ({"pages": len(content)}, content), raising=False)
        assert isolation.answer("marketplace.documents.contents:pages", b"abc") == b'{"pages": 3}\nabc'
        assert isolation.answer("page 1", pdf()).startswith(b"{}\n\xff\xd8")
        assert isolation.answer("cleaned", b"") == b'{"refused": "is empty"}\n'


def receive(owner, content: bytes = b"", filename: str = "scan.png"):
    file = service.examine(filename=filename, content=content or picture())
    with unit_of_work():
        return service.receive(owner_id=owner.id, file=file, at=NOON)


class TestReceive:
    def test_keeps_bytes_and_row(self):
        alice = make_user()
        given = pdf(2)

        document_id = receive(alice, given, "My certificate.pdf")

        row = db.session.get(Document, document_id)
        assert (row.owner_id, row.filename, row.pages, row.size_bytes) == (
            alice.id,
            "My certificate.pdf",
            2,
            len(given),
        )
        assert row.digest == row.received_digest
        assert str(row.id) not in row.storage_key
        assert service.content_of(document_id).content == given

    def test_tells_what_arrived_from_what_is_kept(self):
        row = db.session.get(Document, receive(make_user(), picture("JPEG") + b"tail"))
        assert row.digest != row.received_digest
        assert (row.width, row.height) == (60, 40)

    def test_names_the_file_it_refuses_and_keeps_nothing(self, app):
        with pytest.raises(service.FileNotTaken) as refusal:
            receive(make_user(), b"hello", "../../<b>notes</b>.pdf")

        assert refusal.value.sentence == "“b>.pdf” is not a PDF, JPEG or PNG file."
        assert refusal.value.field == "documents"
        assert db.session.scalars(select(Document)).all() == []

    def test_takes_up_to_the_quota_and_not_one_byte_more(self):
        alice, one = make_user(), service.examine(filename="a.png", content=picture())

        def keep(owner, quota):
            with unit_of_work():
                service.receive(owner_id=owner.id, file=one, at=NOON, quota=quota)

        keep(alice, len(one.content))
        with pytest.raises(service.QuotaReached):
            keep(alice, 2 * len(one.content) - 1)
        keep(alice, 2 * len(one.content))
        keep(make_user(), len(one.content))
        keep(alice, None)
        assert len(db.session.scalars(select(Document)).all()) == 4


class TestContentOf:
    def test_knows_no_unknown_id(self):
        with pytest.raises(NotFound):
            service.content_of(uuid4())

    def test_gives_out_nothing_that_was_changed_behind_our_back(self):
        document = make_document()
        adapter_of(DocumentStore).put(document.storage_key, b"something else")
        with pytest.raises(service.DocumentDamaged):
            service.content_of(document.id)

    def test_says_so_when_the_store_lost_it(self):
        document = make_document()
        adapter_of(DocumentStore).delete(document.storage_key)
        with pytest.raises(service.DocumentDamaged):
            service.content_of(document.id)


class TestPageOf:
    def test_draws_a_page(self):
        assert service.page_of(make_document(media_type="application/pdf").id, 1).startswith(b"\xff\xd8\xff")

    @pytest.mark.parametrize(
        ("media_type", "number"), [("application/pdf", 0), ("application/pdf", 2), ("image/png", 1)]
    )
    def test_knows_no_other_page(self, media_type, number):
        document = make_document(media_type=media_type)
        with pytest.raises(NotFound):
            service.page_of(document.id, number)

    def test_says_so_when_it_cannot_be_drawn(self):
        document = make_document(media_type="application/pdf", content=b"%PDF-1.7 broken %%EOF")
        with pytest.raises(service.DocumentDamaged):
            service.page_of(document.id, 1)


class TestSweep:
    def test_deletes_what_has_no_row_after_a_day_and_nothing_else(self, now):
        store = adapter_of(DocumentStore)
        document = make_document()
        orphan = "ab/00000000-0000-4000-8000-000000000000.png"
        store.put(orphan, b"left behind")

        assert service.sweep(at=now + timedelta(hours=23)) == 0
        assert store.get(orphan) == b"left behind"
        others = service.sweep(at=now + timedelta(hours=25))

        assert others >= 1
        with pytest.raises(KeyError):
            store.get(orphan)
        assert service.content_of(document.id).content == picture()


class TestShownName:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("scan.pdf", "scan.pdf"),
            ("/etc/passwd", "passwd"),
            (r"C:\Users\Ann\Scan 1.PDF", "Scan 1.PDF"),
            ("a\r\nSet-Cookie: b.pdf", "aSet-Cookie: b.pdf"),
            ("\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "fdp.exe"),
            ("", "document"),
            ("..", ".."),
            ("é" * 200 + ".pdf", "é" * 116 + ".pdf"),
        ],
    )
    def test_is_harmless(self, given, shown):
        assert service.shown_name(given) == shown


class TestDiskStore:
    KEY = "ab/0f0f0f0f-0000-4000-8000-000000000000.pdf"

    def test_keeps_files_for_its_own_user_alone(self, tmp_path):
        DiskStore(tmp_path / "store").put(self.KEY, b"private")

        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in [tmp_path / "store", *(tmp_path / "store").rglob("*")]
        }
        assert modes == {"store": 0o700, "ab": 0o700, Path(self.KEY).name: 0o600}

    def test_opens_what_was_kept_and_nothing_else(self, tmp_path):
        store = DiskStore(tmp_path)
        store.put(self.KEY, b"private")
        with store.opened(self.KEY) as kept:
            assert kept.read() == b"private"
        store.delete(self.KEY)

        with pytest.raises(KeyError, match=self.KEY):
            store.opened(self.KEY)

    def test_leaves_nothing_half_written(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            DiskStore(tmp_path).put(self.KEY, b"private")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize(
        "key", ["../secret", "/etc/passwd", "ab/../../secret", "ab/", "", f"{KEY}/..", f"AB{KEY[2:]}"]
    )
    def test_refuses_a_name_it_did_not_make(self, tmp_path, key):
        store = DiskStore(tmp_path)
        for act in (store.get, store.delete, lambda name: store.put(name, b"x")):
            with pytest.raises(KeyError):
                act(key)
        assert list(tmp_path.iterdir()) == []

    def test_follows_no_link_out_of_the_store(self, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / Path(self.KEY).name).write_bytes(b"secret")
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "ab").symlink_to(outside)
        with pytest.raises(KeyError):
            DiskStore(tmp_path / "store").get(self.KEY)

    def test_names_what_it_keeps_and_nothing_else(self, tmp_path):
        store = DiskStore(tmp_path)
        assert list(store.names()) == []
        store.put(self.KEY, b"x")
        (tmp_path / "ab" / "notes.txt").write_text("not ours")
        assert [key for key, _ in store.names()] == [self.KEY]

    def test_knows_nothing_of_what_was_deleted(self, tmp_path):
        store = DiskStore(tmp_path)
        store.put(self.KEY, b"x")
        store.delete(self.KEY)
        store.delete(self.KEY)
        with pytest.raises(KeyError):
            store.get(self.KEY)


class TestConstraints:
    @pytest.mark.parametrize("size", [0, 10 * MIB + 1])
    def test_a_size_beyond_the_limits(self, size):
        document = make_document()
        with assert_refused_by("documents_size_is_within_limits"):
            document.size_bytes = size
            db.session.flush()

    def test_a_digest_that_is_none(self):
        document = make_document()
        with assert_refused_by("documents_digest_is_sha256"):
            document.digest = "ABC"
            db.session.flush()

    def test_a_storage_key_of_somebody_elses_making(self):
        document = make_document()
        with assert_refused_by("documents_storage_key_is_ours"):
            document.storage_key = "../../etc/passwd"
            db.session.flush()

    def test_two_rows_for_one_file(self):
        first, second = make_document(), make_document()
        with assert_refused_by("uq_documents_storage_key"):
            second.storage_key = first.storage_key
            db.session.flush()

    def test_a_media_type_that_is_not_taken(self):
        document = make_document()
        with assert_refused_by("documents_mediatype"):
            db.session.execute(
                Document.__table__.update()
                .where(Document.id == document.id)
                .values(media_type=literal_column("'image/svg+xml'"))
            )
