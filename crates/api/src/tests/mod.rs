//! The whole interface over a farm in memory, request by request.

pub(crate) mod fake;
