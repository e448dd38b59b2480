"""From layers to output, and the settings of a scene that a request changes for a while."""

import contextlib
import os

import bpy

# What a request may change, by owner; `Original` puts it back before the next request.
_RENDER = (
    "engine resolution_x resolution_y resolution_percentage use_border use_crop_to_border "
    "use_single_layer compositor_device compositor_denoise_device "
    "use_compositing use_sequencer use_multiview use_stamp filepath "
    "threads_mode threads border_min_x border_max_x border_min_y border_max_y"
).split()
_CYCLES = "samples seed use_denoising denoiser denoising_use_gpu device".split()
_IMAGE = "file_format color_mode color_depth exr_codec quality compression".split()


class Original:
    """The scene's own settings, as the file has them."""

    def __init__(self, scene):
        self.name = scene.name
        self.render = {name: getattr(scene.render, name) for name in _RENDER}
        self.cycles = {name: getattr(scene.cycles, name) for name in _CYCLES}
        self.image = {name: getattr(scene.render.image_settings, name) for name in _IMAGE}
        self.camera = scene.camera
        self.layers = {
            layer.name: (layer.samples, layer.cycles.denoising_store_passes)
            for layer in scene.view_layers
        }

    def restore(self, scene):
        """Puts everything back."""
        for owner, values in (
            (scene.render, self.render),
            (scene.cycles, self.cycles),
            (scene.render.image_settings, self.image),
        ):
            for name, value in values.items():
                # What the file has may be an enumeration's empty value, which can't be set.
                with contextlib.suppress(TypeError):
                    setattr(owner, name, value)
        scene.camera = self.camera
        for layer in scene.view_layers:
            if layer.name in self.layers:
                layer.samples, layer.cycles.denoising_store_passes = self.layers[layer.name]


def trees(scene=None):
    """The compositor trees of a scene, or of all, with the groups inside them."""
    found, todo = [], [s.node_tree for s in ([scene] if scene else bpy.data.scenes) if s.node_tree]
    while todo:
        tree = todo.pop()
        if tree not in found:
            found.append(tree)
            todo += [n.node_tree for n in tree.nodes if n.type == "GROUP" and n.node_tree]
    return found


def mute_output_file_nodes():
    """Keeps compositor nodes from writing files of their own; returns how many there are."""
    count = 0
    for tree in trees():
        for node in tree.nodes:
            if node.type == "OUTPUT_FILE":
                node.mute = True
                count += 1
    return count


def wanted_layers(scene):
    """What belongs to the layers, by view layer: the picture before denoising, and what it needs.

    Of the other passes only those count that the compositor uses.
    """
    used = used_passes(scene)
    wanted = []
    for layer in scene.view_layers:
        if not layer.use:
            continue
        denoised = bool(scene.cycles.use_denoising and layer.cycles.use_denoising)
        passes = ["Combined"]
        if denoised:
            passes = ["Noisy Image", "Denoising Albedo", "Denoising Normal"]
        known = {"Image", "Alpha", "Combined", *passes}
        passes += sorted(name for of, name in used if of == layer.name and name not in known)
        wanted.append({"name": layer.name, "denoised": denoised, "passes": passes})
    return wanted


def has_own_tree(scene):
    """Whether the scene's compositor makes its picture: it is on, and it has an end."""
    if not (scene.use_nodes and scene.render.use_compositing and scene.node_tree):
        return False
    return any(node.type == "COMPOSITE" and not node.mute for node in scene.node_tree.nodes)


def takes_layers(node, scene):
    """Whether a node hands out what is rendered of the scene."""
    return node.type == "R_LAYERS" and not node.mute and node.scene in (scene, None)


def takes_cryptomatte(node, scene):
    """Whether a node makes a mask of the scene's Cryptomatte passes, which no link leads to it."""
    takes = node.type == "CRYPTOMATTE_V2" and not node.mute and node.source == "RENDER"
    return takes and node.scene in (scene, None)


def cryptomatte_passes(node, scene):
    """The view layer and the names of the passes of a Cryptomatte node; none if there are no such."""
    for layer in scene.view_layers:
        for kind in ("CryptoObject", "CryptoMaterial", "CryptoAsset"):
            if node.layer_name in (layer.name + "." + kind, kind):
                count = (layer.pass_cryptomatte_depth + 1) // 2
                return layer, ["%s%02d" % (kind, i) for i in range(count)]
    return None, []


