"""Running a script of the project in this process."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run_script(name: str, *arguments: object) -> Result:
    """Run ``scripts/<name>.py``; what it raises, other than an exit, is raised here."""
    spec = spec_from_file_location(f"{name}_script", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "app"):
        app = module.app
    else:
        app = typer.Typer()
        app.command()(module.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
