# SPDX-License-Identifier: GPL-3.0-or-later
"""A message on the desktop, by whatever the system has for that; where it has nothing, none."""

import contextlib
import os
import shutil
import subprocess
import sys

# PowerShell takes the texts from the environment: a job's name is never part of a program.
_WINDOWS = """
Add-Type -AssemblyName System.Windows.Forms
$icon = New-Object System.Windows.Forms.NotifyIcon
$icon.Icon = [System.Drawing.SystemIcons]::Information
$icon.Visible = $true
$icon.ShowBalloonTip(8000, $env:CANDELA_TITLE, $env:CANDELA_TEXT, 'Info')
Start-Sleep -Seconds 9
$icon.Dispose()
"""
_MACOS = (
    "on run arguments\n"
    "display notification (item 2 of arguments) with title (item 1 of arguments)\n"
    "end run"
)


def command(title, text, platform=None):
    """What to run, or None."""
    platform = platform or sys.platform
    if platform == "darwin":
        return ["osascript", "-e", _MACOS, title, text]
    if platform == "win32":
        return ["powershell", "-NoProfile", "-WindowStyle", "Hidden", "-Command", _WINDOWS]
    # Texts that begin with a dash are no options.
    return ["notify-send", "--app-name=Candela", "--", title, text]


def send(title, text):
    """Shows it; never fails, and never waits."""
    run = command(title, text)
    if shutil.which(run[0]) is None:
        return False
    environment = {**os.environ, "CANDELA_TITLE": title, "CANDELA_TEXT": text}
    with contextlib.suppress(OSError):
        subprocess.Popen(
            run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return True
    return False