def used_passes(scene):
    """The passes that the scene's own tree uses, as names of layer and pass."""
    if not has_own_tree(scene):
        return set()
    used = set()
    for node in scene.node_tree.nodes:
        if takes_layers(node, scene):
            used |= {(node.layer, socket.name) for socket in node.outputs if socket.is_linked}
        elif takes_cryptomatte(node, scene):
            layer, passes = cryptomatte_passes(node, scene)
            used |= {(layer.name, name) for name in passes}
    return used


def renders_nothing(scene):
    """Whether the compositor makes the picture without the scene, so that Blender doesn't render it."""
    takes = lambda node: takes_layers(node, scene) or takes_cryptomatte(node, scene)
    return has_own_tree(scene) and not any(takes(node) for node in scene.node_tree.nodes)


def undevelopable(scene):
    """Why the scene's picture does not follow from its layers; empty if it does, as far as can be seen."""
    found = []
    if scene.render.use_freestyle and any(l.use and l.use_freestyle for l in scene.view_layers):
        found.append("Freestyle draws lines on the picture")
    if not has_own_tree(scene):
        return found
    nodes = [node for node in scene.node_tree.nodes if not node.mute]
    for node in nodes:
        other = getattr(node, "scene", None) if node.type in {"R_LAYERS", "CRYPTOMATTE_V2"} else None
        if other is not None and other != scene:
            found.append("the compositor node %s takes the scene %s" % (node.name, other.name))
        if takes_cryptomatte(node, scene):
            passes = cryptomatte_passes(node, scene)[1]
            if len(passes) > _CRYPTOMATTE_PASSES_MAX:
                found.append("the compositor node %s uses more than six levels" % node.name)
    denoised = {layer["name"] for layer in wanted_layers(scene) if layer["denoised"]}
    for layer, name in sorted(used_passes(scene)):
        # Cycles denoises it too, and keeps what it was before under another name.
        if layer in denoised and name == "Shadow Catcher":
            found.append("the compositor uses the denoised pass %s" % name)
    return found


def still_seed(scene):
    """Makes an animated or driven seed an ordinary value, the one of the current frame.

    Returns what was muted for it, so that the caller can undo it.
    """
    animation = scene.animation_data
    if animation is None:
        return []
    curves = list(fcurves(animation)) + list(animation.drivers)
    curves = [c for c in curves if c.data_path == "cycles.seed" and not c.mute]
    seed = scene.cycles.seed
    for curve in curves:
        curve.mute = True
    scene.cycles.seed = seed
    return curves


def fcurves(animation):
    """All curves that act on a data-block, from its action and its strips."""
    actions = [animation.action] if animation.action else []
    for track in animation.nla_tracks:
        actions += [strip.action for strip in track.strips if strip.action]
    return [curve for action in actions for curve in action.fcurves]


