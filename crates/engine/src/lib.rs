//! Runs a renderer in a sandbox: provisioning of exact builds, the Blender driver, layers.
