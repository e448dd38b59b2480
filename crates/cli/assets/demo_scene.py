"""Candela's demonstration scene: a lamp of turning rings, made entirely by this script.

A brass armillary of four nested rings turns around a ball of glass with a small flame in it:
the candela is the unit of light, and one candle gives about one.
`python3 demo_scene.py OUT.blend` writes one self-contained file, so that a first render needs
no download and nobody's licence, and every machine that runs it gets the same scene.

It is also built to be a fair test of a render network:

- everything is deterministic (seeded numbers, fixed Cycles seed, no scripts, no drivers), and
  nothing depends on how a frame is cut up (no adaptive sampling, no path guiding, no time limit);
  the file's bytes differ from run to run, as Blender writes them, and its pictures don't;
- no part of the picture is empty: depth of field, a lit curtain and a polished floor leave noise
  in 98 of 100 pixels (they differ with another seed), and each of those can tell an honest render
  from a cheap one;
- the glass ball and the rings around it need deep light paths, so cutting bounces shows there;
- frames 1 to 24 loop without a seam and cost about the same, a few seconds each on one core.
"""

import json
import math
import os
import random
import sys

import bpy
from mathutils import Vector

FRAMES = 24
FPS = 12
WIDTH, HEIGHT = 576, 324
SAMPLES = 16
SEED = 1979  # the year in which the candela was defined by radiant power

# The four rings, outermost first, and the ball: radii in Blender units.
MERIDIAN, SECOND, THIRD, FOURTH, BALL = 1.0, 0.855, 0.72, 0.595, 0.40
CENTRE = (0.0, 0.0, 1.44)  # of the rings and the ball, above the top of the plinth (z = 0)

random_numbers = random.Random(SEED)


# --- shapes ------------------------------------------------------------------------------------


