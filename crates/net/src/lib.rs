//! The iroh endpoint: identity, sessions, framing, one protocol per ALPN.
