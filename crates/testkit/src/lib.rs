//! For tests only: seeded world, cheating workers, process launcher, scenes.
