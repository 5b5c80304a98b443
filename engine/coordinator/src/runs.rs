//! Values of offsets, kept as runs: offsets that follow each other and have the same value take one
//! entry, so that memory goes by what differs and not by how much there is.

use std::collections::BTreeMap;

use corelog_model::Offset;

/// The runs, in the order of their offsets. They do not overlap, and neighbours differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs<V> {
    by_first: BTreeMap<Offset, Run<V>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Run<V> {
    last: Offset,
    value: V,
}

impl<V> Default for Runs<V> {
    fn default() -> Self {
        Runs { by_first: BTreeMap::new() }
    }
}

impl<V: Clone + PartialEq> Runs<V> {
    /// How many runs there are.
    pub(crate) fn len(&self) -> usize {
        self.by_first.len()
    }

    /// All runs: first offset, last offset and value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Offset, Offset, &V)> {
        self.by_first.iter().map(|(first, run)| (*first, run.last, &run.value))
    }

    /// The first run.
    pub(crate) fn first(&self) -> Option<(Offset, Offset, &V)> {
        self.iter().next()
    }

    /// The parts of runs that lie between two offsets, both included.
    pub(crate) fn within(
        &self,
        first: Offset,
        last: Offset,
    ) -> impl Iterator<Item = (Offset, Offset, &V)> {
        let from = self.by_first.range(..=first).next_back().map_or(first, |(first, _)| *first);
        let runs = (from <= last).then(|| self.by_first.range(from..=last));
        let clipped = runs
            .into_iter()
            .flatten()
            .map(move |(start, run)| ((*start).max(first), run.last.min(last), &run.value));
        clipped.filter(|(first, last, _)| first <= last)
    }

    /// Gives offsets a value, whatever they had.
    pub(crate) fn set(&mut self, first: Offset, last: Offset, value: V) {
        assert!(first <= last, "a run has an offset: {first} to {last}");
        self.split(first);
        self.split(last.next());
        let inside: Vec<Offset> = self.by_first.range(first..=last).map(|(at, _)| *at).collect();
        for at in inside {
            self.by_first.remove(&at);
        }
        self.by_first.insert(first, Run { last, value });
        self.join(last.next());
        self.join(first);
    }

    /// Forgets all offsets before this one.
    pub(crate) fn drop_before(&mut self, offset: Offset) {
        self.split(offset);
        self.by_first = self.by_first.split_off(&offset);
    }

    /// Sees to it that no run reaches over the edge before this offset.
    fn split(&mut self, at: Offset) {
        let Some((first, run)) = self.by_first.range_mut(..at).next_back() else { return };
        if run.last < at {
            return;
        }
        let behind = Run { last: run.last, value: run.value.clone() };
        run.last = Offset(at.0 - 1);
        assert!(*first < at, "the run begins before the edge");
        self.by_first.insert(at, behind);
    }

    /// Makes one run of the two at the edge before this offset, if they touch and are alike.
    fn join(&mut self, at: Offset) {
        let Some(right) = self.by_first.get(&at) else { return };
        let Some((first, left)) = self.by_first.range(..at).next_back() else { return };
        if left.last.next() != at || left.value != right.value {
            return;
        }
        let (first, last) = (*first, right.last);
        self.by_first.remove(&at);
        if let Some(left) = self.by_first.get_mut(&first) {
            left.last = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(runs: &Runs<u8>) -> Vec<(i64, i64, u8)> {
        runs.iter().map(|(first, last, value)| (first.0, last.0, *value)).collect()
    }

    fn set(runs: &mut Runs<u8>, first: i64, last: i64, value: u8) {
        runs.set(Offset(first), Offset(last), value);
    }

    #[test]
    fn alike_neighbours_are_one_run_and_a_part_is_cut_out() {
        let mut runs = Runs::default();
        set(&mut runs, 0, 9, 1);
        set(&mut runs, 10, 19, 1);
        assert_eq!(all(&runs), [(0, 19, 1)]);
        set(&mut runs, 5, 6, 2);
        assert_eq!(all(&runs), [(0, 4, 1), (5, 6, 2), (7, 19, 1)]);
        set(&mut runs, 5, 6, 1);
        assert_eq!(all(&runs), [(0, 19, 1)]);
        runs.drop_before(Offset(7));
        assert_eq!(all(&runs), [(7, 19, 1)]);
        let within: Vec<_> = runs.within(Offset(3), Offset(8)).collect();
        assert_eq!(within, [(Offset(7), Offset(8), &1)]);
    }

    proptest! {
        #[test]
        fn runs_say_what_a_list_of_offsets_says(
            sets in prop::collection::vec((0..40_i64, 0..12_i64, 0..3_u8), 1..30),
            cut in 0..40_i64,
        ) {
            let mut runs = Runs::default();
            let mut list: BTreeMap<i64, u8> = BTreeMap::new();
            for (first, more, value) in sets {
                set(&mut runs, first, first + more, value);
                list.extend((first..=first + more).map(|offset| (offset, value)));
            }
            runs.drop_before(Offset(cut));
            list.retain(|offset, _| *offset >= cut);
            let told = all(&runs);
            let flat = told.iter().flat_map(|(first, last, value)| {
                (*first..=*last).map(move |offset| (offset, *value))
            });
            prop_assert_eq!(flat.collect::<BTreeMap<_, _>>(), list);
            for pair in told.windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
                prop_assert!(pair[0].1 + 1 < pair[1].0 || pair[0].2 != pair[1].2);
            }
        }
    }
}
