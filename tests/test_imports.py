"""Who may import whom, beside the contracts in pyproject.toml that `make check` holds."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "diffusers", "transformers", "accelerate"}
TORCH_FREE = {
    "types.py",
    "cjk.py",
    "lru.py",
    "pipeline.py",
    "fake.py",
    "progress.py",
    "pulse.py",
    "models/profiles.py",
    *(
        f"runtime/{name}.py"
        for name in (
            "background",
            "child_main",
            "growth",
            "messages",
            "process",
            "supervisor",
            "watchdog",
            "worker",
        )
    ),
    *(
        f"pictures/{name}.py"
        for name in ("chunks", "codec", "comfy", "foreign", "masks", "metadata", "values")
    ),
}
SEEN_ABOVE = {
    "engine.types",
    "engine.files.loras",
    "engine.pictures.codec",
    "engine.pictures.masks",
    "engine.pictures.metadata",
    "engine.cjk",
    "engine.lru",
}
WIRING = {
    Path("bot/__main__.py"),
    Path("bot/wiring.py"),
    Path("bot/setup/cluster.py"),
    Path("bot/setup/cluster_files.py"),
    Path("bot/setup/models.py"),
}


def _sources(package: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    _name(path): path
    for package in ("bot", "engine", "adapters", "lab", "tests")
    for path in _sources(package)
}


def _imports(path: Path, body: ast.AST | None = None) -> Iterator[str]:
    """Yield the modules that a file imports, in functions and for types as well."""
    for node in ast.walk(body or ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def _loads(path: Path) -> Iterator[str]:
    """Yield what importing a file imports."""
    for statement in ast.parse((ROOT / path).read_text("utf-8")).body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not (
            isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
        ):
            yield from _imports(path, statement)


def test_no_module_imports_itself_by_way_of_others() -> None:
    edges = {
        name: {*_imports(path)} - {name} for name, path in MODULES.items() if not name.startswith("tests.")
    }
    TopologicalSorter(edges).prepare()


def test_nothing_that_is_installed_imports_the_laboratory() -> None:
    installed = [*_sources("bot"), *_sources("engine"), *_sources("adapters")]
    assert [path for path in installed for name in _imports(path) if name.split(".")[0] == "lab"] == []


@pytest.mark.parametrize("package", ["bot", "adapters"])
def test_the_quick_tests_load_no_torch(package: str) -> None:
    seen: dict[str, str] = {}
    waiting = [(name, "") for name in MODULES if name.startswith(f"tests.{package}.")]
    while waiting:
        name, importer = waiting.pop()
        if name in seen:
            continue
        seen[name] = importer
        assert name.split(".")[0] not in HEAVY, (
            f"{importer} imports {name}; {seen[importer]} imports {importer}"
        )
        if name in MODULES:
            parents = name.split(".")
            packages = (".".join(parents[:count]) for count in range(1, len(parents)))
            waiting += [(found, name) for found in (*packages, *_loads(MODULES[name]))]


@pytest.mark.parametrize("path", _sources("bot"), ids=str)
def test_the_bot_knows_only_the_engines_port(path: Path) -> None:
    if path in WIRING:
        return
    names = list(_imports(path))
    assert not [name for name in names if name.split(".")[0] == "adapters"]
    assert not [name for name in names if name.split(".")[0] == "engine" and name not in SEEN_ABOVE]


@pytest.mark.parametrize("path", _sources("adapters"), ids=str)
def test_an_adapter_knows_no_other_adapter(path: Path) -> None:
    own = ".".join(path.parts[:2])
    for name in _imports(path):
        package, _, module = name.partition(".")
        if package == "adapters" and (ROOT / package / module.partition(".")[0]).is_dir():
            assert name.startswith(own)
        assert name.split(".")[0] != "engine" or name in SEEN_ABOVE


@pytest.mark.parametrize("path", [*_sources("bot"), *_sources("adapters")], ids=str)
def test_nothing_above_the_engine_imports_torch(path: Path) -> None:
    assert not [name for name in _imports(path) if name.split(".")[0] in HEAVY]


@pytest.mark.parametrize("name", sorted(TORCH_FREE))
def test_the_engines_outer_modules_import_no_torch(name: str) -> None:
    assert not [found for found in _imports(Path("engine") / name) if found.split(".")[0] in HEAVY]


@pytest.mark.parametrize("path", [*_sources("bot"), *_sources("engine"), *_sources("adapters")], ids=str)
def test_nobody_imports_the_wiring(path: Path) -> None:
    assert "bot.__main__" not in _imports(path)


def test_importing_the_wiring_loads_no_torch() -> None:
    code = (
        "import bot.__main__, sys; print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
