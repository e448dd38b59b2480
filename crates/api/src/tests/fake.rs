//! A farm without a network around it: commands are applied at once, and nothing happens by itself.
