//! Which files a scene consists of.
