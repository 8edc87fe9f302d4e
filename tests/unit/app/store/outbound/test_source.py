import pytest

from app.store.outbound import Allowed, Buckets, InBucket, Place, source
from lathe.errors import AddressRefused

OPEN = Buckets.parse("models, shared/exports/")


def test_an_object_of_an_open_bucket_or_folder_is_a_source() -> None:
    for text in ("s3://models/a/b.onnx", "s3://shared/exports/c.npz", "S3://models/x"):
        found = source(text, Allowed(), OPEN, "source")
        assert isinstance(found, InBucket)
        assert found.shown.lower() == text.lower()
    assert isinstance(source("https://a.example/m", Allowed(), OPEN, "source"), Place)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://other/a", "LATHE_SOURCES_S3_BUCKETS"),
        ("s3://shared/a", "LATHE_SOURCES_S3_BUCKETS"),
        ("s3://shared/exports-of-others/a", "LATHE_SOURCES_S3_BUCKETS"),
        ("s3://shared/exports/../a", "with .. in it"),
        ("s3://models", "s3://bucket/key"),
        ("s3://models/folder/", "s3://bucket/key"),
        ("s3:///key", "s3://bucket/key"),
        ("s3://models/" + "k" * 1025, "s3://bucket/key"),
        ("file:///etc/passwd", "no address"),
        ("models/a", "no address"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        source(text, Allowed(), OPEN, "source")
    assert said in refused.value.detail
    assert refused.value.param == "source"


@pytest.mark.parametrize("entry", ["A", "s3://models", "models//x", "a"])
def test_an_entry_that_is_no_bucket_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is no bucket"):
        Buckets.parse(f"models,{entry}")
