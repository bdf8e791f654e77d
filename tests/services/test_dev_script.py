"""What `dev.py` decides before it can rely on anything but the standard library."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """`dev.py` on a project of its own, with copies of the requirements and no environment."""
    specification = importlib.util.spec_from_file_location("dev_script", ROOT / "dev.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    for path in (ROOT / "requirements").iterdir():
        (requirements / path.name).write_bytes(path.read_bytes())
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    places = {
        "ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python",
        "STAMP": venv / "second-light.json", "REQUIREMENTS": requirements,
    }  # fmt: skip
    for name, value in places.items():
        monkeypatch.setattr(module, name, value)
    return module


class TestLocks:
    def test_of_this_project_are_fresh(self, dev):
        assert dev.stale_lock() is None

    def test_are_stale_when_a_wish_changes_and_not_when_a_comment_does(self, dev):
        wishes = dev.REQUIREMENTS / "app.in"
        wishes.write_text(wishes.read_text() + "# a word to the reader\n")
        assert dev.stale_lock() is None

        wishes.write_text(wishes.read_text() + "one-more-package\n")
        assert dev.stale_lock() == ("requirements/app.txt is older than the .in files: run `python3 dev.py lock`.")

    def test_name_no_place_to_download_from(self, dev):
        path = dev.lock_of("demo")
        path.write_text(path.read_text() + "--find-links http" + "://somewhere\n")
        assert dev.stale_lock().startswith("requirements/demo.txt names an address")

    def test_every_package_has_hashes_and_one_version_in_all_sets(self, dev):
        versions = {}
        for name in dev.SETS:
            for block in dev.lock_of(name).read_text().split("\n# ")[0].replace("\\\n", " ").splitlines()[1:]:
                wish, *hashes = block.split(" --hash=")
                package, _, version = wish.partition("==")
                assert hashes, block
                versions.setdefault((package, version.partition(";")[2].strip()), set()).add(version)
        assert {package for package, found in versions.items() if len(found) > 1} == set()

    def test_give_out_a_single_package_with_its_hashes(self, dev):
        found = dev.only("uv", dev.lock_of("demo")).read_text()
        assert found.startswith("uv==")
        assert found.count("==") == 1
        assert found.count("--hash=sha256:") >= 3


class TestEnvironment:
    def stamp(self, dev, **changes):
        told = {"set": "demo", "lock": dev.digest(dev.lock_of("demo")), **dev.here(), **changes}
        dev.STAMP.write_text(json.dumps(told))

    def test_without_a_stamp_is_not_there(self, dev):
        assert not dev.is_installed("demo")

    def test_serves_its_own_set_and_smaller_ones(self, dev):
        self.stamp(dev)
        assert dev.is_installed("demo")
        assert dev.is_installed("app")
        assert not dev.is_installed("dev")

    @pytest.mark.parametrize("change", [{"lock": "0"}, {"place": "/elsewhere"}, {"python": "/usr/bin/python2"}])
    def test_is_made_anew_after_a_change(self, dev, change):
        self.stamp(dev, **change)
        assert not dev.is_installed("demo")

    def test_is_kept_without_any_program_being_run(self, dev, monkeypatch):
        self.stamp(dev)
        monkeypatch.setattr(dev, "install", lambda _: pytest.fail("nothing has changed"))
        dev.make_environment("demo")

    def test_says_in_a_sentence_that_there_is_no_pip(self, dev, monkeypatch):
        monkeypatch.setattr(dev, "failure_of", lambda *_, **__: "No module named pip")
        monkeypatch.setattr(dev, "bundled_pip", lambda: None)
        monkeypatch.setattr(dev, "distribution_pip", lambda: None)
        with pytest.raises(dev.Trouble, match="There is no pip on this machine: apt-get install python3-venv"):
            dev.a_pip()


class TestSentence:
    @pytest.mark.parametrize(
        ("said", "meaning"),
        [
            ("OSError: [Errno 28] No space left on device", "there is no space left on the disk"),
            ("error: Hash mismatch for flask", "a downloaded package is not the one that was locked"),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "a downloaded package is not the one that was locked"),
            ("error: Failed to fetch\n  dns error: failed to lookup", "there may be no network"),
            ("zipfile.BadZipFile: File is not a zip file", "a downloaded package is broken"),
            ("first\nthe last word", "It failed: the last word"),
        ],
    )
    def test_says_what_happened_and_not_where_in_the_code(self, dev, said, meaning):
        sentence = dev.sentence("It failed", said)
        assert sentence.startswith("It failed: ")
        assert meaning in sentence
        assert "\n" not in sentence


class TestTests:
    def test_a_required_browser_that_is_missing_fails_at_once(self, dev, monkeypatch, capsys):
        monkeypatch.setattr(dev, "make_environment", lambda _: None)
        monkeypatch.setattr(dev.shutil, "which", lambda _: None)
        monkeypatch.setenv("SECOND_LIGHT_REQUIRE_BROWSER", "1")
        assert dev.main(["test"]) == 1
        assert capsys.readouterr().err.startswith("No Chromium was found, and the browser tests are required")

    @pytest.mark.parametrize(
        ("cases", "trouble"),
        [
            ('<testcase classname="tests.journeys.test_sale.TestSale"/>', None),
            ('<testcase classname="tests.journeys.test_sale.TestSale"><skipped/></testcase>', "1 of 1 browser tests"),
            ('<testcase classname="tests.rules.test_money"/>', "0 of 0 browser tests"),
        ],
    )
    def test_required_browser_tests_must_have_run(self, dev, tmp_path, cases, trouble):
        results = tmp_path / "results.xml"
        results.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        if trouble is None:
            dev.expect_journeys(results)
        else:
            with pytest.raises(dev.Trouble, match=trouble):
                dev.expect_journeys(results)


class TestShortLivedFiles:
    @pytest.fixture
    def memory(self, dev, tmp_path, monkeypatch):
        memory = tmp_path / "memory"
        memory.mkdir()
        monkeypatch.setattr(dev, "MEMORY", memory)
        monkeypatch.setattr(dev, "ROOM", 1)
        monkeypatch.setattr(dev.os.path, "ismount", lambda path: path == memory)
        return memory

    def test_lie_in_memory_and_go_with_the_run(self, dev, memory):
        with dev.short_lived_files() as told:
            place = Path(told["TMPDIR"])
            assert place.parent == memory
            assert place.stat().st_mode & 0o777 == 0o700
            (place / "file").touch()

        assert list(memory.iterdir()) == []

    def test_of_a_killed_run_go_with_the_next_and_those_of_a_living_one_stay(self, dev, memory):
        # No process has a number so high: 2**22 is where Linux ends.
        for name in (f"second-light-run-{2**23}", f"second-light-run-{os.getppid()}", "somebody-elses-1"):
            (memory / name).mkdir()

        with dev.short_lived_files():
            pass

        assert sorted(one.name for one in memory.iterdir()) == [f"second-light-run-{os.getppid()}", "somebody-elses-1"]

    @pytest.mark.parametrize("lack", ["room", "mount"])
    def test_lie_where_they_always_do_on_a_machine_without(self, dev, memory, monkeypatch, lack):
        if lack == "room":
            monkeypatch.setattr(dev, "ROOM", 2**62)
        else:
            monkeypatch.setattr(dev.os.path, "ismount", lambda _: False)

        with dev.short_lived_files() as told:
            assert told == {}
        assert list(memory.iterdir()) == []


class TestScript:
    def test_an_unknown_command_is_explained(self):
        answer = subprocess.run(
            [sys.executable, ROOT / "dev.py", "dance"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=dict(os.environ),
        )
        assert answer.returncode == 2
        assert "invalid choice: 'dance'" in answer.stderr

    def test_a_machine_that_refuses_is_one_sentence(self, dev, monkeypatch, capsys):
        def refuse(_):
            raise PermissionError(13, "Permission denied", "/project/.venv")

        monkeypatch.setattr(dev, "make_environment", refuse)
        assert dev.main(["demo"]) == 1
        assert capsys.readouterr().err == "This machine refuses: [Errno 13] Permission denied: '/project/.venv'.\n"