def add(name, verts, faces, material, parent=None, location=(0, 0, 0), rotation=(0, 0, 0), crease=40):
    """Adds a mesh object, smooth except at edges sharper than `crease` degrees."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(verts, [], faces)
    mesh.materials.append(material)
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=math.radians(crease))
    return link(bpy.data.objects.new(name, mesh), parent, location, rotation)


def link(obj, parent=None, location=(0, 0, 0), rotation=(0, 0, 0)):
    obj.parent = parent
    obj.location = location
    obj.rotation_euler = rotation
    bpy.context.scene.collection.objects.link(obj)
    return obj


def empty(name, parent=None, location=(0, 0, 0), rotation=(0, 0, 0)):
    return link(bpy.data.objects.new(name, None), parent, location, rotation)


def rounded(corners, radius, steps=3):
    """The closed outline through `corners`, (r, z) pairs, with each corner rounded off."""
    out = []
    for i, (x, y) in enumerate(corners):
        ends = []
        for px, py in (corners[i - 1], corners[(i + 1) % len(corners)]):
            length = math.hypot(px - x, py - y)
            cut = min(radius, 0.45 * length) / length
            ends.append((x + (px - x) * cut, y + (py - y) * cut))
        (ax, ay), (bx, by) = ends
        for s in range(steps + 1):
            t = s / steps  # a quadratic Bézier curve is round enough at this size
            u, v, w = (1 - t) ** 2, 2 * t * (1 - t), t * t
            out.append((u * ax + v * x + w * bx, u * ay + v * y + w * by))
    return out


def revolve(outline, segments, closed):
    """Turns an outline of (r, z) pairs about the z axis. An open outline starts and ends on it."""
    n = len(outline)
    verts, faces = [], []
    for s in range(segments):
        a = 2 * math.pi * s / segments
        verts += [(r * math.cos(a), r * math.sin(a), z) for r, z in outline]
    for s in range(segments):
        here, there = s * n, (s + 1) % segments * n
        for i in range(n if closed else n - 1):
            j = (i + 1) % n
            faces.append((here + i, there + i, there + j, here + j))
    if not closed:  # caps, so that a solid is watertight
        faces.append([s * n for s in range(segments)][::-1])
        faces.append([s * n + n - 1 for s in range(segments)])
    return verts, faces


def ring(name, radius, width, thickness, material, parent, rotation=(0, 0, 0)):
    """A flat band about its own z axis: `width` along the axis, `thickness` along the radius."""
    a, b, h = radius - thickness / 2, radius + thickness / 2, width / 2
    outline = rounded([(a, -h), (b, -h), (b, h), (a, h)], 0.012, 2)
    verts, faces = revolve(outline, 144, True)
    return add(name, verts, faces, material, parent, (0, 0, 0), rotation)


def ball_mesh(radius, segments, rings_):
    outline = []
    for i in range(1, rings_):
        a = math.pi * i / rings_
        outline.append((radius * math.sin(a), -radius * math.cos(a)))
    n = len(outline)
    verts, faces = revolve(outline, segments, True)
    # Two fans instead of the band that would join the ends of the outline.
    faces = [f for f in faces if f[0] % n != n - 1]
    bottom, top = len(verts), len(verts) + 1
    verts += [(0, 0, -radius), (0, 0, radius)]
    for s in range(segments):
        t = (s + 1) % segments
        faces.append((bottom, t * n, s * n))
        faces.append((top, s * n + n - 1, t * n + n - 1))
    return verts, faces


def pins(name, inner, outer, axis, material, parent):
    """Two bearings on the ring axis `axis` ('x' or 'z'), bridging from radius inner to outer."""
    outline = [
        (0.0001, inner), (0.016, inner), (0.019, inner + 0.003), (0.019, outer - 0.02),
        (0.019, outer), (0.034, outer), (0.036, outer + 0.004), (0.036, outer + 0.014),
        (0.030, outer + 0.022), (0.018, outer + 0.030), (0.0001, outer + 0.033),
    ]
    verts, faces = revolve(outline, 24, False)
    turns = {"z": ((0, 0, 0), (math.pi, 0, 0)), "x": ((0, math.pi / 2, 0), (0, -math.pi / 2, 0))}
    for i, rotation in enumerate(turns[axis]):
        add(f"{name} {i}", verts, faces, material, parent, (0, 0, 0), rotation)


# --- materials ---------------------------------------------------------------------------------


class Nodes:
    """A material's node tree, written as expressions."""

    def __init__(self, name):
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.out = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def new(self, kind, inputs=None, **settings):
        node = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node

    def math(self, operation, *values):
        return self.new("Math", dict(enumerate(values)), operation=operation).outputs[0]

    def ramp(self, factor, stops, interpolation="LINEAR"):
        node = self.new("ValToRGB", {"Fac": factor})
        elements = node.color_ramp.elements
        node.color_ramp.interpolation = interpolation
        while len(elements) < len(stops):
            elements.new(1.0)
        for element, (position, colour) in zip(elements, stops):
            element.position = position
            element.color = (*colour, 1.0)
        return node.outputs["Color"]

    def surface(self, shader):
        self.tree.links.new(shader, self.out.inputs["Surface"])
        return self.material


