//! Server-sent events, read from pieces of bytes as the network delivers them.
//!
//! Follows the HTML standard, section 9.2.6 ("Interpreting an event stream"), without `id` and `retry`.

use candela_wire::api::limits::EVENT_BYTES_MAX;

/// One event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawEvent {
    /// Its name; `message` unless something else was sent.
    pub(crate) name: String,
    /// Its data, lines joined by `\n`.
    pub(crate) data: String,
}

/// A line or an event was longer than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Puts pieces together to events.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    name: String,
    data: String,
}

impl Parser {
    /// Takes a piece and gives the events that it completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<RawEvent>, TooLong> {
        let mut events = Vec::new();
        for byte in piece {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line(&line));
                }
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &[u8]) -> Option<RawEvent> {
        let text = String::from_utf8_lossy(line);
        let mut text = text.as_ref();
        if !std::mem::replace(&mut self.begun, true) {
            text = text.trim_start_matches('\u{feff}');
        }
        if text.is_empty() {
            return self.finish();
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            _ => {}
        }
        None
    }

    fn finish(&mut self) -> Option<RawEvent> {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        // The standard drops events without data.
        data.pop()?;
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(RawEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> RawEvent {
        RawEvent { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn streams_and_their_events_however_they_are_cut() {
        let check = |stream: &str, want: &[RawEvent]| {
            for step in 1..=stream.len().max(1) {
                let mut parser = Parser::default();
                let mut got = Vec::new();
                for piece in stream.as_bytes().chunks(step) {
                    got.extend(parser.push(piece).unwrap());
                }
                assert_eq!(got, want, "{stream:?} in pieces of {step}");
            }
        };
        check("event: job\ndata: {}\n\n", &[event("job", "{}")]);
        check("data: a\ndata: b\n\n", &[event("message", "a\nb")]);
        check("data:a\r\n\r\nevent:x\rdata:b\r\r", &[event("message", "a"), event("x", "b")]);
        check("\u{feff}data: ü€😀\n\n", &[event("message", "ü€😀")]);
        check(": keep-alive\n\n: again\n\n", &[]);
        check("event: reset\ndata: \n\n", &[event("reset", "")]);
        check("event: lost\n\ndata: a\n\n", &[event("message", "a")]);
        check("data: unfinished\n", &[]);
        check("id: 3\nretry: 5\nwhat\ndata:  two spaces\n\n", &[event("message", " two spaces")]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; EVENT_BYTES_MAX / 2];
        assert_eq!(parser.push(&piece), Ok(vec![]));
        assert_eq!(parser.push(&piece), Ok(vec![]));
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }

    #[test]
    fn data_without_end_is_refused() {
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(EVENT_BYTES_MAX / 3));
        assert_eq!(parser.push(line.as_bytes()), Ok(vec![]));
        assert_eq!(parser.push(line.as_bytes()), Ok(vec![]));
        assert_eq!(parser.push(line.as_bytes()), Err(TooLong));
    }
}
