//! Mutation with a seed: what libFuzzer does, without its eyes. The same seed gives the same
//! inputs.

use fastrand::Rng;

use crate::Target;

/// Bytes that lengths, counts and signs turn on.
const TELLING: [&[u8]; 12] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0, 0, 0, 0, 0],
];

/// Inputs for a target, without end: its seeds, changed in a few places each.
pub fn inputs(target: &Target, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut chance = Rng::with_seed(seed);
    let seeds = target.seeds();
    let bytes_max = target.input_bytes_max;
    std::iter::repeat_with(move || {
        let mut input = pick(&seeds, &mut chance).to_vec();
        for _ in 0..=chance.u8(..6) {
            mutate(&mut input, &seeds, &mut chance);
        }
        input.truncate(bytes_max);
        input
    })
}

fn pick<'a>(seeds: &'a [Vec<u8>], chance: &mut Rng) -> &'a [u8] {
    chance.choice(seeds).map_or(&[], Vec::as_slice)
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Rng) {
    let at = chance.usize(..=input.len());
    match chance.u8(..8) {
        0 if at < input.len() => input[at] ^= 1 << chance.u8(..8),
        1 if at < input.len() => input[at] = chance.u8(..),
        2 => {
            let telling = TELLING[chance.usize(..TELLING.len())];
            let end = input.len().min(at + telling.len());
            input[at..end].copy_from_slice(&telling[..end - at]);
        }
        3 => {
            let telling = TELLING[chance.usize(..TELLING.len())];
            input.splice(at..at, telling.iter().copied());
        }
        4 => {
            let end = input.len().min(at + chance.usize(..16));
            input.drain(at..end);
        }
        5 => input.truncate(at),
        6 => {
            let other = pick(seeds, chance);
            let from = chance.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let end = input.len().min(at + chance.usize(..64));
            let part = input[at..end].to_vec();
            let target = chance.usize(..=input.len());
            input.splice(target..target, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let some = |seed| inputs(crate::target("wire_request"), seed).take(50).collect::<Vec<_>>();
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
    }
}