def metal(name, colour, roughness, brushed, ticks=0, inset=0.0):
    """Metal, brushed along the turning direction, with `ticks` graduations engraved around it,
    short ones reaching inwards to a height of `inset`."""
    n = Nodes(name)
    whole = n.new("TexCoord").outputs["Object"]
    # A ring that is turned over must look the same, or the loop would show a seam: all is mirrored.
    position = n.new("VectorMath", {0: whole}, operation="ABSOLUTE").outputs["Vector"]
    xyz = n.new("SeparateXYZ", {0: position})
    x, y, z = xyz.outputs[0], xyz.outputs[1], xyz.outputs[2]
    radius = n.math("SQRT", n.math("ADD", n.math("MULTIPLY", x, x), n.math("MULTIPLY", y, y)))
    # Scratches run around the axis: noise that varies fast over radius and height only.
    scratch = n.new("CombineXYZ", {0: n.math("MULTIPLY", radius, 90.0), 1: n.math("MULTIPLY", z, 90.0)})
    noise = n.new("TexNoise", {"Vector": scratch.outputs[0], "Scale": 1.0, "Detail": 1.0})
    smear = n.new("TexNoise", {"Vector": position, "Scale": 5.0, "Detail": 2.0}).outputs["Fac"]
    rough = n.math("ADD", n.math("MULTIPLY", smear, 0.16), roughness - 0.08)
    height = n.math("MULTIPLY", noise.outputs["Fac"], brushed)
    base = colour
    if ticks:
        angle = n.math("ARCTAN2", y, x)

        def marks(count, half_width):
            """One at every `count`th of a turn, and zero between."""
            turn = n.math("MULTIPLY", angle, count / (2 * math.pi))
            off = n.math("ABSOLUTE", n.math("SUBTRACT", n.math("FRACT", turn), 0.5))  # 0.5 is on a mark
            return n.math("GREATER_THAN", off, 0.5 - half_width * count / (2 * math.pi))

        # Short ones from both edges of the band, and every sixth across all of it.
        short = n.math("MULTIPLY", marks(ticks, 0.0055), n.math("GREATER_THAN", z, inset))
        line = n.math("MAXIMUM", short, marks(ticks // 6, 0.0075))
        dark = tuple(c * 0.10 for c in colour[:3]) + (1.0,)
        base = n.new("Mix", {0: line, 6: colour, 7: dark}, data_type="RGBA").outputs[2]
        rough = n.math("ADD", rough, n.math("MULTIPLY", line, 0.3))
    bump = n.new("Bump", {"Strength": 0.12, "Distance": 0.02, "Height": height})
    shader = n.new("BsdfPrincipled", {
        "Base Color": base, "Metallic": 1.0, "Roughness": rough, "Normal": bump.outputs[0],
    })
    return n.surface(shader.outputs[0])


def glass(name, colour, ior, shadow):
    """Glass whose shadow is a tint: light passes, with no caustics to turn into fireflies."""
    n = Nodes(name)
    body = n.new("BsdfGlass", {"Color": colour, "Roughness": 0.0, "IOR": ior})
    clear = n.new("BsdfTransparent", {"Color": shadow})
    path = n.new("LightPath")
    through = n.math("MAXIMUM", path.outputs["Is Shadow Ray"], path.outputs["Is Diffuse Ray"])
    return n.surface(n.new("MixShader", {0: through, 1: body.outputs[0], 2: clear.outputs[0]}).outputs[0])


def flame_material():
    n = Nodes("flame")
    z = n.new("SeparateXYZ", {0: n.new("TexCoord").outputs["Generated"]}).outputs[2]
    colour = n.ramp(z, [(0.0, (0.05, 0.14, 1.0)), (0.14, (1.0, 0.22, 0.03)), (0.40, (1.0, 0.36, 0.055)),
                        (1.0, (1.0, 0.20, 0.02))])
    facing = n.new("LayerWeight", {"Blend": 0.5}).outputs["Facing"]
    core = n.math("POWER", n.math("SUBTRACT", 1.0, facing), 1.5)  # fades out towards its edge
    strength = n.math("MULTIPLY", core, n.math("ADD", 2.5, n.math("MULTIPLY", z, 13.0)))
    light = n.new("Emission", {"Color": colour, "Strength": strength})
    clear = n.new("BsdfTransparent")
    shader = n.new("AddShader", {0: light.outputs[0], 1: clear.outputs[0]})
    material = n.surface(shader.outputs[0])
    material.cycles.emission_sampling = "NONE"  # a lamp inside it lights the scene, with less noise
    return material


def aura_material():
    """The warm air around the flame, inside the ball: light added most where the sphere is deepest."""
    n = Nodes("aura")
    facing = n.new("LayerWeight", {"Blend": 0.5}).outputs["Facing"]
    depth = n.math("POWER", n.math("SUBTRACT", 1.0, facing), 2.5)
    light = n.new("Emission", {"Color": (1.0, 0.27, 0.035, 1.0), "Strength": n.math("MULTIPLY", depth, 0.32)})
    clear = n.new("BsdfTransparent")
    material = n.surface(n.new("AddShader", {0: light.outputs[0], 1: clear.outputs[0]}).outputs[0])
    material.cycles.emission_sampling = "NONE"
    return material


def halo_material():
    """The glow of the flame: light added on a disc behind the ball, fading towards its edge."""
    n = Nodes("halo")
    position = n.new("TexCoord").outputs["Object"]
    distance = n.new("VectorMath", {0: position}, operation="LENGTH").outputs["Value"]
    fade = n.math("POWER", n.math("MAXIMUM", n.math("SUBTRACT", 1.0, distance), 0.0), 3.0)
    light = n.new("Emission", {"Color": (1.0, 0.36, 0.07, 1.0), "Strength": n.math("MULTIPLY", fade, 0.6)})
    clear = n.new("BsdfTransparent")
    material = n.surface(n.new("AddShader", {0: light.outputs[0], 1: clear.outputs[0]}).outputs[0])
    material.cycles.emission_sampling = "NONE"
    return material


def floor_material():
    n = Nodes("floor")
    shader = n.new("BsdfPrincipled", {"Base Color": (0.008, 0.011, 0.018, 1.0), "Roughness": 0.28})
    return n.surface(shader.outputs[0])


def stone():
    """Polished black marble with thin gold veins."""
    n = Nodes("stone")
    position = n.new("TexCoord").outputs["Object"]
    warp = n.new("TexNoise", {"Vector": position, "Scale": 1.6, "Detail": 4.0})
    bent = n.new("Mix", {0: 0.35, 4: position, 5: warp.outputs["Color"]}, data_type="VECTOR").outputs[1]
    vein = n.new("TexNoise", {"Vector": bent, "Scale": 2.1, "Detail": 3.0}).outputs["Fac"]
    ridge = n.math("ABSOLUTE", n.math("SUBTRACT", vein, 0.5))
    colour = n.ramp(ridge, [(0.0, (0.50, 0.33, 0.14)), (0.010, (0.16, 0.12, 0.08)), (0.035, (0.014, 0.015, 0.02)),
                            (0.3, (0.006, 0.007, 0.010))])
    grain = n.new("TexNoise", {"Vector": position, "Scale": 7.0, "Detail": 2.0}).outputs["Fac"]
    rough = n.math("ADD", 0.10, n.math("MULTIPLY", grain, 0.16))
    return n.surface(n.new("BsdfPrincipled", {"Base Color": colour, "Roughness": rough}).outputs[0])


def velvet():
    n = Nodes("velvet")
    shader = n.new("BsdfDiffuse", {"Color": (0.022, 0.060, 0.105, 1.0)})
    return n.surface(shader.outputs[0])


def glow(name, colour, strength):
    n = Nodes(name)
    material = n.surface(n.new("Emission", {"Color": colour, "Strength": strength}).outputs[0])
    material.cycles.emission_sampling = "NONE"
    return material


# --- motion ------------------------------------------------------------------------------------


def loop(owner, path, values, index=-1):
    """Keys `values` at even steps from frame 1 to frame FRAMES + 1, which shows the same as frame 1."""
    step = FRAMES / (len(values) - 1)
    for i, value in enumerate(values):
        if index < 0:
            setattr(owner, path, value)
        else:
            getattr(owner, path)[index] = value
        owner.keyframe_insert(path, index=index, frame=1 + i * step)
    animation = owner.animation_data
    for curve in animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
        if not curve.modifiers:
            curve.modifiers.new("CYCLES")


def wave(function):
    """`function` of a phase of 0 to 2 pi, at each frame of the loop and once more at its end."""
    return [function(2 * math.pi * i / FRAMES) for i in range(FRAMES + 1)]


# --- the scene ---------------------------------------------------------------------------------


def build_rings(brass, plain, rose, steel, gold, clear):
    centre = empty("centre", location=CENTRE)
    # The meridian stands still and is seen at an angle; everything inside hangs on its tilted axis.
    frame = empty("meridian frame", centre, rotation=(0, 0, math.radians(-38)))
    ring("meridian", MERIDIAN, 0.19, 0.060, brass, frame, (math.pi / 2, 0, 0))
    polar = empty("polar axis", frame, rotation=(0, math.radians(23.4), 0))
    pins("polar bearing", SECOND, MERIDIAN + 0.02, "z", gold, polar)

    # A ring looks the same after half a turn, so half a turn closes the loop for the second ring.
    # That leaves the third mirrored (its angle changes sign), so it swings by a cosine of half a
    # period; the fourth sees a half turn of its own frame, and may again turn evenly.
    # The starting angles are those of a search for a loop in which the rings
    # rarely hide the flame and rarely line up.
    turning = empty("second, turning", polar)
    start = math.radians(88)
    loop(turning, "rotation_euler", [start, start - math.pi], 2)
    ring("second", SECOND, 0.135, 0.046, rose, turning, (math.pi / 2, 0, 0))
    pins("second bearing", THIRD, SECOND + 0.016, "x", gold, turning)

    swinging = empty("third, swinging", turning)
    swing, lead = math.radians(74), math.radians(119)
    loop(swinging, "rotation_euler", wave(lambda t: swing * math.cos(t / 2 + lead)), 0)
    ring("third", THIRD, 0.11, 0.042, steel, swinging, (math.pi / 2, 0, 0))
    pins("third bearing", FOURTH, THIRD + 0.014, "z", gold, swinging)

    spinning = empty("fourth, spinning", swinging)
    start = math.radians(164)
    loop(spinning, "rotation_euler", [start, start + math.pi], 2)
    ring("fourth", FOURTH, 0.085, 0.036, plain, spinning, (math.pi / 2, 0, 0))
    pins("fourth bearing", BALL - 0.004, FOURTH + 0.012, "x", gold, spinning)

    verts, faces = ball_mesh(BALL, 96, 48)
    add("ball", verts, faces, clear, centre)

    # The flame: a drop that stands upright whatever the rings do.
    outline = [(0.0002, -0.115)]
    for i in range(1, 24):
        t = i / 24
        outline.append((0.074 * math.sin(math.pi * t ** 0.6) * (1 - 0.45 * t), -0.115 + 0.27 * t))
    outline.append((0.0002, 0.155))
    verts, faces = revolve(outline, 32, False)
    flame = add("flame", verts, faces, flame_material(), centre)
    loop(flame, "scale", wave(lambda t: 1 + 0.05 * math.sin(2 * t) + 0.03 * math.sin(3 * t + 1)), 2)
    verts, faces = ball_mesh(0.25, 32, 16)
    aura = add("aura", verts, faces, aura_material(), centre)
    aura.visible_diffuse = aura.visible_shadow = False
    halo_outline = [(math.cos(2 * math.pi * i / 48), math.sin(2 * math.pi * i / 48), 0) for i in range(48)]
    halo = add("halo", halo_outline, [tuple(range(48))], halo_material(), centre, (0, 0.45, 0), (math.pi / 2, 0, 0))
    halo.scale = (1.35, 1.35, 1.35)
    halo.visible_diffuse = halo.visible_glossy = halo.visible_transmission = halo.visible_shadow = False
    lamp = light("flame lamp", "POINT", (1.0, 0.46, 0.14), 150, parent=centre)
    lamp.data.shadow_soft_size = 0.09
    lamp.visible_camera = lamp.visible_transmission = False
    loop(lamp.data, "energy", wave(lambda t: 150 + 9 * math.sin(2 * t) + 6 * math.sin(3 * t + 1)))


def build_stand(brass, marble):
    bottom = CENTRE[2] - MERIDIAN - 0.028
    outline = [(0.0001, 0.0), (0.44, 0.0), (0.452, 0.012), (0.452, 0.05), (0.44, 0.064), (0.37, 0.078), (0.36, 0.10),
               (0.28, 0.125), (0.17, 0.150), (0.11, 0.185), (0.075, 0.235), (0.070, 0.255),
               (0.105, 0.268), (0.117, 0.285), (0.105, 0.302), (0.070, 0.315), (0.066, 0.335),
               (0.080, bottom - 0.06), (0.105, bottom - 0.03), (0.105, bottom + 0.004), (0.0001, bottom + 0.004)]
    verts, faces = revolve(outline, 96, False)
    add("stand", verts, faces, brass, crease=50)

    r, h = 1.25, 0.5
    outline = [(0.0001, -h)] + [(r, -h)]
    for i in range(7):
        a = math.pi / 2 * i / 6
        outline.append((r - 0.05 + 0.05 * math.cos(a), -0.05 + 0.05 * math.sin(a)))
    outline.append((0.0001, 0.0))
    verts, faces = revolve(outline, 128, False)
    # Half a hair under the stand, so that the two surfaces never coincide.
    add("plinth", verts, faces, marble, location=(0, 0, -0.0008))
    outline = rounded([(r + 0.004, -0.30), (r + 0.022, -0.30), (r + 0.022, -0.26), (r + 0.004, -0.26)], 0.008, 2)
    verts, faces = revolve(outline, 128, True)
    add("plinth band", verts, faces, brass)


def build_surroundings(clear):
    # Velvet in folds, far out of focus.
    columns, wide, high, back = 320, 30.0, 12.0, 9.0
    verts = []
    for i in range(columns + 1):
        t = i / columns
        fold = math.sin(t * 118) + 0.55 * math.sin(t * 61 + 1.3) + 0.3 * math.sin(t * 229 + 0.4)
        x = (t - 0.5) * wide
        verts += [(x, back + 0.24 * fold, -2.5), (x, back + 0.17 * fold, high - 2.5)]
    faces = [(2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1) for i in range(columns)]
    add("curtain", verts, faces, velvet(), crease=180)

    corners = [(-20, -8, -0.5), (20, -8, -0.5), (20, 12, -0.5), (-20, 12, -0.5)]
    add("floor", corners, [(0, 1, 2, 3)], floor_material())

    # Candles far behind: each becomes a disc of light. Positions are chosen, not drawn.
    warm = glow("candle, far", (1.0, 0.40, 0.09, 1.0), 9.0)
    amber = glow("candle, dim", (1.0, 0.27, 0.04, 1.0), 4.5)
    cool = glow("window, far", (0.10, 0.40, 1.0, 1.0), 3.5)
    spots = [(-4.6, 5.5, 1.2, warm), (-3.7, 6.6, 0.35, amber), (-3.05, 5.0, 1.9, amber), (-5.3, 6.2, 2.6, cool),
             (-2.3, 6.4, 0.75, warm), (-6.0, 5.2, 0.5, amber), (2.5, 6.0, 0.55, amber), (3.4, 5.2, 1.35, warm),
             (4.3, 6.5, 0.45, amber), (5.2, 5.6, 1.05, warm), (3.9, 6.8, 2.9, cool), (6.0, 6.3, 2.1, cool),
             (-1.5, 6.9, 3.6, cool), (1.9, 6.9, 0.1, warm)]
    verts, faces = ball_mesh(0.08, 16, 8)
    for i, (x, y, z, material) in enumerate(spots):
        add(f"spot {i}", verts, faces, material, location=(x, y, z))

    # Beads of glass adrift, each rising and sinking once in a loop, out of step with the others.
    verts, faces = ball_mesh(1.0, 24, 12)
    mesh = None
    for i in range(22):
        angle = 2 * math.pi * (i + random_numbers.uniform(-0.3, 0.3)) / 22
        reach = random_numbers.uniform(1.3, 2.7)
        x, y = reach * math.cos(angle), 0.75 * reach * math.sin(angle)
        x = math.copysign(max(abs(x), 1.2), x)  # none before or behind the rings
        z = random_numbers.uniform(0.2, 2.6)
        size = random_numbers.choice([0.022, 0.03, 0.04, 0.055])
        phase = random_numbers.uniform(0, 2 * math.pi)
        if mesh is None:
            bead = add("bead 0", verts, faces, clear)
            mesh = bead.data
        else:
            bead = link(bpy.data.objects.new(f"bead {i}", mesh))
        bead.location = (x, y, z)
        bead.scale = (size, size, size)
        loop(bead, "location", wave(lambda t: z + 0.06 * math.sin(t + phase)), 2)
    # And a few that lie on the plinth.
    at_rest = [(-0.80, -0.52, 0.085), (-0.62, -0.74, 0.05), (0.74, -0.62, 0.065), (0.95, -0.30, 0.04)]
    for i, (x, y, size) in enumerate(at_rest):
        bead = link(bpy.data.objects.new(f"bead at rest {i}", mesh), location=(x, y, size))
        bead.scale = (size, size, size)


def light(name, kind, colour, watts, location=(0, 0, 0), target=None, size=None, parent=None):
    data = bpy.data.lights.new(name, kind)
    data.color = colour
    data.energy = watts
    obj = link(bpy.data.objects.new(name, data), parent, location)
    if size:
        data.shape = "RECTANGLE"
        data.size, data.size_y = size
        obj.visible_camera = False
    if target:
        aim(obj, target)
    return obj


def aim(obj, target):
    """Points an object's -z axis at `target`, its y axis up."""
    obj.rotation_euler = (Vector(target) - obj.location).to_track_quat("-Z", "Y").to_euler()


def build_lights():
    light("key", "AREA", (1.0, 0.88, 0.74), 190, (-3.4, -3.4, 4.4), CENTRE, (2.2, 2.2))
    light("rim, right", "AREA", (0.30, 0.58, 1.0), 480, (3.3, 2.8, 3.0), CENTRE, (0.9, 3.2))
    light("rim, left", "AREA", (0.40, 0.66, 1.0), 220, (-3.4, 2.2, 2.2), CENTRE, (0.6, 2.6))
    light("curtain light", "AREA", (0.25, 0.55, 1.0), 420, (0.2, 6.2, 6.6), (0.2, 9.0, 1.6), (3.0, 0.8))
    world = bpy.data.worlds.new("night")
    world.use_nodes = True
    # Hardly seen itself: a soft sky from below to above, for the metals to mirror.
    nodes, links = world.node_tree.nodes, world.node_tree.links
    height = nodes.new("ShaderNodeSeparateXYZ")
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Generated"], height.inputs[0])
    ramp = nodes.new("ShaderNodeMapRange")
    ramp.inputs["From Min"].default_value, ramp.inputs["From Max"].default_value = -0.3, 0.9
    links.new(height.outputs[2], ramp.inputs["Value"])
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    links.new(ramp.outputs[0], mix.inputs[0])
    mix.inputs[6].default_value = (0.010, 0.012, 0.020, 1.0)
    mix.inputs[7].default_value = (0.19, 0.25, 0.36, 1.0)
    links.new(mix.outputs[2], nodes["Background"].inputs["Color"])
    world.cycles.sampling_method = "NONE"
    bpy.context.scene.world = world


def build_camera():
    data = bpy.data.cameras.new("camera")
    camera = link(bpy.data.objects.new("camera", data), location=(0.35, -7.6, 1.95))
    aim(camera, (-0.10, 0, 1.20))
    data.lens = 52
    data.dof.use_dof = True
    # The near side of the ball and the rings around it are sharp; the far candles are not.
    data.dof.focus_distance = 7.3
    data.dof.aperture_fstop = 0.3
    bpy.context.scene.camera = camera


def settings():
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.frame_set(1)
    render = scene.render
    render.engine = "CYCLES"
    render.fps = FPS
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.use_motion_blur = False
    render.use_persistent_data = False
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.filepath = "//frame_"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = SAMPLES
    cycles.seed = 0
    cycles.use_animated_seed = False
    cycles.use_adaptive_sampling = False
    cycles.use_guiding = False
    cycles.use_light_tree = False  # five lamps: choosing among them evenly is cheaper
    cycles.time_limit = 0.0
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "ACCURATE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.max_bounces = 12
    cycles.diffuse_bounces = 2
    cycles.glossy_bounces = 5
    cycles.transmission_bounces = 10
    cycles.transparent_max_bounces = 12
    cycles.volume_bounces = 0
    cycles.caustics_reflective = False
    cycles.caustics_refractive = False
    cycles.blur_glossy = 0.6
    cycles.sample_clamp_direct = 0.0
    cycles.sample_clamp_indirect = 3.0
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.3


def main():
    # `blender --python demo_scene.py -- OUT.blend` works too.
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(arguments) != 1:
        print("usage: demo_scene.py OUT.blend", file=sys.stderr)
        os._exit(2)
    path = os.path.abspath(arguments[0])

    bpy.ops.wm.read_factory_settings(use_empty=True)
    brass = metal("brass, graduated", (0.90, 0.60, 0.24, 1.0), 0.24, 1.0, ticks=96, inset=0.045)
    plain = metal("brass", (0.90, 0.60, 0.24, 1.0), 0.20, 0.7)
    rose = metal("rose gold", (0.92, 0.50, 0.34, 1.0), 0.20, 0.8)
    steel = metal("steel", (0.72, 0.76, 0.80, 1.0), 0.16, 0.6, ticks=72, inset=0.022)
    gold = metal("gold", (1.0, 0.70, 0.28, 1.0), 0.14, 0.0)
    clear = glass("glass", (0.98, 0.99, 1.0, 1.0), 1.45, (0.92, 0.95, 1.0, 1.0))
    marble = stone()
    build_rings(brass, plain, rose, steel, gold, clear)
    build_stand(plain, marble)
    build_surroundings(clear)
    build_lights()
    build_camera()
    settings()
    # Blender reports the saving on stdout, which is for the facts: send that to stderr.
    facts = os.dup(1)
    os.dup2(2, 1)
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True, relative_remap=False)
    scene = bpy.context.scene
    line = json.dumps({
        "path": path, "frame_start": scene.frame_start, "frame_end": scene.frame_end, "fps": FPS,
        "width_px": WIDTH, "height_px": HEIGHT, "samples": SAMPLES, "bytes": os.path.getsize(path),
    })
    os.write(facts, line.encode() + b"\n")
    # A normal exit of the bpy module can hang; the file is closed and complete by now.
    os._exit(0)


main()
