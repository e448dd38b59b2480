# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a Blender with its interface: brings the panel into each state, and saves pictures of it.

Started by `run.py pictures`, on a screen in memory. The pictures are for people to look at; what is
tested is that each state is reached, and that drawing it prints no error.
"""

import os
import sys
import time
import traceback

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import in_blender  # noqa: E402

SETTINGS, FOLDER = in_blender.SETTINGS, in_blender.FOLDER
WAIT_S = 240


# As wide as people have it.
WIDTH_PX = 420


def split(window):
    """Makes an area that is as wide as people have it, and high. Its size is right once it was drawn."""
    screen = window.screen
    area = max(screen.areas, key=lambda area: area.width * area.height)
    with bpy.context.temp_override(
        window=window, screen=screen, area=area, region=area.regions[-1]
    ):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=WIDTH_PX / area.width)
    # Blender's own panels of this tab would push the add-on's out of the picture.
    for cls in bpy.types.Panel.__subclasses__():
        own = cls.__name__.startswith("CANDELA")
        if getattr(cls, "bl_context", "") == "render" and cls.is_registered and not own:
            bpy.utils.unregister_class(cls)


def properties(window):
    """The area for properties."""
    high = [area for area in window.screen.areas if area.height > 500]
    area = min(high, key=lambda one: abs(one.width - WIDTH_PX))
    area.type = "PROPERTIES"
    return area


def picture(name, window, area):
    """A picture of the area as it's drawn now."""
    path = os.path.join(FOLDER, f"{name}.png")
    with bpy.context.temp_override(window=window, area=area, screen=window.screen):
        bpy.ops.screen.screenshot_area(filepath=path)
    return path


def states(addon, name):
    """Brings the panel into one state after the other; yields the picture's name, or None to wait."""
    state = addon.state.STATE
    window = bpy.context.window_manager.windows[0]
    preferences = in_blender.preferences(name)

    def until(what, holds):
        end = time.monotonic() + WAIT_S
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {WAIT_S} s; {state.error or state.note}")
            yield None

    preferences.address = SETTINGS["manager"]
    yield "01 disconnected"
    preferences.token = SETTINGS["wrong"]["expired"]
    bpy.ops.candela.connect()
    yield from until("refused", lambda: state.connection.status == "FAILED")
    yield "02 expired token"
    preferences.token = SETTINGS["token"]
    bpy.ops.candela.connect()
    yield from until("connected", lambda: state.connection.status in ("ON", "FAILED"))
    yield from until("jobs", lambda: not addon.state.is_busy())
    yield "03 connected"
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_EEVEE"
    scene.cycles.time_limit = 5
    scene.camera = None
    thing = next(thing for thing in scene.objects if thing.type == "MESH")
    thing.modifiers.new("Cloth", "CLOTH")
    image = bpy.data.images.new("oak", 4, 4)
    image.source, image.filepath = "FILE", "//textures/oak floor, worn.png"
    bpy.ops.candela.check()
    yield "04 findings"
    try:
        bpy.ops.candela.submit()
    except RuntimeError:
        pass
    yield "05 not submitted"
    for finding in list(state.findings):
        if finding.fix not in ("", "FIND_FILES", "SAVE", "SHOW_IMAGE", "SELECT"):
            bpy.ops.candela.fix(fix=finding.fix, target=finding.target)
    thing.modifiers.clear()
    bpy.data.images.remove(image)
    bpy.ops.candela.check()
    yield from until("estimated", lambda: not addon.state.is_busy())
    yield "06 checked"
    # Slow enough to be seen: the upload waits while the manager is away.
    asked = os.path.join(SETTINGS["control"], "kill")
    open(asked, "wb").close()
    yield from until("killed", lambda: not os.path.exists(asked))
    bpy.ops.candela.submit()
    yield from until("waits", lambda: state.submission.waits_for)
    yield "07 uploading while the manager is away"
    asked = os.path.join(SETTINGS["control"], "start")
    open(asked, "wb").close()
    yield from until("submitted", lambda: not state.submission.goes_on)
    job = state.submission.job
    follow, address = addon.follow, state.connection.client.address
    yield from until("followed", lambda: follow.of(address, job) is not None)
    follower = follow.of(address, job)
    yield from until("the first frame", lambda: follower.done >= 1)
    bpy.context.window_manager.candela.frame = 1
    yield "08 frames land"
    yield from until("over", lambda: follower.status != "ON")
    yield from until("all is told", lambda: not addon.state.is_busy())
    yield "09 done"
    other = max(window.screen.areas, key=lambda one: one.width * one.height)
    kind, other.type = other.type, "IMAGE_EDITOR"
    bpy.ops.candela.show(job=job, frame=1, way="SEQUENCE")
    yield "09a sequence", other
    yield from until("rendered", render_small)
    for way in ("SPLIT", "DIFFERENCE"):
        bpy.ops.candela.show(job=job, frame=1, way=way)
        yield f"09b {way.lower()}", other
    other.type = kind
    windows = len(bpy.context.window_manager.windows)
    bpy.ops.candela.show(job=job, frame=2, way="FRAME")
    assert len(bpy.context.window_manager.windows) == windows + 1, "a new window shows it"
    bpy.ops.candela.dispute(job=job, frame=1, comment="the lamp is missing")
    yield from until("decided", lambda: "dismissed" in claim_of(follow.of(address, job), 1))
    yield "10 claim dismissed"
    scene.cycles.use_denoising = True
    scene.candela.frames_from, scene.candela.frames_text = "TEXT", "5,1-"
    bpy.ops.candela.check()
    yield "11 frames not understood"


def render_small():
    """One's own render of the first frame, as F12 makes it."""
    bpy.context.scene.frame_set(1)
    bpy.ops.render.render()
    return True


def claim_of(follower, number):
    return ((follower.frames.get(number) or {}).get("claim") or {}).get("status", "")


def main():
    """A timer takes one step after the other, so that Blender draws in between."""
    path = os.path.join(FOLDER, "shot one", "lamp.blend")
    in_blender.scene_with(path, samples=64)
    bpy.context.scene.frame_end = 4
    bpy.ops.wm.save_mainfile()
    addon, name = in_blender.install()
    bpy.context.preferences.view.show_splash = False
    window = bpy.context.window_manager.windows[0]
    split(window)
    steps = states(addon, name)
    made, waiting = [], {"picture": None, "draws": 0, "area": None, "of": None}

    def show_area():
        waiting["area"] = properties(window)
        bpy.app.timers.register(show_tab, first_interval=1)

    def show_tab():
        # Once the area was drawn it knows its tabs.
        waiting["area"].spaces[0].context = "RENDER"
        bpy.app.timers.register(step, first_interval=1, persistent=True)

    def finish(code):
        print("pictures", len(made), flush=True)
        sys.stdout.flush()
        os._exit(code)

    def step():
        try:
            if waiting["picture"]:
                waiting["draws"] += 1
                if waiting["draws"] < 4:
                    (waiting["of"] or waiting["area"]).tag_redraw()
                    return 0.15
                made.append(picture(waiting["picture"], window, waiting["of"] or waiting["area"]))
                waiting["picture"] = None
            wanted, waiting["draws"] = next(steps), 0
            name, waiting["of"] = wanted if isinstance(wanted, tuple) else (wanted, None)
            waiting["picture"] = name
            return 0.1
        except StopIteration:
            finish(0)
        except BaseException:
            traceback.print_exc()
            finish(1)

    bpy.app.timers.register(show_area, first_interval=2)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)
