//! The file of a proof: everything that shows how a job's frames came about, for who wasn't there.
//!
//! It is self-contained: header, facts, records, index, pictures.
//!
//! - The **header** has a fixed length. It states the length and the BLAKE3 hash of each section
//!   that follows, and ends with the manager's key and its signature over all bytes before it.
//! - The **facts** are what derivations need of the job, and the names of the nodes concerned.
//! - The **records** are rows of tasks with their keys, receipts and verification tasks, each with
//!   its own length and hash, so that damage can be told to one of them.
//! - The **index** lists the hash and the length of each blob; the **pictures** are those blobs.
//!
//! So the signature covers every byte of the file, and the file can be written from beginning to
//! end without holding the pictures. It comes from strangers: nothing is set aside before the
//! lengths that it states were found to fit.

mod facts;
mod header;
mod records;

pub use facts::{Facts, NodeFacts, decode_facts, encode_facts};
pub use header::{HEADER_BYTES, Header, Section, SectionFacts, decode_header};
pub use records::{
    IndexEntry, Record, RecordError, decode_index, encode_index, push_record, records,
};

/// Version with which proofs are written.
pub const VERSION: u8 = 1;
