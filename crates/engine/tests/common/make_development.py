"""Makes one file with many scenes of the same things, each with another road from layers to output."""

import os
import sys

import bpy

folder = sys.argv[1]
bpy.ops.wm.read_factory_settings(use_empty=True)
base = bpy.context.scene
base.name = "standard"
base.render.engine = "CYCLES"
base.cycles.samples = 7
base.cycles.use_adaptive_sampling = False
base.cycles.use_denoising = False
base.render.resolution_x, base.render.resolution_y = 96, 64
base.frame_end = 3
base.view_settings.view_transform = "Standard"
base.render.image_settings.color_mode = "RGBA"


def material(name, **values):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    for key, value in values.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    return made


def ball(name, at, its_material):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, location=at)
    thing = bpy.context.object
    thing.name = name
    thing.data.materials.append(its_material)
    return thing


bpy.ops.mesh.primitive_plane_add(size=6)
floor = bpy.context.object
floor.data.materials.append(material("floor", Base_Color=(0.3, 0.5, 0.2, 1), Roughness=0.9))
glass = ball("glass", (-1.1, 0, 1), material("glass", Transmission_Weight=1.0, Roughness=0.0))
lamp = material("lamp", Emission_Color=(1.0, 0.6, 0.2, 1), Emission_Strength=30.0)
ball("lamp", (0.1, -1.5, 0.4), lamp).scale = (0.25, 0.25, 0.25)
metal = ball("metal", (1.1, 0, 1), material("metal", Metallic=1.0, Roughness=0.3))
metal.pass_index = 1
metal.keyframe_insert("location", frame=1)
metal.location.z = 2
metal.keyframe_insert("location", frame=3)
bpy.ops.object.light_add(type="AREA", location=(3, -3, 5))
bpy.context.object.data.energy = 400
bpy.context.object.rotation_euler = (0.6, 0.4, 0)
world = bpy.data.worlds.new("sky")
world.use_nodes = True
world.node_tree.nodes["Background"].inputs[0].default_value = (0.2, 0.3, 0.5, 1)
world.mist_settings.start, world.mist_settings.depth = 3, 8
base.world = world
bpy.ops.object.camera_add(location=(0, -7, 3), rotation=(1.25, 0, 0))
base.camera = bpy.context.object
base.camera.data.dof.focus_distance = 6
base.camera.data.dof.aperture_fstop = 0.5


def scene(name, view="Standard", denoise=False, transparent=False, adaptive=False):
    """A scene of the same things."""
    made = base.copy()
    made.name = name
    made.use_fake_user = True
    made.view_settings.view_transform = view
    made.cycles.use_denoising = denoise
    made.cycles.use_adaptive_sampling = adaptive
    made.cycles.adaptive_threshold = 0.2
    made.render.film_transparent = transparent
    return made


class Tree:
    """The compositor tree of a scene, from the end backwards."""

    def __init__(self, its_scene, layer=None):
        its_scene.use_nodes = True
        self.scene, self.tree = its_scene, its_scene.node_tree
        self.tree.nodes.clear()
        self.layers = self.render_layers(layer)
        self.end = self.node("Composite")

    def render_layers(self, layer=None):
        made = self.node("RLayers")
        made.scene = self.scene
        if layer:
            made.layer = layer
        return made

    def node(self, kind, **values):
        made = self.tree.nodes.new("CompositorNode" + kind)
        for key, value in values.items():
            setattr(made, key, value)
        return made

    def link(self, start, end):
        self.tree.links.new(start, end)

    def over(self, back, front, factor=1.0):
        """One picture over another."""
        made = self.node("AlphaOver")
        made.inputs[0].default_value = factor
        self.link(back, made.inputs[1])
        self.link(front, made.inputs[2])
        return made.outputs["Image"]

    def mixed(self, first, second, kind="MULTIPLY"):
        made = self.node("MixRGB", blend_type=kind)
        self.link(first, made.inputs[1])
        self.link(second, made.inputs[2])
        return made.outputs["Image"]

    def ends_with(self, socket):
        self.link(socket, self.end.inputs["Image"])


scene("adaptive denoised", denoise=True, adaptive=True)
looks = scene("filmic", "Filmic", denoise=True)
looks.view_settings.look = "High Contrast"
looks.view_settings.exposure, looks.view_settings.gamma = 0.7, 1.2
scene("agx transparent", "AgX", denoise=True, transparent=True, adaptive=True)
scene("transparent", transparent=True)
guides = scene("plain denoiser", "AgX", denoise=True)
guides.cycles.denoising_prefilter = "FAST"
guides.cycles.denoising_input_passes = "RGB_ALBEDO"
guides.cycles.denoising_quality = "BALANCED"

glare = Tree(scene("glare", "AgX", denoise=True))
node = glare.node("Glare", glare_type="FOG_GLOW")
glare.link(glare.layers.outputs["Image"], node.inputs["Image"])
blur = glare.node("Blur", size_x=3, size_y=2)
glare.link(node.outputs["Image"], blur.inputs["Image"])
glare.ends_with(glare.mixed(blur.outputs["Image"], glare.layers.outputs["Image"], "SCREEN"))

