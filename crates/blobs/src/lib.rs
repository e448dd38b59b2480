//! Content-addressed storage of scenes and frames, on iroh-blobs.
