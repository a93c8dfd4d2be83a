"""Facts about this machine, and readings that settle."""

import sys
from pathlib import Path

import pytest
from torch._inductor.runtime.cache_dir_utils import cache_dir

from engine.memory.probe import (
    COMPILER_CACHE,
    SETTINGS,
    _cgroup_free,
    prepare_environment,
    probe,
    settled,
)


def test_the_largest_of_several_readings_counts() -> None:
    readings = iter([3, 7, 5, 5])
    assert settled(lambda: next(readings), pause=lambda seconds: None) == 7


def test_readings_end_when_two_in_a_row_agree() -> None:
    readings = iter([5, 5])
    assert settled(lambda: next(readings), pause=lambda seconds: None) == 5


def test_a_cpu_has_one_memory_and_computes_in_float32() -> None:
    facts = probe("cpu")
    assert facts.kind == "cpu"
    assert facts.free == facts.host_free
    assert 0 < facts.free <= facts.total
    assert facts.shared
    assert not facts.bfloat16


def test_a_containers_limit_counts_and_the_files_it_has_read_do_not(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("8000\n")
    (tmp_path / "memory.current").write_text("7000\n")
    (tmp_path / "memory.stat").write_text("anon 2000\nactive_file 1500\ninactive_file 3000\n")
    assert _cgroup_free(9999, tmp_path) == 5500
    (tmp_path / "memory.max").write_text("max\n")
    assert _cgroup_free(9999, tmp_path) == 9999
    assert _cgroup_free(9999, tmp_path / "nowhere") == 9999


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no expandable segments")
def test_cuda_grows_its_segments_unless_the_environment_says_otherwise() -> None:
    fresh: dict[str, str] = {}
    prepare_environment("", fresh)
    assert fresh == {SETTINGS[0]: "expandable_segments:True"}
    environment = {SETTINGS[1]: "backend:cudaMallocAsync"}
    prepare_environment("", environment)
    assert environment == {SETTINGS[1]: "backend:cudaMallocAsync"}


def test_the_compiler_keeps_its_work_in_the_folder_it_is_given_unless_the_environment_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPILER_CACHE, str(tmp_path / "own"))
    prepare_environment(str(tmp_path / "compiled"))
    assert cache_dir() == str(tmp_path / "own")
    monkeypatch.delenv(COMPILER_CACHE)
    prepare_environment(str(tmp_path / "compiled"))
    assert cache_dir() == str(tmp_path / "compiled")
