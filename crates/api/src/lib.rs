//! HTTP for people and programs: REST, server-sent events, blob gateway, web page.
