//! What nodes say to each other and what is stored, versioned.
