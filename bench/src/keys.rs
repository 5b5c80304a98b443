//! Which key a message has: none, any of a set alike, or a few of them far more often than the
//! others (Zipf). Pure.

use fastrand::Rng;

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;

/// How keys are distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keys {
    /// Messages have none.
    None,
    /// Each of so many is as likely as any other.
    Uniform {
        /// How many keys there are.
        count: u64,
    },
    /// The k-th is likely in proportion to `1 / k^exponent`.
    Zipf {
        /// How many keys there are.
        count: u64,
        /// How steep it is; 0.99 is what YCSB uses.
        exponent: f64,
    },
}

/// Chooses keys.
#[derive(Debug, Clone)]
pub struct KeyChooser {
    keys: Keys,
    zipf: Option<Zipf>,
    bytes: [u8; KEY_BYTES],
}

impl KeyChooser {
    /// A chooser for keys that are distributed so.
    pub fn new(keys: Keys) -> Self {
        let zipf = match keys {
            Keys::None | Keys::Uniform { .. } => None,
            Keys::Zipf { count, exponent } => Some(Zipf::new(count, exponent)),
        };
        Self { keys, zipf, bytes: [0; KEY_BYTES] }
    }

    /// The key of the next message.
    pub fn choose(&mut self, random: &mut Rng) -> Option<&[u8]> {
        let number = match (self.keys, &self.zipf) {
            (Keys::None, _) => return None,
            (Keys::Uniform { count }, _) => random.u64(0..count.max(1)),
            (Keys::Zipf { .. }, Some(zipf)) => zipf.choose(random) - 1,
            (Keys::Zipf { .. }, None) => 0,
        };
        let mut rest = number;
        for byte in self.bytes.iter_mut().rev() {
            *byte = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        Some(&self.bytes)
    }
}

/// Numbers from 1 to `count` with Zipf's distribution, in constant time and memory
/// (rejection-inversion, Hörmann and Derflinger 1996).
#[derive(Debug, Clone, Copy)]
struct Zipf {
    count: f64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    sure: f64,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let count = count.max(1) as f64;
        let integral_first = integral(1.5, exponent) - 1.0;
        let integral_last = integral(count + 0.5, exponent);
        let sure = 2.0 - inverse(integral(2.5, exponent) - weight(2.0, exponent), exponent);
        Self { count, exponent, integral_first, integral_last, sure }
    }

    fn choose(&self, random: &mut Rng) -> u64 {
        loop {
            let area =
                self.integral_last + random.f64() * (self.integral_first - self.integral_last);
            let place = inverse(area, self.exponent);
            let number = place.round().clamp(1.0, self.count);
            let accepted = number - place <= self.sure
                || integral(number + 0.5, self.exponent) - weight(number, self.exponent) <= area;
            if accepted {
                return number as u64;
            }
        }
    }
}

fn weight(place: f64, exponent: f64) -> f64 {
    (-exponent * place.ln()).exp()
}

/// The integral of the weight, in a form that also holds for the exponent 1.
fn integral(place: f64, exponent: f64) -> f64 {
    let log = place.ln();
    let factor = (1.0 - exponent) * log;
    let ratio = if factor.abs() > 1e-8 { factor.exp_m1() / factor } else { 1.0 + factor / 2.0 };
    ratio * log
}

fn inverse(area: f64, exponent: f64) -> f64 {
    let product = (area * (1.0 - exponent)).max(-1.0);
    let ratio = if product.abs() > 1e-8 { product.ln_1p() / product } else { 1.0 - product / 2.0 };
    (ratio * area).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of the keys came in 200,000 messages.
    fn shares(keys: Keys, count: usize) -> Vec<f64> {
        let mut chooser = KeyChooser::new(keys);
        let mut random = Rng::with_seed(9);
        let mut counts = vec![0.0; count];
        for _ in 0..200_000 {
            let key = std::str::from_utf8(chooser.choose(&mut random).unwrap()).unwrap();
            counts[usize::from_str_radix(key, 16).unwrap()] += 1.0 / 200_000.0;
        }
        counts
    }

    #[test]
    fn zipf_keys_are_as_frequent_as_the_formula_says() {
        for exponent in [0.5, 0.99, 1.0, 1.5] {
            let found = shares(Keys::Zipf { count: 50, exponent }, 50);
            let weights: Vec<f64> = (1..=50).map(|k| f64::from(k).powf(-exponent)).collect();
            let sum: f64 = weights.iter().sum();
            for (found, weight) in found.iter().zip(&weights) {
                assert!((found - weight / sum).abs() < 0.005, "{exponent}: {found} {weight}");
            }
        }
    }

    #[test]
    fn uniform_keys_are_alike_and_none_is_none() {
        let found = shares(Keys::Uniform { count: 10 }, 10);
        assert!(found.iter().all(|share| (share - 0.1).abs() < 0.005), "{found:?}");
        assert_eq!(KeyChooser::new(Keys::None).choose(&mut Rng::with_seed(1)), None);
    }

    #[test]
    fn a_single_key_is_always_the_same() {
        let mut chooser = KeyChooser::new(Keys::Zipf { count: 1, exponent: 1.2 });
        let mut random = Rng::with_seed(1);
        assert!((0..100).all(|_| chooser.choose(&mut random) == Some(b"0000000000000000")));
    }
}
