//! Claims about a full disk.
