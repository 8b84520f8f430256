import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from server.backend.model_store import ModelStore
from server.command_errors import SettingsError
from server.errors import StoreError
from tests.support import s3
from tests.support.tables import for_each, for_each_in


@pytest.fixture(scope="module")
def s3_server() -> Iterator[dict[str, str]]:
    """A running S3 server."""
    with s3.running_server() as variables:
        yield variables


@pytest.fixture
def stores(
    s3_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, ModelStore]]:
    """Empty stores: in a folder that does not exist yet, in memory, and in a bucket that does not exist yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    in_folder = ModelStore(str(tmp_path / "data" / "models"))
    in_memory = ModelStore(f"memory://{uuid.uuid4().hex}/models")
    in_bucket = ModelStore(f"s3://bucket-{uuid.uuid4().hex}/models")
    in_bucket.check()
    yield {"folder": in_folder, "memory": in_memory, "s3": in_bucket}
    for name in in_memory.list_names():
        in_memory.remove(name)


in_every_store = for_each_in("stores", "store")


def publish(store: ModelStore, label: str, content: bytes = b"array") -> str:
    with store.publish(label) as (name, open_file):
        for file_name in ("a.npy", "manifest.json"):
            with open_file(file_name, "wb") as file:
                file.write(content)
    return name


def read(store: ModelStore, name: str, file_name: str) -> bytes:
    with store.opener(name)(file_name, "rb") as file:
        return file.read()


@in_every_store
def test_a_published_artifact_can_be_read(store: ModelStore) -> None:
    name = publish(store, "run-1", b"numbers")

    assert name.startswith("run-1-")
    assert store.list_names() == [name]
    assert [read(store, name, file_name) for file_name in ("a.npy", "manifest.json")] == [b"numbers"] * 2
    assert store.size_bytes(name) == 14


@in_every_store
def test_artifacts_with_the_same_label_have_different_names(store: ModelStore) -> None:
    names = [publish(store, "run-1") for _ in range(3)]

    assert store.list_names() == sorted(set(names))
    assert len(set(names)) == 3


def test_an_artifact_in_a_folder_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path / "models"))
    with store.publish("run-1") as (name, open_file):
        with open_file("a.npy", "wb") as file:
            file.write(b"array")
        names_before = store.list_names()

    assert names_before == [f".partial-{name}"]
    assert store.list_names() == [name]


@in_every_store
@for_each("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_artifact_leaves_nothing_behind(store: ModelStore, error: BaseException) -> None:
    kept = [*store.list_names(), publish(store, "run-1")]

    def publish_and_fail() -> None:
        with store.publish("run-2") as (_, open_file):
            with open_file("a.npy", "wb") as file:
                file.write(b"array")
            raise error

    with pytest.raises(type(error)):
        publish_and_fail()

    assert sorted(store.list_names()) == sorted(kept)


@in_every_store
def test_a_store_without_a_folder_is_empty(store: ModelStore) -> None:
    assert store.list_names() == []


@in_every_store
def test_a_store_can_be_checked_before_it_is_used(store: ModelStore) -> None:
    store.check()
    store.check()

    assert store.list_names() == []


def test_a_store_inside_a_file_is_a_settings_error(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()

    with pytest.raises(SettingsError, match=r"^MATINEE_MODEL_STORE '.*file/models' cannot be used: Not a directory\.$"):
        ModelStore(str(tmp_path / "file" / "models")).check()


@in_every_store
def test_removing_an_artifact_twice_is_harmless(store: ModelStore) -> None:
    kept, removed = publish(store, "run-1"), publish(store, "run-2")

    store.remove(removed)
    store.remove(removed)

    assert store.list_names() == [kept]
    with pytest.raises(FileNotFoundError):
        read(store, removed, "a.npy")


@for_each("url", ["nosuch://bucket/models", "file:///models::nosuch://x"])
def test_a_url_with_an_unknown_scheme_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^MATINEE_MODEL_STORE '.*' cannot be opened: "):
        ModelStore(url)


def test_a_store_that_cannot_be_opened_is_named_without_its_password() -> None:
    with pytest.raises(SettingsError) as raised:
        ModelStore("ftp://me:se/cr@et@127.0.0.1:1/models")

    sentence = r"MATINEE_MODEL_STORE 'ftp://\*\*\*@127\.0\.0\.1:1/models' cannot be opened: \w+Error"
    assert re.fullmatch(sentence, str(raised.value))


@in_every_store
def test_a_store_can_be_written_to(store: ModelStore) -> None:
    store.check_writable()

    assert store.list_names() == []


class Unreachable(MemoryFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A file system whose server does not answer."""

    def refuse(self, *_arguments: object, **_options: object) -> object:
        """Refuse the connection."""
        raise ConnectionRefusedError(111, "Connection refused")

    open = makedirs = pipe_file = isdir = refuse


def test_a_remote_store_that_does_not_answer_is_a_store_error() -> None:
    store = ModelStore("memory://models")
    store.file_system = Unreachable()

    with pytest.raises(StoreError, match=r"The model store does not answer: .*Connection refused"):
        store.check_writable()
    with pytest.raises(StoreError), store.opener("run-1")("manifest.json", "rb"):
        pass
    with pytest.raises(SettingsError, match=r"cannot be used\. The model store does not answer"):
        store.check()


def test_arrays_of_a_remote_store_are_read_through_a_local_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = ModelStore(f"memory://{uuid.uuid4().hex}/models")
    name = publish(store, "run-1", b"numbers")
    first = read(store, name, "a.npy")
    store.file_system.rm_file(f"{store.root}/{name}/a.npy")

    again = read(store, name, "a.npy")
    store.drop_cached(name)

    assert first == again == b"numbers"
    with pytest.raises(FileNotFoundError):
        read(store, name, "a.npy")
