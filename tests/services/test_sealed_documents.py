"""Private files lie sealed: the disk alone tells nobody what they are, and their keys can be replaced."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from marketplace.adapters import sealed
from marketplace.adapters.sealed import MARK, SealedStore
from marketplace.adapters.storage import DiskStore
from marketplace.documents import resealing, service
from marketplace.documents.ports import CannotBeOpened, DocumentStore
from marketplace.extensions import unit_of_work
from tests.factories.documents import make_document, picture

KEY = "ab/0f0f0f0f-0000-4000-8000-000000000000.pdf"
OTHER = "ab/0f0f0f0f-0000-4000-8000-000000000001.pdf"
SECRET = b"%PDF-1.7 Dana Reyes, born in Austin %%EOF"
OLD, NEW = "an older key that once sealed all of it", "a newer key that seals from today onwards"


@pytest.fixture
def disk(tmp_path):
    return DiskStore(tmp_path)


@pytest.fixture
def store(disk):
    return SealedStore(disk, [NEW])


class TestSealedStore:
    def test_gives_back_what_was_put_in_and_the_disk_does_not(self, store, disk):
        store.put(KEY, SECRET)

        assert store.get(KEY) == SECRET
        kept = disk.get(KEY)
        assert kept.startswith(MARK)
        assert b"Dana" not in kept
        assert [name for name, _ in store.names()] == [KEY]

    def test_the_same_file_is_never_sealed_alike(self, store, disk):
        for key in (KEY, OTHER):
            store.put(key, SECRET)

        assert disk.get(KEY) != disk.get(OTHER)

    def test_the_first_key_seals_and_all_of_them_open(self, store, disk):
        SealedStore(disk, [OLD]).put(KEY, SECRET)
        both = SealedStore(disk, [NEW, OLD])
        both.put(OTHER, SECRET)

        assert both.get(KEY) == both.get(OTHER) == store.get(OTHER) == SECRET

    def test_without_its_key_a_file_is_not_opened_and_the_key_is_named(self, store, disk):
        old = SealedStore(disk, [OLD])
        old.put(KEY, SECRET)

        with pytest.raises(CannotBeOpened) as why:
            store.get(KEY)
        assert str(why.value) == f"it is sealed under a key that is not set: {old._sealing.name.hex()}"

    @pytest.mark.parametrize("place", [len(MARK) + 9, 30, -1])
    def test_a_changed_bit_is_noticed(self, store, disk, place):
        store.put(KEY, SECRET)
        kept = bytearray(disk.get(KEY))
        kept[place] ^= 1
        disk.put(KEY, bytes(kept))

        with pytest.raises(CannotBeOpened, match="it was changed"):
            store.get(KEY)

    def test_a_file_that_is_put_in_the_place_of_another_is_noticed(self, store, disk):
        store.put(KEY, SECRET)
        disk.put(OTHER, disk.get(KEY))

        with pytest.raises(CannotBeOpened, match="moved from another name"):
            store.get(OTHER)

    def test_a_file_cut_short_is_noticed(self, store, disk):
        store.put(KEY, SECRET)
        disk.put(KEY, disk.get(KEY)[: len(MARK) + 22])

        with pytest.raises(CannotBeOpened):
            store.get(KEY)

    def test_takes_and_reads_no_more_than_a_document_may_be(self, store, disk, monkeypatch):
        monkeypatch.setattr(sealed, "LARGEST", len(SECRET))
        store.put(KEY, SECRET)
        assert store.get(KEY) == SECRET

        with pytest.raises(ValueError, match=OTHER):
            store.put(OTHER, SECRET + b" ")
        assert [name for name, _ in store.names()] == [KEY]
        disk.put(OTHER, b"x" * 1000)
        with pytest.raises(CannotBeOpened, match="larger than anything"):
            store.get(OTHER)

    def test_what_lay_in_the_open_before_is_given_out_as_it_is(self, store, disk):
        disk.put(KEY, SECRET)

        assert store.get(KEY) == SECRET

    def test_what_is_not_there_is_not_there(self, store):
        for ask in (store.get, store.reseal):
            with pytest.raises(KeyError):
                ask(KEY)
        store.delete(KEY)

    def test_whoever_is_killed_amid_it_leaves_the_old_file_whole(self, disk, monkeypatch):
        SealedStore(disk, [OLD]).put(KEY, SECRET)
        both = SealedStore(disk, [NEW, OLD])

        def killed(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            both.reseal(KEY)
        monkeypatch.undo()

        assert both.get(KEY) == SECRET
        assert both.reseal(KEY)

    def test_seals_anew_what_lay_open_or_under_another_key_and_nothing_else(self, disk):
        SealedStore(disk, [OLD]).put(KEY, SECRET)
        disk.put(OTHER, SECRET)
        both = SealedStore(disk, [NEW, OLD])

        assert [both.reseal(key) for key in (KEY, OTHER)] == [True, True]
        assert [both.reseal(key) for key in (KEY, OTHER)] == [False, False]
        assert SealedStore(disk, [NEW]).get(KEY) == SealedStore(disk, [NEW]).get(OTHER) == SECRET


def use(app, monkeypatch, store) -> None:
    monkeypatch.setitem(app.extensions["second_light_ports"], DocumentStore, store)


class TestDocuments:
    def test_are_sealed_where_they_are_taken_in(self, app):
        document = make_document()

        at = app.extensions["second_light_settings"].data_dir / "documents" / document.storage_key
        assert at.read_bytes().startswith(MARK)
        assert service.content_of(document.id).content == picture()

    def test_of_two_people_have_one_digest_if_they_are_one(self):
        assert make_document().digest == make_document().digest

    def test_without_their_key_are_unavailable_and_the_log_says_which_is_wanted(self, app, disk, monkeypatch):
        old = SealedStore(disk, [OLD])
        use(app, monkeypatch, old)
        document = make_document()
        use(app, monkeypatch, SealedStore(disk, [NEW]))

        with capture_logs() as said, pytest.raises(service.DocumentDamaged, match="cannot be opened right now"):
            service.content_of(document.id)
        assert said == [
            {
                "event": "document_not_opened",
                "log_level": "error",
                "document": str(document.id),
                "why": f"it is sealed under a key that is not set: {old._sealing.name.hex()}",
            }
        ]


class TestReseal:
    @pytest.fixture
    def both(self, app, disk, monkeypatch):
        """Three papers: one under the old key, one in the open, one under the new key already."""
        use(app, monkeypatch, SealedStore(disk, [OLD]))
        old = make_document()
        use(app, monkeypatch, disk)
        plain = make_document()
        store = SealedStore(disk, [NEW, OLD])
        use(app, monkeypatch, store)
        return store, [old, plain, make_document()]

    @pytest.fixture
    def run(self, app):
        return lambda: app.test_cli_runner().invoke(args=["documents", "reseal"])

    def test_all_of_it_opens_with_the_new_key_alone_afterwards(self, app, both, run, disk, monkeypatch):
        result = run()

        assert (result.exit_code, result.output) == (
            0, "3 of 3 looked at, 2 sealed anew\nEvery document is sealed under the first key.\n",
        )  # fmt: skip
        use(app, monkeypatch, SealedStore(disk, [NEW]))
        assert {service.content_of(document.id).content for document in both[1]} == {picture()}
        assert run().output == "3 of 3 looked at, 0 sealed anew\nEvery document is sealed under the first key.\n"

    def test_says_how_far_it_is_and_goes_on_where_it_was_killed(self, both, monkeypatch):
        monkeypatch.setattr("marketplace.documents.resealing.BATCH", 1)
        going = service.reseal()
        first = next(going)
        going.close()  # Whatever ends it: what is done is done.
        rest = list(service.reseal())

        assert (first.looked_at, first.total) == (1, 3)
        assert [one.looked_at for one in rest] == [1, 2, 3, 3]
        assert first.sealed + rest[-1].sealed == 2

    def test_what_it_cannot_open_or_find_is_named_and_the_rest_is_done(self, app, both, run, disk, monkeypatch):
        old, plain, new = both[1]
        disk.delete(new.storage_key)
        use(app, monkeypatch, SealedStore(disk, [NEW]))
        result = run()

        assert result.exit_code == 1
        lines = result.output.splitlines()
        assert f"not sealed\t{new.id}\tits file is not there" in lines
        assert any(
            line.startswith(f"not sealed\t{old.id}\tit is sealed under a key that is not set: ") for line in lines
        )
        assert lines[-1] == "Error: 2 are not sealed anew. Keep every key that they need."
        assert disk.get(plain.storage_key).startswith(MARK)

    def test_brings_nothing_back_that_was_forgotten_meanwhile(self, both, disk, now, monkeypatch):
        forgotten, reseal = both[1][1], resealing._reseal

        def forget_first(document_id):
            if document_id == forgotten.id:
                with unit_of_work():
                    service.forget([document_id], at=now)
                service.erase([forgotten.storage_key])
            return reseal(document_id)

        monkeypatch.setattr(resealing, "_reseal", forget_first)
        [done] = list(service.reseal())

        assert (done.trouble, done.sealed) == ((), 1)
        with pytest.raises(KeyError):
            disk.get(forgotten.storage_key)

    def test_says_so_where_there_is_nothing(self, run):
        assert run().output == "0 of 0 looked at, 0 sealed anew\nEvery document is sealed under the first key.\n"
