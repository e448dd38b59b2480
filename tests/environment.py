"""What tests in Python need of others: installed once, into an environment of their own below target/."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def go_on_with(here, modules):
    """Goes on in an environment that has these modules; `here`: the folder of the tests, with their
    requirements.txt. Returns if they are there, and otherwise starts the program anew."""
    if all(importlib.util.find_spec(module) for module in modules):
        return
    needs = here / "requirements.txt"
    venv = ROOT / "target" / f"{here.name}-tests" / "venv"
    python = venv / "bin" / "python"
    if Path(sys.prefix) == venv:
        sys.exit(f"the modules of {needs} can't be imported; delete {venv} and try again")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(needs)]
    if subprocess.run(pip, check=False).returncode:
        sys.exit("what the tests need of Python could not be installed")
    os.execv(str(python), [str(python), *sys.argv])
