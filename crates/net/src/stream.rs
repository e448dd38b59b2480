//! The bytes of a session: how messages lie on the stream, and the task that writes them.

use crate::close::CloseReason;
use crate::limits;
use bytes::{Buf, Bytes, BytesMut};
use iroh::endpoint::{Connection, SendStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

/// The length of a message on the wire.
const HEADER_BYTES: usize = 4;

/// The whole of an empty message: what opens a session.
pub(crate) const EMPTY_MESSAGE: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

/// A message that waits to be sent, with the room that it takes in the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) bytes: Bytes,
    pub(crate) _room: OwnedSemaphorePermit,
}

/// Closes the connection, unless it is closed already.
pub(crate) fn close_now(connection: &Connection, reason: &CloseReason) {
    // Closing again would overwrite the peer's reason with ours.
    if connection.close_reason().is_some() {
        return;
    }
    let (code, text) = reason.to_wire();
    connection.close(code, &text);
}

/// Writes what is queued until everybody is gone or a close is asked for, then closes.
pub(crate) async fn write_queue(
    connection: Connection,
    mut stream: SendStream,
    mut queue: mpsc::Receiver<Queued>,
    closing: watch::Receiver<Option<CloseReason>>,
) {
    let mut asked = closing.clone();
    let flush = async {
        loop {
            let queued = tokio::select! {
                biased;
                queued = queue.recv() => queued,
                Ok(_) = asked.wait_for(Option::is_some) => None,
            };
            let Some(queued) = queued else { break };
            let header = u32::try_from(queued.bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
            stream.write_all(&header).await.ok()?;
            stream.write_all(&queued.bytes).await.ok()?;
        }
        stream.finish().ok()?;
        // Answers when the peer has acknowledged everything: a close would throw away what is under way.
        stream.stopped().await.ok()
    };
    let mut asked = closing.clone();
    let too_long = async {
        // An error means that all parts were dropped, which is a close too.
        let _ = asked.wait_for(Option::is_some).await;
        tokio::time::sleep(limits::FLUSH_TIMEOUT).await;
    };
    tokio::select! {
        _ = flush => {}
        () = too_long => {}
        _ = connection.closed() => {}
    }
    let reason = closing.borrow().clone().unwrap_or(CloseReason::Normal);
    close_now(&connection, &reason);
}

/// The first message in the buffer, if it is whole; the announced length if that is too long.
pub(crate) fn take_message(buffer: &mut BytesMut) -> Result<Option<Bytes>, usize> {
    let Some(header) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let bytes = u32::from_be_bytes(*header) as usize;
    if bytes > limits::MESSAGE_BYTES_MAX {
        return Err(bytes);
    }
    if buffer.len() < HEADER_BYTES + bytes {
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some(buffer.split_to(bytes).freeze()))
}
