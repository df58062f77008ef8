//! The queue's protocol under loom.
