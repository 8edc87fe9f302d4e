from pathlib import Path

import pytest

from worker.engine.measure.environment import cpu_name, environment, saturates, versions


def cpu(folder: Path, flags: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(
        f"processor\t: 0\nmodel name\t: Abacus 9\nflags\t\t: {flags}\n\nprocessor\t: 1\n"
    )
    return path


@pytest.mark.parametrize(
    ("flags", "saturating"),
    [("sse avx2 avx512f", True), ("avx2 avx512_vnni", False), ("avx2 avx_vnni", False)],
)
def test_products_saturate_where_the_cpu_has_no_integer_dot_product(
    tmp_path: Path, flags: str, saturating: bool
) -> None:
    assert saturates(cpu(tmp_path, flags), machine="x86_64") is saturating


def test_arm_has_its_own_instructions(tmp_path: Path) -> None:
    assert saturates(cpu(tmp_path, ""), machine="aarch64") is False


def test_the_cpu_is_named(tmp_path: Path) -> None:
    assert cpu_name(cpu(tmp_path, "sse")) == "Abacus 9"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\n")
    assert cpu_name(tmp_path / "cpuinfo")


def test_a_report_is_stamped_with_what_ran() -> None:
    stamp = environment(threads=3, device="cpu", seed=17)
    assert (stamp.threads, stamp.device, stamp.seed) == (3, "cpu", 17)
    assert stamp.cores >= 1
    assert stamp.libraries == versions()
    assert {"python", "onnx", "onnxruntime", "numpy"} <= stamp.libraries.keys()
