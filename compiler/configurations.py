"""Variants and their configurations, found by folders and by name or file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compiler.errors import MalformedFile, UnknownName
from rtl.variants import homes, part

FILE_SUFFIX = ".json"
_HERE = Path(__file__).parent


def variants() -> tuple[str, ...]:
    """Every variant that has a back end. Raises VariantError."""
    found = homes().values()
    return tuple(home.name for home in found if home.outside or (_HERE / home.name / "__init__.py").is_file())


def configs_of(variant: str) -> tuple[str, ...]:
    """The names of a variant's own configurations. Raises UnknownName."""
    if variant not in variants():
        raise UnknownName(f"no accelerator '{variant}': there are {', '.join(variants())}")
    return tuple(part(variant, "config").CONFIGS)


def config_of(variant: str, name: str) -> Any:
    """A variant's configuration: one of its own, or that of a .json file. Raises UnknownName, and MalformedFile."""
    if variant not in variants():
        raise UnknownName(f"no accelerator '{variant}': there are {', '.join(variants())}")
    module = part(variant, "config")
    if name.endswith(FILE_SUFFIX):
        if not hasattr(module, "from_json"):
            raise UnknownName(f"{variant} has no configurations in files: '{name}'")
        return _read(Path(name), module)
    if name not in module.CONFIGS:
        raise UnknownName(f"{variant} has no configuration '{name}': there are {', '.join(module.CONFIGS)}")
    return module.CONFIGS[name]


def short_name(config: str) -> str:
    """The name of a configuration, or of its file, as a part of other files' names."""
    return Path(config).stem.replace(".", "_") if config.endswith(FILE_SUFFIX) else config


def _read(path: Path, module: Any) -> Any:
    """The configuration that a file says; its name is the file's, absolute."""
    try:
        return module.from_json(path.read_text(encoding="utf-8"), str(path.resolve()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise MalformedFile(f"cannot be read: {reason}", file=str(path)) from None
    except (module.ConfigError, RecursionError) as error:
        raise MalformedFile(f"is no configuration: {error}", file=str(path)) from None
