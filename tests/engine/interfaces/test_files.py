"""The private directory of a worker: real files, rebuilt by replay, no way out."""

from __future__ import annotations

import os

import pytest

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.grants.sandbox import resolve
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
        os.stat("/a/two.txt").st_mtime, os.path.isdir("/a"), os.path.exists("/gone"),
        os.path.samefile("/a/hard", "/a/two.txt"),
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
            failing(lambda: os.read(os.open("/d", os.O_RDONLY), 1)),
        ]
    """)
    expected = [
        "FileNotFoundError", "FileExistsError", "OSError",
        "IsADirectoryError", "NotADirectoryError", "IsADirectoryError", "IsADirectoryError",
    ]  # fmt: skip
    with opened(tmp_path) as engine:
        assert str(expected) == worker(engine).invoke("run", source)


@pytest.mark.guarantee("GRANT-1")
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
        tries = up, "/absolute", "/relative", "/d/up/../" + {str(secret)[1:]!r}, "/d/far/etc/passwd"
        result = made, [reading(path) for path in tries]
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

        recorded = set(kinds(one)[2:-1])
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


def test_a_directory_of_this_machine(tmp_path):
    """Seen where it was given; reads come from the oplog in replay, writes are not done again."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "in.txt").write_text("first")
    source = program("""
        before = open("/shared/in.txt").read()
        with open("/shared/out.txt", "a") as file:
            file.write("line\\n")
        os.makedirs("/shared/made/deep")
        state["seen"] = before, sorted(os.listdir("/shared")), os.stat("/shared/in.txt").st_size, os.listdir("/")
    """)
    with opened(tmp_path / "data", dirs=[f"{shared}::/shared"]) as engine:
        worker(engine).invoke("run", source)
    assert "line\n" == (shared / "out.txt").read_text()
    (shared / "in.txt").write_text("changed since")
    (shared / "out.txt").write_text("")
    with opened(tmp_path / "data", dirs=[f"{shared}::/shared"]) as engine:
        one = worker(engine)

        assert "('first', ['in.txt', 'made', 'out.txt'], 5, [])" == one.invoke("run", "result = state['seen']")
        assert "" == (shared / "out.txt").read_text()
        assert "changed since" == one.invoke("run", "result = open('/shared/in.txt').read()")


def test_a_handle_that_replay_rebuilt_is_opened_when_it_is_used(tmp_path):
    """An open file survives a restart, at its offset."""
    (tmp_path / "log").write_text("one two")
    with opened(tmp_path / "data", dirs=[f"{tmp_path}::/here"]) as engine:
        worker(engine).invoke("run", "state['f'] = open('/here/log', 'r+b', buffering=0); state['f'].read(4)")
    with opened(tmp_path / "data", dirs=[f"{tmp_path}::/here"]) as engine:
        assert "b'two'" == worker(engine).invoke("run", "result = state['f'].read(9)")
        worker(engine).invoke("run", "state['f'].write(b' three')")

    assert "one two three" == (tmp_path / "log").read_text()


def test_a_read_only_directory_cannot_be_written(tmp_path):
    """Whatever the way, and there is no way out of it either."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("x")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in" / "link").symlink_to("../secret")
    source = program("""
        def trying(call):
            try:
                return call()
            except OSError as error:
                return error.errno
        result = [trying(call) for call in (
            lambda: open("/in/file").read(), lambda: open("/in/file", "w"), lambda: open("/in/new", "w"),
            lambda: os.remove("/in/file"), lambda: os.mkdir("/in/d"), lambda: os.rename("/in/file", "/in/g"),
            lambda: os.utime("/in/file"), lambda: os.symlink("x", "/in/l"), lambda: open("/in/link").read(),
            lambda: open("/in/../secret").read(), lambda: os.rename("/in/file", "/file"),
        )]
    """)
    with opened(tmp_path / "data", dirs=[f"{tmp_path / 'in'}::/in:ro"]) as engine:
        found = worker(engine).invoke("run", source)

    assert found.startswith("['x', 69, 69, 69, 69, 69, 69, 69, ")
    assert "secret" not in found
    assert ["file", "link"] == sorted(path.name for path in (tmp_path / "in").iterdir())


@pytest.mark.parametrize("text", ["/tmp", "/tmp::data", "/no/such/place::/data", "::/data", "/tmp::/"])
def test_directories_that_cannot_be_given(tmp_path, text):
    """Said when the engine is opened."""
    with pytest.raises(UsageError):
        opened(tmp_path, dirs=[text])


def test_reading_a_private_file_leaves_its_access_time(tmp_path):
    """Replay reads it again, at another time: what is reported afterwards is the same."""
    with opened(tmp_path) as engine:
        source = """
            open("/f", "w").write("text")
            os.utime("/f", ns=(1, 2))
            open("/f").read()
        """
        worker(engine).invoke("run", program(source))
        looks = "result = os.stat('/f').st_atime_ns"
        assert "1" == worker(engine).invoke("run", looks)
    with opened(tmp_path) as engine:
        assert "1" == worker(engine).invoke("run", looks)


def test_a_file_is_no_directory(tmp_path):
    """Also where only the path says that one is meant."""
    with opened(tmp_path) as engine:
        source = """
            open("/f", "w").write("text")
            try:
                open("/f/")
            except NotADirectoryError:
                result = "refused"
        """
        assert "refused" == worker(engine).invoke("run", program(source))
