"""The files that a scene names: which there are, and a copy of the scene with other paths."""

import contextlib
import glob
import os
import re

import bpy


def _absolute(path, library=None):
    return os.path.normpath(bpy.path.abspath(path, library=library))


def _own_library(block):
    return getattr(block, "library", None)


def _existing(absolute, source):
    """The files on disk that a path stands for: one, a numbered sequence, or tiles."""
    if "<UDIM>" in absolute or "<UVTILE>" in absolute:
        pattern = glob.escape(absolute)
        pattern = re.sub(r"<UDIM>|<UVTILE>", "*", pattern)
        return sorted(p for p in glob.glob(pattern) if os.path.isfile(p))
    if source == "SEQUENCE":
        head, name = os.path.split(absolute)
        match = re.match(r"(.*?)(\d+)(\D*)$", name)
        if match:
            same = re.compile(re.escape(match[1]) + r"\d+" + re.escape(match[3]) + "$")
            with contextlib.suppress(OSError):
                return sorted(os.path.join(head, n) for n in os.listdir(head) if same.match(n))
            return []
    if source == "FOLDER":
        found = []
        for folder, _, names in os.walk(absolute):
            found += [os.path.join(folder, name) for name in names]
        return sorted(found)
    return [absolute] if os.path.isfile(absolute) else []


def _packed(block):
    if getattr(block, "packed_file", None) is not None:
        return True
    files = getattr(block, "packed_files", None)
    return bool(files) and len(files) > 0


def _simple(collection, kind, skip=lambda block: False):
    for block in collection:
        path = block.filepath
        if path and path != "<builtin>" and not _packed(block) and not skip(block):
            yield block, kind, path, getattr(block, "source", "FILE"), (block, "filepath")


def _generated(image):
    return image.source in {"GENERATED", "VIEWER"}


def _modifiers():
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            with contextlib.suppress(AttributeError):
                if modifier.type == "MESH_CACHE" and modifier.filepath:
                    yield thing, "cache", modifier.filepath, "FILE", (modifier, "filepath")
                if modifier.type == "OCEAN" and modifier.is_cached and modifier.filepath:
                    yield thing, "cache", modifier.filepath, "FOLDER", (modifier, "filepath")
                if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
                    # A fluid that was not baked is a folder that is missing.
                    domain = modifier.domain_settings
                    path = domain.cache_directory or "//cache_fluid"
                    yield thing, "cache", path, "FOLDER", (domain, "cache_directory")
                if modifier.type == "NODES" and modifier.bake_directory:
                    path = modifier.bake_directory
                    if any(b.bake_target == "DISK" for b in modifier.bakes):
                        yield thing, "cache", path, "FOLDER", (modifier, "bake_directory")
            yield from _disk_cache(thing, modifier)


def _disk_cache(thing, modifier):
    with contextlib.suppress(AttributeError):
        system = getattr(modifier, "particle_system", None)
        cache = system.point_cache if system else modifier.point_cache
        if cache.use_external and cache.filepath:
            yield thing, "cache", cache.filepath, "FOLDER", (cache, "filepath")
        elif cache.use_disk_cache and cache.is_baked and bpy.data.filepath:
            stem = os.path.splitext(os.path.basename(bpy.data.filepath))[0]
            yield thing, "cache", "//blendcache_" + stem, "FOLDER", None


def _lights_and_nodes():
    for light in bpy.data.lights:
        yield from _ies(light, light.node_tree)
    for tree in bpy.data.node_groups:
        yield from _ies(tree, tree)
    for block in [*bpy.data.materials, *bpy.data.worlds]:
        yield from _ies(block, block.node_tree)


def _ies(block, tree):
    for node in tree.nodes if tree else ():
        if node.type in {"TEX_IES", "SCRIPT"} and node.mode == "EXTERNAL" and node.filepath:
            kind = "light profile" if node.type == "TEX_IES" else "shader"
            yield block, kind, node.filepath, "FILE", (node, "filepath")


def _walk():
    data = bpy.data
    for library in data.libraries:
        if not _packed(library):
            yield library, "library", library.filepath, "FILE", (library, "filepath")
    yield from _simple(data.images, "image", _generated)
    yield from _simple(data.fonts, "font")
    yield from _simple(data.sounds, "sound")
    yield from _simple(data.movieclips, "movie clip")
    yield from _simple(data.volumes, "volume")
    yield from _simple(data.cache_files, "cache")
    yield from _modifiers()
    yield from _lights_and_nodes()
    yield from _strips()


def _strips():
    for scene in bpy.data.scenes:
        editor = scene.sequence_editor
        if editor is None:
            continue
        for strip in editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all:
            with contextlib.suppress(AttributeError):
                if strip.type == "MOVIE":
                    yield scene, "movie clip", strip.filepath, "FILE", (strip, "filepath")
                if strip.type == "IMAGE":
                    for element in strip.elements:
                        path = os.path.join(strip.directory, element.filename)
                        yield scene, "image", path, "FILE", None


def _lines():
    found = {}
    for block, kind, path, source, owner in _walk():
        # A library's own path is seen from the library that names it.
        base = block.parent if kind == "library" else _own_library(block)
        absolute = _absolute(path, base)
        files = _existing(absolute, _source(block, kind, source))
        if not files and base is not None and path.startswith("//"):
            # Older files name what a library names from their own folder.
            from_main = _absolute(path)
            files = _existing(from_main, _source(block, kind, source))
            absolute = from_main if files else absolute
        if kind == "library" and bool(files) and getattr(block, "is_missing", False):
            files = []
        key = (absolute, kind, base.name if base else "")
        if key in found:
            found[key]["owners"].append(owner)
            continue
        found[key] = {
            "path": path,
            "absolute": absolute,
            "kind": kind,
            "used_by": block.name,
            "library": _absolute(base.filepath, base.parent) if base else None,
            "exists": bool(files),
            "files": files,
            "owners": [owner],
        }
    return found


def _source(block, kind, source):
    if kind == "volume" and getattr(block, "is_sequence", False):
        return "SEQUENCE"
    if kind == "cache" and getattr(block, "is_sequence", False):
        return "SEQUENCE"
    return source


def dependencies():
    """Every file that the opened scene and its libraries name."""
    files = [
        {key: value for key, value in line.items() if key != "owners"} for line in _lines().values()
    ]
    return {"main": bpy.data.filepath, "files": files}


def remap(paths, save_path):
    """Saves a copy in which absolute paths have become others (`//textures/a.png`).

    Only what belongs to the file itself is changed: linked libraries are files of their own.
    """
    changed = 0
    for line in _lines().values():
        new = paths.get(line["absolute"])
        if new is None or line["library"]:
            continue
        for owner in line["owners"]:
            if owner is None:
                continue
            thing, name = owner
            setattr(thing, name, new)
            changed += 1
    bpy.ops.wm.save_as_mainfile(
        filepath=save_path, copy=True, compress=True, relative_remap=False, check_existing=False
    )
    return {"changed": changed}
