# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the manager is, and who asks. Blender keeps it in the user's preferences, never in a .blend."""

import getpass

import bpy

from .candela_client import CandelaError
from .candela_client.transport import base_of, is_loopback
from . import state


def _changed(self, context):
    """Another address or token: what is known of the manager holds no more."""
    state.STATE.disconnect()
    context.preferences.is_dirty = True


class CandelaPreferences(bpy.types.AddonPreferences):
    """Settings of the add-on."""

    bl_idname = __package__

    address: bpy.props.StringProperty(
        name="Manager",
        description="Address of a manager of the network, like http://manager.example:4470",
        default="http://127.0.0.1:4470",
        update=_changed,
    )
    token: bpy.props.StringProperty(
        name="Token",
        description="Needed unless the manager is on this machine. It is kept in Blender's "
        "preferences, never in a .blend",
        subtype="PASSWORD",
        update=_changed,
    )
    user: bpy.props.StringProperty(
        name="Name",
        description="Whose jobs they are, where the token doesn't say it; your user name if empty",
        update=_changed,
    )
    messages: bpy.props.BoolProperty(
        name="Message when a job ends",
        description="Shows a message of the desktop when a job is over",
        default=True,
    )

    def draw(self, context):
        """Called by Blender."""
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "address")
        column.prop(self, "token")
        hint = {"placeholder": user_name(self)} if _HINTS else {}
        column.prop(self, "user", **hint)
        column.prop(self, "messages")
        row = self.layout.row()
        row.operator("candela.connect", icon="LINKED")
        connection = state.STATE.connection
        if connection.text:
            icon = "ERROR" if connection.status == "FAILED" else "CHECKMARK"
            row.label(text=connection.text, icon=icon)


# Text shown in an empty field came with 4.1.
_HINTS = bpy.app.version >= (4, 1, 0)


def get(context=None):
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[__package__].preferences


def user_name(preferences):
    """Whose jobs they are, where the token doesn't say it."""
    if preferences.user.strip():
        return preferences.user.strip()
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "anonymous"


def check_online(address):
    """Blender can be told to stay offline; a manager on this machine is no matter of that."""
    host = base_of(address)[1]
    if getattr(bpy.app, "online_access", True) or is_loopback(host):
        return
    raise CandelaError(
        "Blender is set to work offline", "allow online access in Preferences, System, Network"
    )


CLASSES = (CandelaPreferences,)