def set_border(scene, region):
    """Limits the render to a region. Blender counts y from the bottom and cuts fractions off.

    A hundredth of a pixel is added, so that the 32-bit fraction never falls below the whole pixel.
    """
    render = scene.render
    width = max(1, render.resolution_x * render.resolution_percentage // 100)
    height = max(1, render.resolution_y * render.resolution_percentage // 100)
    x0, y0, x1, y1 = region
    render.border_min_x = (x0 + 0.01) / width
    render.border_max_x = min(1.0, (x1 + 0.01) / width)
    render.border_min_y = (height - y1 + 0.01) / height
    render.border_max_y = min(1.0, (height - y0 + 0.01) / height)


def set_format(scene, original, file_format, color_depth):
    """Sets the output's format, with the scene's own colour mode where the format allows it."""
    image = scene.render.image_settings
    image.file_format = file_format
    mode = original.image["color_mode"]
    if file_format == "JPEG" and mode == "RGBA":
        mode = "RGB"
    image.color_mode = mode
    if file_format != "JPEG":
        image.color_depth = color_depth
    if file_format == "JPEG":
        image.quality = 90
    if file_format == "PNG":
        image.compression = 15
    if file_format == "OPEN_EXR":
        image.exr_codec = "ZIP"


def save_result(scene, path):
    """Writes the render result in the scene's format."""
    bpy.data.images["Render Result"].save_render(path, scene=scene)
    if not os.path.exists(path):
        raise RuntimeError("Blender wrote no file; see its messages")


_PREFILTER = {"NONE": "NONE", "FAST": "FAST", "ACCURATE": "ACCURATE"}


def _denoised(tree, scene, image, layer):
    """A Denoise node that does what Cycles does at the end of a render."""
    cycles = scene.cycles
    prefix = layer.name + "."

    def socket(name):
        return image.outputs.get(name) or image.outputs.get(prefix + name)

    node = tree.nodes.new("CompositorNodeDenoise")
    node.use_hdr = True
    node.prefilter = _PREFILTER[cycles.denoising_prefilter]
    node.quality = cycles.denoising_quality
    tree.links.new(socket("Noisy Image"), node.inputs["Image"])
    if cycles.denoising_input_passes != "RGB":
        tree.links.new(socket("Denoising Albedo"), node.inputs["Albedo"])
    if cycles.denoising_input_passes == "RGB_ALBEDO_NORMAL":
        tree.links.new(socket("Denoising Normal"), node.inputs["Normal"])
    return node.outputs["Image"]


def _image_node(tree, picture, layer):
    node = tree.nodes.new("CompositorNodeImage")
    node.image = picture
    # A file with the passes of one layer only has no layer to choose.
    with contextlib.suppress(TypeError):
        node.layer = layer.name
    return node


def _result(tree, scene, picture, layer):
    """The layer's picture, made of stored layers: its image and its node."""
    image = _image_node(tree, picture, layer)
    if scene.cycles.use_denoising and layer.cycles.use_denoising:
        return _denoised(tree, scene, image, layer), image
    return image.outputs.get("Combined") or image.outputs.get("Image"), image


@contextlib.contextmanager
def from_layers(scene, path, region):
    """Replaces what the scene renders by stored layers, so that rendering is only development."""
    picture = bpy.data.images.load(path, check_existing=False)
    picture.colorspace_settings.is_data = False
    render = scene.render
    if region is not None:
        render.resolution_x = region[2] - region[0]
        render.resolution_y = region[3] - region[1]
        render.resolution_percentage = 100
    render.use_border = False
    working = _with_own_tree if has_own_tree(scene) else _with_plain_tree
    try:
        with working(scene, picture):
            yield
    finally:
        bpy.data.images.remove(picture)


@contextlib.contextmanager
def _with_plain_tree(scene, picture):
    """A tree that hands the picture through, as Blender does without one: of the first layer in use."""
    had_nodes, had_compositing = scene.use_nodes, scene.render.use_compositing
    scene.use_nodes = True
    scene.render.use_compositing = True
    tree = scene.node_tree
    before = set(tree.nodes)
    muted = [(node, node.mute) for node in before]
    for node in before:
        # A Render Layers node that isn't muted would render the scene.
        node.mute = True
    layer = next((one for one in scene.view_layers if one.use), scene.view_layers[0])
    result, _ = _result(tree, scene, picture, layer)
    # One that is there may stay the end of the tree, whatever is added.
    ends = [node for node in before if node.type == "COMPOSITE"]
    alphas = [(node, node.use_alpha) for node in ends]
    links = [(link.from_socket, link.to_socket) for link in tree.links if link.to_node in ends]
    for end in ends or [tree.nodes.new("CompositorNodeComposite")]:
        for socket in [socket for socket in end.inputs if socket.is_linked]:
            tree.links.remove(socket.links[0])
        end.mute = False
        end.use_alpha = True
        tree.links.new(result, end.inputs["Image"])
    try:
        yield
    finally:
        for node in set(tree.nodes) - before:
            tree.nodes.remove(node)
        for node, mute in muted:
            node.mute = mute
        for node, use_alpha in alphas:
            node.use_alpha = use_alpha
        for start, end in links:
            tree.links.new(start, end)
        scene.use_nodes = had_nodes
        scene.render.use_compositing = had_compositing


@contextlib.contextmanager
def _with_own_tree(scene, picture):
    """The scene's own tree, with stored layers wherever it takes those of the scene."""
    tree, undo = scene.node_tree, []
    for node in [n for n in tree.nodes if takes_cryptomatte(n, scene)]:
        before = set(tree.nodes)
        stand_in = _cryptomatte(tree, scene, picture, node)
        for link in [link for socket in node.outputs for link in socket.links]:
            start, target = link.from_socket, link.to_socket
            undo.append((start, target))
            tree.links.remove(link)
            tree.links.new(stand_in.outputs[start.name], target)
        node.mute = True
        undo.append((node, set(tree.nodes) - before))
    for node in [n for n in tree.nodes if takes_layers(n, scene)]:
        before = set(tree.nodes)
        layer = scene.view_layers.get(node.layer)
        result = image = None
        if layer is not None and layer.use:
            result, image = _result(tree, scene, picture, layer)
        for socket in [s for s in node.outputs if s.is_linked]:
            stored = _replacement(tree, socket, result, image)
            for link in list(socket.links):
                target = link.to_socket
                undo.append((socket, target))
                tree.links.remove(link)
                tree.links.new(stored, target)
        # While it isn't muted, it renders the scene.
        node.mute = True
        undo.append((node, set(tree.nodes) - before))
    try:
        yield
    finally:
        for entry, other in reversed(undo):
            if isinstance(other, set):
                for new in other:
                    tree.nodes.remove(new)
                entry.mute = False
            else:
                tree.links.new(entry, other)


# What the node with sockets for its passes has of them.
_CRYPTOMATTE_PASSES_MAX = 3


def _cryptomatte(tree, scene, picture, node):
    """A Cryptomatte node that takes its passes by links, in place of one that looks for them itself."""
    made = tree.nodes.new("CompositorNodeCryptomatte")
    made.matte_id = node.matte_id
    layer, passes = cryptomatte_passes(node, scene)
    for link in list(node.inputs["Image"].links):
        tree.links.new(link.from_socket, made.inputs["Image"])
    if layer is not None and layer.use:
        image = _image_node(tree, picture, layer)
        for i, name in enumerate(passes[:_CRYPTOMATTE_PASSES_MAX]):
            tree.links.new(image.outputs[name], made.inputs["Crypto %02d" % i])
    return made


def _replacement(tree, socket, result, image):
    """What a socket of a Render Layers node gives, from stored layers; of a layer that isn't rendered: nothing."""
    if result is None:
        return _nothing(tree, socket)
    if socket.name == "Image":
        return result
    if socket.name == "Alpha":
        split = tree.nodes.new("CompositorNodeSeparateColor")
        tree.links.new(result, split.inputs["Image"])
        return split.outputs["Alpha"]
    return image.outputs.get(socket.name) or _nothing(tree, socket)


def _nothing(tree, socket):
    """A socket of no light and no coverage."""
    if socket.type == "VALUE":
        node = tree.nodes.new("CompositorNodeValue")
        node.outputs[0].default_value = 0.0
    else:
        node = tree.nodes.new("CompositorNodeRGB")
        node.outputs[0].default_value = (0.0, 0.0, 0.0, 0.0)
    return node.outputs[0]


def encode_video(request):
    """Encodes pictures of one size, in order, as an MP4 (H.264)."""
    scene = bpy.data.scenes.new("candela film")
    frames = request["frames"]
    editor = scene.sequence_editor_create()
    # Each picture is seen once: thousands of them needn't stay in memory.
    for kept in ("raw", "preprocessed", "composite", "final"):
        if hasattr(editor, "use_cache_" + kept):
            setattr(editor, "use_cache_" + kept, False)
    folder, names = os.path.dirname(frames[0]), [os.path.basename(f) for f in frames]
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("frames", os.path.join(folder, names[0]), 1, 1)
    for name in names[1:]:
        strip.elements.append(name)
    strip.frame_final_duration = len(names)
    render = scene.render
    # The codec wants even sizes: a last odd column or row is left out, and nothing is resampled.
    strip.transform.filter = "NEAREST"
    strip.transform.offset_x = request["width"] % 2 / 2
    strip.transform.offset_y = request["height"] % 2 / 2
    render.resolution_x = max(2, request["width"] // 2 * 2)
    render.resolution_y = max(2, request["height"] // 2 * 2)
    render.resolution_percentage = 100
    fps = float(request["fps"])
    render.fps = max(1, min(32767, round(fps)))
    render.fps_base = render.fps / fps
    scene.frame_start, scene.frame_end = 1, len(names)
    # The pictures are developed already: nothing may be done to them a second time.
    scene.view_settings.view_transform = "Standard"
    image = render.image_settings
    image.file_format = "FFMPEG"
    render.ffmpeg.format = "MPEG4"
    render.ffmpeg.codec = "H264"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.use_sequencer, render.use_compositing = True, False
    render.use_file_extension = False
    render.filepath = request["output_path"]
    try:
        bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
    if not os.path.exists(request["output_path"]):
        raise RuntimeError("Blender wrote no film; see its messages")
