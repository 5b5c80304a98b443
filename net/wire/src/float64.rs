//! The field of a message that holds a floating point number.

/// A number of 64 bits as it stands on the wire. Equal are the same bits, so that NaN equals itself
/// and messages can be compared.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Float64(u64);

impl Float64 {
    /// The number on the wire.
    pub const fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    /// The number.
    pub const fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl std::fmt::Debug for Float64 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value().fmt(formatter)
    }
}
