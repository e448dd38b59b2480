# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that show frames: one, the sequence, or beside one's own render of the same frame."""

import os
import tempfile

import bpy

from . import follow, records, state
from .candela_client import CandelaError
from .state import STATE

# Of the difference each colour is the distance times this, as on the manager's page.
GAIN = 8
COMPARISON = "Candela Comparison"


class CandelaShow(bpy.types.Operator):
    """Show frames of a job in the image editor"""

    bl_idname = "candela.show"
    bl_label = "Show"

    job: bpy.props.IntProperty()
    frame: bpy.props.IntProperty()
    way: bpy.props.EnumProperty(
        name="Way",
        items=[
            ("FRAME", "Frame", "Show this frame"),
            ("SEQUENCE", "Sequence", "Show the frames that are there as a sequence"),
            ("SPLIT", "Beside Mine", "Your render on the left, the network's on the right"),
            ("DIFFERENCE", "Difference", "Where your render and the network's differ, times 8"),
        ],
        default="FRAME",
    )

    def execute(self, context):
        """Called by Blender."""
        try:
            files = files_of(self.job)
            if self.way == "SEQUENCE":
                show_sequence(context, files)
                return {"FINISHED"}
            path = files.get(self.frame)
            if path is None:
                raise CandelaError(
                    f"frame {self.frame} of job {self.job} is not in its folder",
                    "choose another frame, or wait until it is verified",
                )
            theirs = load(path)
            if self.way == "FRAME":
                show_image(context, theirs)
            else:
                image, largest, mean = compare(context, theirs, self.way)
                show_image(context, image)
                self.report({"INFO"}, f"Largest difference {largest:.4f}, mean {mean:.6f}")
        except CandelaError as error:
            self.report({"ERROR"}, str(error))
            STATE.say(str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def files_of(job):
    """{frame: path} of a job's frames that are in their folder."""
    record = record_of(job)
    if record is None:
        raise CandelaError(
            f"the frames of job {job} were not fetched to this machine", "press Fetch Frames"
        )
    files = {}
    for number, file in record.files.items():
        path = os.path.join(record.frames_folder, file["name"])
        if os.path.isfile(path):
            files[int(number)] = path
    return files


def record_of(job):
    """What is remembered of a job of the connected manager, or None."""
    client = STATE.connection.client
    if client is None:
        return None
    follower = follow.of(client.address, job)
    return follower.record if follower else records.load(records.folder(), client.address, job)


def load(path):
    """The image of a file, read anew: a frame that was rendered again has the same name."""
    path = os.path.abspath(path)
    for image in bpy.data.images:
        if image.source == "FILE" and os.path.abspath(bpy.path.abspath(image.filepath)) == path:
            image.reload()
            return image
    try:
        return bpy.data.images.load(path)
    except RuntimeError as error:
        raise CandelaError(f"{path} can't be opened as an image", "fetch it again") from error


def show_image(context, image):
    """Shows an image in an image editor: one that is open, or a new window."""
    space = _editor(context)
    if space is not None:
        space.image = image
    return space


def _editor(context):
    """An image editor; none if Blender runs without an interface."""
    windows = getattr(context.window_manager, "windows", ())
    for window in windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                return area.spaces.active
    if bpy.app.background or not len(windows):
        return None
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    return area.spaces.active


def show_sequence(context, files):
    """Shows all frames as a sequence that follows the timeline."""
    if not files:
        raise CandelaError("no frames are there yet", "wait until the first is verified")
    first = min(files)
    name = "Candela " + os.path.basename(os.path.dirname(files[first]))
    image = bpy.data.images.get(name) or load(files[first]).copy()
    image.name = name
    image.filepath = files[first]
    image.source = "SEQUENCE"
    image.reload()
    space = show_image(context, image)
    if space is not None:
        user = space.image_user
        user.frame_start = first
        user.frame_offset = first - 1
        user.frame_duration = max(files) - first + 1
        user.use_auto_refresh = True
    return image


def compare(context, theirs, way):
    """One's own render of the frame and the network's as one image: (image, largest, mean)."""
    try:
        import numpy
    except ImportError as error:
        raise CandelaError(
            "this Blender's Python lacks NumPy, which compares pictures",
            "install NumPy for it, or use Blender's own download",
        ) from error
    mine_image = _render_result(context, theirs)
    try:
        theirs_pixels, mine = _pixels(theirs), _pixels(mine_image)
    finally:
        bpy.data.images.remove(mine_image)
    if mine.shape != theirs_pixels.shape:
        # The network's frame may be smaller: one's own is shown at its size.
        height, width = theirs_pixels.shape[:2]
        rows = numpy.arange(height) * mine.shape[0] // height
        columns = numpy.arange(width) * mine.shape[1] // width
        mine = mine[rows][:, columns]
    distance = numpy.abs(mine[:, :, :3] - theirs_pixels[:, :, :3])
    shown = theirs_pixels.copy()
    if way == "SPLIT":
        middle = shown.shape[1] // 2
        shown[:, :middle] = mine[:, :middle]
        # A line in between: where the two halves agree nothing else says which is which.
        shown[:, middle : middle + max(1, shown.shape[1] // 600)] = (1, 1, 1, 1)
    else:
        shown[:, :, :3] = numpy.clip(distance * GAIN, 0, 1)
        shown[:, :, 3] = 1
    image = bpy.data.images.get(COMPARISON)
    if image is not None and tuple(image.size) != (shown.shape[1], shown.shape[0]):
        bpy.data.images.remove(image)
        image = None
    if image is None:
        image = bpy.data.images.new(COMPARISON, shown.shape[1], shown.shape[0], alpha=True)
    image.colorspace_settings.name = theirs.colorspace_settings.name
    image.pixels.foreach_set(shown.astype(numpy.float32).ravel())
    image.update()
    return image, float(distance.max()), float(distance.mean())


def _pixels(image):
    import numpy

    width, height = image.size
    if not width or not height:
        raise CandelaError(f"the image {image.name} has no pixels", "fetch the frame again")
    values = numpy.empty(width * height * image.channels, numpy.float32)
    image.pixels.foreach_get(values)
    values = values.reshape(height, width, image.channels)
    if image.channels == 4:
        return values
    full = numpy.ones((height, width, 4), numpy.float32)
    full[:, :, : min(3, image.channels)] = values[:, :, : min(3, image.channels)]
    return full


def _render_result(context, like):
    """One's own render, as an image of its own: Blender doesn't give the pixels of the original.

    It is saved as `like` was: Blender gives pixels of 16 and 32 bits as linear ones, others as they are.
    """
    result = bpy.data.images.get("Render Result")
    exr = like.filepath.lower().endswith(".exr")
    ending, form, depth = ".exr", "OPEN_EXR", "32"
    if not exr:
        ending, form, depth = ".png", "PNG", "16" if like.is_float else "8"
    with tempfile.TemporaryDirectory(prefix="candela-") as folder:
        path = os.path.join(folder, "mine" + ending)
        settings = context.scene.render.image_settings
        kept = settings.file_format, settings.color_mode, settings.color_depth
        try:
            settings.file_format, settings.color_mode = form, "RGBA"
            settings.color_depth = depth
            if result is not None:
                result.save_render(path, scene=context.scene)
        except RuntimeError:
            # There is a result, and nothing was rendered into it.
            pass
        finally:
            settings.file_format = kept[0]
            settings.color_mode, settings.color_depth = kept[1], kept[2]
        if not os.path.isfile(path):
            raise CandelaError("there is no render of yours to compare with", "press F12 first")
        image = bpy.data.images.load(path, check_existing=False)
        # Its pixels are read before the file goes.
        image.pack()
        return image


class CandelaOpenFolder(bpy.types.Operator):
    """Open the folder of the frames"""

    bl_idname = "candela.open_folder"
    bl_label = "Open Folder"

    job: bpy.props.IntProperty()

    def execute(self, context):
        """Called by Blender."""
        record = record_of(self.job)
        if record is None or not os.path.isdir(record.frames_folder):
            self.report({"ERROR"}, "The folder isn't there yet: no frame was fetched.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=record.frames_folder)
        state.redraw()
        return {"FINISHED"}


CLASSES = (CandelaShow, CandelaOpenFolder)
