"""The entry point: commands found lazily, every error in two lines."""

import os
import subprocess
import sys

import pytest

from aivsreal import __version__
from aivsreal.cli.main import COMMANDS
from tests.cli.runner import run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name):
    result = run(name, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: aivsreal")
    assert "Example" in result.stdout


def test_help_lists_every_command_and_exit_code():
    result = run("--help")

    assert result.exit_code == 0
    for name, (_, summary) in COMMANDS.items():
        assert name in result.stdout
        assert summary in result.stdout
    assert "Exit codes:" in result.stdout


def test_help_imports_no_command():
    code = (
        "import sys\nfrom aivsreal.cli.main import main\nsys.argv[1:] = ['--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('numpy', 'pydantic', 'torch', 'rich') if name in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1] == "[]"


def test_the_version_is_printed():
    assert run("--version").stdout == f"aivsreal {__version__}\n"


def test_no_command_shows_help_and_fails():
    result = run()

    assert result.exit_code == 2
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    ("args", "reason", "hint"),
    [
        (["predct"], "there is no command 'predct'", "did you mean `aivsreal predict`?"),
        (["zzz"], "there is no command 'zzz'", "`aivsreal --help` lists the commands"),
        (["--loud"], "no such option '--loud'", "`aivsreal --help` shows what it takes"),
        (["predict"], "missing argument 'PATH...'", "`aivsreal predict --help` shows what it takes"),
        (["predict", "--workers", "no", "x"], "invalid value for '--workers'", "`aivsreal predict --help`"),
        (["predict", "a", "--json", "--csv"], "--json and --csv exclude each other", "call it twice"),
        (["completion", "tcsh"], "invalid value", "`aivsreal completion --help`"),
    ],
)
def test_wrong_usage_is_told_in_two_lines(args, reason, hint):
    result = run(*args)

    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith(f"aivsreal: {reason}")
    assert second.startswith(f"hint: {hint}")
    assert result.stdout == ""


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path):
    for args in (["--debug", "models", "show", tmp_path], ["models", "show", tmp_path, "--debug"]):
        output = subprocess.run(
            [sys.executable, "-m", "aivsreal", *map(str, args)], capture_output=True, text=True
        )
        assert output.returncode == 1
        assert "Traceback" in output.stderr
        assert "BadBundle" in output.stderr


def test_without_debug_there_is_no_traceback(tmp_path):
    result = run("models", "show", tmp_path)

    assert result.exit_code == 5
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell):
    result = run("completion", shell)

    assert result.exit_code == 0
    assert "_AIVSREAL_COMPLETE" in result.stdout


def test_a_shell_completes_commands(monkeypatch):
    monkeypatch.setenv("_AIVSREAL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "aivsreal pr")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert run().stdout.split() == ["plain,predict"]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_closed_output_is_no_fault_of_the_program():
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m aivsreal models list >&-"], capture_output=True, text=True
    )

    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["predict", "models show", "audit"])
def test_a_name_too_long_to_be_a_path_is_told_in_two_lines(command):
    result = run(*command.split(), "n" * 5000)

    assert 2 <= result.exit_code <= 5
    assert result.stderr.startswith("aivsreal: ")
    assert result.stderr.splitlines()[1].startswith("hint: ")
