//! Claims about hostile bytes.
