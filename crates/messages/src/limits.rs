//! Limits on what is sent and to whom, with how each was chosen.

use std::time::Duration;

/// Characters of a webhook's URL: what browsers and proxies still take.
pub const URL_CHARS_MAX: usize = 2_000;

/// Characters of a mail address: the longest that mail servers take (RFC 5321).
pub const EMAIL_CHARS_MAX: usize = 254;

/// How long a webhook's receiver has for everything: to be found, to take the message, to answer.
pub const POST_MAX: Duration = Duration::from_secs(10);

/// How long a mail server may take for each step.
pub const MAIL_STEP_MAX: Duration = Duration::from_secs(20);

/// Webhooks at once: a few receivers that don't answer don't hold up the others for long.
pub const POSTS_AT_ONCE: usize = 4;

/// Addresses of a receiver that are tried.
pub const ADDRESSES_TRIED_MAX: usize = 4;
