//! The attack suite: how often cheating workers' frames are caught, and honest ones rejected, over real renders.
//!
//! Every attack is a driver in a folder ([`catalogue`]). Every scene ([`scenery`]) is rendered by
//! honest workers and verifiers of several classes and by every attack ([`studio`]), compared cell by
//! cell ([`material`]), and then judged with thousands of verification keys ([`trials`], [`judging`]).

pub mod behaviours;
pub mod catalogue;
pub mod development;
pub mod judge_once;
pub mod judging;
pub mod material;
pub mod regions;
pub mod report;
pub mod scenery;
pub mod studio;
pub mod suite;
pub mod trials;
