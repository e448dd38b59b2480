//! The judgement: draws probes, measures agreement, states bounds, gives the verdict. Pure.