alpha = Tree(scene("alpha over", denoise=True, transparent=True))
back = alpha.node("RGB")
back.outputs[0].default_value = (0.1, 0.02, 0.3, 1)
mask = alpha.node("SetAlpha")
alpha.link(alpha.layers.outputs["Image"], mask.inputs["Image"])
alpha.link(alpha.layers.outputs["Alpha"], mask.inputs["Alpha"])
alpha.ends_with(alpha.over(back.outputs[0], mask.outputs["Image"], 0.8))

passes_scene = scene("passes", "Filmic", denoise=True)
layer = passes_scene.view_layers[0]
for name in ("z", "mist", "normal", "object_index", "diffuse_color", "vector", "cryptomatte_object"):
    setattr(layer, "use_pass_" + name, True)
passes = Tree(passes_scene)
outputs = passes.layers.outputs
near = passes.node("MapRange", use_clamp=True)
near.inputs["From Min"].default_value, near.inputs["From Max"].default_value = 3, 9
passes.link(outputs["Depth"], near.inputs["Value"])
index = passes.node("IDMask", index=1, use_antialiasing=True)
passes.link(outputs["IndexOB"], index.inputs["ID value"])
moved = passes.node("VecBlur")
passes.link(outputs["Image"], moved.inputs["Image"])
passes.link(outputs["Depth"], moved.inputs["Z"])
passes.link(outputs["Vector"], moved.inputs["Speed"])
value = passes.mixed(moved.outputs["Image"], outputs["Mist"])
value = passes.mixed(value, near.outputs[0], "ADD")
value = passes.mixed(value, index.outputs["Alpha"], "SCREEN")
value = passes.mixed(value, outputs["Normal"], "ADD")
value = passes.mixed(value, outputs["CryptoObject00"], "LIGHTEN")
passes.ends_with(passes.mixed(value, outputs["DiffCol"], "DIFFERENCE"))

defocus = Tree(scene("defocus", denoise=True))
defocus.scene.view_layers[0].use_pass_z = True
node = defocus.node("Defocus", use_zbuffer=True, f_stop=2.0, scene=defocus.scene)
defocus.link(defocus.layers.outputs["Image"], node.inputs["Image"])
defocus.link(defocus.layers.outputs["Depth"], node.inputs["Z"])
defocus.ends_with(node.outputs["Image"])

layers_scene = scene("several layers", "AgX", denoise=True, transparent=True)
second = layers_scene.view_layers.new("second one")
second.use_pass_mist = True
second.cycles.use_denoising = False
layers_scene.view_layers.new("not used").use = False
layers = Tree(layers_scene)
other = layers.render_layers("second one")
unused = layers.render_layers("not used")
fade = layers.mixed(other.outputs["Image"], other.outputs["Mist"])
value = layers.over(fade, layers.layers.outputs["Image"], 0.5)
layers.ends_with(layers.mixed(value, unused.outputs["Image"], "ADD"))

plain_layers = scene("layers without a tree", denoise=True)
plain_layers.view_layers[0].use = False
plain_layers.view_layers.new("the first in use").cycles.use_denoising = False
plain_layers.view_layers.new("another")

stale = Tree(scene("a tree that is off", transparent=True))
stale.end.use_alpha = False
stale.ends_with(stale.node("RGB").outputs[0])
stale.scene.use_nodes = False

endless = Tree(scene("a tree without an end", denoise=True))
endless.tree.nodes.remove(endless.end)

crypto_scene = scene("cryptomatte", denoise=True)
crypto_scene.view_layers[0].use_pass_cryptomatte_object = True
crypto = Tree(crypto_scene)
node = crypto.node("CryptomatteV2", source="RENDER", scene=crypto_scene)
node.matte_id = "metal"
crypto.link(crypto.layers.outputs["Image"], node.inputs["Image"])
crypto.ends_with(crypto.mixed(crypto.layers.outputs["Image"], node.outputs["Matte"], "SCREEN"))

timed = Tree(scene("time", denoise=True))
clock = timed.node("SceneTime")
math = timed.node("Math", operation="MULTIPLY")
timed.link(clock.outputs["Frame"], math.inputs[0])
math.inputs[1].default_value = 0.2
timed.ends_with(timed.mixed(timed.layers.outputs["Image"], math.outputs[0]))

foreign = Tree(scene("another scene"))
node = foreign.node("RLayers")
node.scene = base
foreign.ends_with(foreign.mixed(foreign.layers.outputs["Image"], node.outputs["Image"], "ADD"))

nothing = Tree(scene("nothing rendered"))
nothing.ends_with(nothing.node("RGB").outputs[0])
nothing.tree.nodes.remove(nothing.layers)

lines = scene("freestyle")
lines.render.use_freestyle = True
line_set = lines.view_layers[0].freestyle_settings.linesets.new("lines")
line_set.linestyle = bpy.data.linestyles.new("style")

bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "scene.blend"), compress=True)
sys.stdout.flush()
os._exit(0)
