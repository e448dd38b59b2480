//! The stream of events, which survives a connection that drops.

use crate::client::Client;
use crate::limits::RECONNECT_PAUSE;
use crate::sse::{Parser, RawEvent};
use bytes::Bytes;
use candela_wire::api::Event;
use futures_lite::{Stream, StreamExt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// Events as they happen; see [`Client::events`].
pub struct EventStream(Pin<Box<dyn Stream<Item = Event> + Send>>);

impl EventStream {
    pub(crate) fn new(client: Client, job: Option<u64>) -> EventStream {
        let source = Source {
            client,
            job,
            connection: None,
            ready: VecDeque::new(),
            pause: RECONNECT_PAUSE.0,
        };
        EventStream(Box::pin(futures_lite::stream::unfold(source, |mut source| async move {
            source.next().await.map(|event| (event, source))
        })))
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.as_mut().poll_next(context)
    }
}

struct Connection {
    pieces: Pieces,
    parser: Parser,
}

struct Source {
    client: Client,
    job: Option<u64>,
    connection: Option<Connection>,
    ready: VecDeque<Event>,
    pause: Duration,
}

impl Source {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match &mut self.connection {
                Some(connection) => {
                    let piece = connection.pieces.next().await;
                    let events = match piece {
                        Some(Ok(piece)) => connection.parser.push(&piece).ok(),
                        Some(Err(_)) | None => None,
                    };
                    match events {
                        Some(events) => {
                            self.pause = RECONNECT_PAUSE.0;
                            self.ready.extend(events.iter().filter_map(read));
                        }
                        None => {
                            self.connection = None;
                            self.rest().await;
                        }
                    }
                }
                None => self.connect().await?,
            }
        }
    }

    /// None if it makes no sense to try again.
    async fn connect(&mut self) -> Option<()> {
        match self.client.open_events(self.job).await {
            Ok(response) => {
                let pieces = Box::pin(response.bytes_stream());
                self.connection = Some(Connection { pieces, parser: Parser::default() });
                self.ready.push_back(Event::Reset);
            }
            Err(error) if error.is_passing() => self.rest().await,
            Err(_) => return None,
        }
        Some(())
    }

    async fn rest(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(RECONNECT_PAUSE.1);
    }
}

/// Events that this version doesn't know are passed over.
fn read(raw: &RawEvent) -> Option<Event> {
    let parsed = match raw.name.as_str() {
        "job" => serde_json::from_str(&raw.data).map(Event::Job),
        "frame" => serde_json::from_str(&raw.data).map(Event::Frame),
        "node" => serde_json::from_str(&raw.data).map(Event::Node),
        "reset" => return Some(Event::Reset),
        _ => return None,
    };
    // What can't be read may have mattered: the caller reads the state again.
    Some(parsed.unwrap_or(Event::Reset))
}
