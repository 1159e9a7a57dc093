"""The private directory of a worker: real files, rebuilt by replay, no way out."""

from __future__ import annotations

import os

import pytest

from durable_dsl.engine.sandbox import resolve
from tests.engine.programs import kinds, opened, program, worker

EVERYTHING = program("""
    import pathlib
    os.makedirs("/a/b")
    pathlib.Path("/a/b/one.txt").write_text("one")
    with open("/a/b/one.txt", "a") as file:
        file.write(" and more")
    with open("/a/b/one.txt", "r+b") as file:
        file.seek(4); file.write(b"AND"); file.truncate(12)
    os.rename("/a/b/one.txt", "/a/two.txt")
    os.symlink("two.txt", "/a/link")
    os.link("/a/two.txt", "/a/hard")
    os.utime("/a/hard", (1, 2))
    os.rmdir("/a/b")
    pathlib.Path("/gone").write_text("x"); os.remove("/gone")
    result = [
        sorted(os.listdir("/a")), open("/a/link").read(), os.readlink("/a/link"), os.stat("/a/two.txt").st_nlink,
        os.stat("/a/two.txt").st_mtime, os.path.isdir("/a"), os.path.exists("/gone"), os.path.samefile("/a/hard", "/a/two.txt"),
        [entry.name for entry in os.scandir("/a")], os.listdir("/"),
    ]
""")


def test_ordinary_file_work(tmp_path):
    """Directories, writing, appending, seeking, renaming, links, times, listing."""
    with opened(tmp_path) as engine:
        found = worker(engine).invoke("run", EVERYTHING)

    expected = [
        ["hard", "link", "two.txt"], "one AND more", "two.txt", 2, 2.0, True, False, True,
        ["hard", "link", "two.txt"], ["a"],
    ]  # fmt: skip
    assert str(expected) == found


def test_a_restart_rebuilds_files_and_their_times(tmp_path):
    """Contents come from repeating the calls, times from the oplog."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", EVERYTHING)
        looks = (
            'result = [(e.name, e.stat(follow_symlinks=False)) for e in os.scandir("/a")], open("/a/two.txt").read()'
        )
        first = worker(engine).invoke("run", looks)
    with opened(tmp_path) as engine:
        assert first == worker(engine).invoke("run", looks)


def test_errors_are_the_system_s(tmp_path):
    """What fails here fails as it does elsewhere."""
    source = program("""
        def failing(call):
            try:
                call()
            except OSError as error:
                return type(error).__name__
        os.mkdir("/d"); open("/d/f", "w").close()
        result = [
            failing(lambda: open("/nothing")), failing(lambda: os.mkdir("/d")), failing(lambda: os.rmdir("/d")),
            failing(lambda: open("/d", "w")), failing(lambda: os.listdir("/d/f")), failing(lambda: os.remove("/d")),
        ]
    """)
    expected = [
        "FileNotFoundError", "FileExistsError", "OSError", "IsADirectoryError", "NotADirectoryError", "IsADirectoryError",
    ]  # fmt: skip
    with opened(tmp_path) as engine:
        assert str(expected) == worker(engine).invoke("run", source)


def test_nothing_leads_out(tmp_path):
    """Neither `..` nor links, however made, reach a file outside."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    source = program(f"""
        def reading(path):
            try:
                return open(path).read()
            except OSError as error:
                return type(error).__name__
        def linking(target, path):
            try:
                os.symlink(target, path)
            except OSError as error:
                return type(error).__name__
        up = "/" + "../" * 20 + {str(secret)[1:]!r}
        made = [linking({str(secret)!r}, "/absolute"), linking("../" * 20 + {str(secret)[1:]!r}, "/relative")]
        os.mkdir("/d")
        linking("..", "/d/up")
        linking("/d/up/../../..", "/d/far")
        result = made, [reading(path) for path in (up, "/absolute", "/relative", "/d/up/../" + {str(secret)[1:]!r}, "/d/far/etc/passwd")]
    """)
    with opened(tmp_path / "data") as engine:
        found = worker(engine).invoke("run", source)

    assert "secret" not in found.replace(str(secret), "")
    assert "root:" not in found


def test_resolving_walks_links_itself(tmp_path):
    """Links inside are followed, loops end, the last component need not exist."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_text("x")
    (tmp_path / "in").symlink_to("d/file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out").symlink_to("..")
    root = os.open(tmp_path, os.O_RDONLY)

    def named(path, *, follow=True):
        with resolve(root, path, follow=follow) as place:
            return place.name, os.path.realpath(f"/proc/self/fd/{place.directory}") == str(tmp_path / "d")

    assert ("file", True) == named("in")
    assert ("in", False) == named("in", follow=False)
    assert ("new", True) == named("d/./new")
    assert ("d", False) == named("d/../d")
    for path in ("loop", "out", "../x", "/etc/passwd", "d/../../x", "out/x"):
        with pytest.raises(OSError, match=r"symbolic links|not permitted"):
            named(path)
    os.close(root)


def test_only_looks_at_files_are_recorded(tmp_path):
    """Reads and writes are repeated, so they need no entries."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "open('/f', 'w').write('x'); os.stat('/f')")

        recorded = {kind for kind in kinds(one)[2:-1]}
        assert {
            "filesystem::types::descriptor::stat",
            "filesystem::types::descriptor::stat_at",
        } == recorded


def test_an_instance_s_directory_goes_with_it(tmp_path, monkeypatch):
    """Nothing is left behind in the system's temporary directory."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    with opened(tmp_path / "data") as engine:
        worker(engine).invoke("run", "open('/f', 'w').write('x')")
        assert len(list((tmp_path / "tmp").iterdir())) == 1

    assert [] == list((tmp_path / "tmp").iterdir())
