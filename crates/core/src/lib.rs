//! The rules of the network: jobs, tasks, leases, verification. Pure: no clock, no randomness, no I/O.
