//! All bindings of a cluster, so that those of one resource are found fast: by its name, by every
//! prefix of its name that a binding has, and by the wildcard. Looking takes no memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::acl::{
    AclBinding, AclEntry, AclFilter, PatternType, ResourcePattern, ResourceType, WILDCARD,
};

/// The bindings. A clone shares the entries of all patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclIndex {
    patterns: BTreeMap<ResourceType, Patterns>,
    bindings: usize,
}

/// The patterns of one type of resources. Each has at least one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Patterns {
    literal: BTreeMap<Arc<str>, Entries>,
    prefixed: BTreeMap<Arc<str>, Entries>,
}

type Entries = Arc<BTreeSet<AclEntry>>;

impl AclIndex {
    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.bindings
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bindings == 0
    }

    /// Whether this very binding is there.
    pub fn contains(&self, binding: &AclBinding) -> bool {
        let pattern = &binding.pattern;
        let of_type = self.patterns.get(&pattern.resource_type);
        let entries = of_type.and_then(|it| it.of(pattern.pattern_type).get(&*pattern.name));
        entries.is_some_and(|entries| entries.contains(&binding.entry))
    }

    /// All bindings: by the type of the resource, literal patterns first, by name.
    pub fn bindings(&self) -> impl Iterator<Item = AclBinding> {
        self.matching(&AclFilter::EVERYTHING)
    }

    /// The bindings that pass a filter, in the order of [`AclIndex::bindings`].
    pub fn matching<'a>(&'a self, filter: &'a AclFilter) -> impl Iterator<Item = AclBinding> + 'a {
        let types = self.patterns.keys();
        types.flat_map(move |resource_type| {
            let entries = self.patterns_of(*resource_type);
            let matching = entries.filter(move |(pattern_type, name, entry)| {
                filter.matches_pattern(*resource_type, *pattern_type, name)
                    && filter.matches_entry(entry)
            });
            matching.map(move |(pattern_type, name, entry)| {
                let (resource_type, name) = (*resource_type, name.to_owned());
                let pattern = ResourcePattern { resource_type, pattern_type, name };
                AclBinding { pattern, entry: entry.clone() }
            })
        })
    }

    /// The entries of every pattern that matches this resource.
    pub(crate) fn entries_on<'a>(
        &'a self,
        resource_type: ResourceType,
        name: &'a str,
    ) -> impl Iterator<Item = &'a AclEntry> {
        let patterns = self.patterns.get(&resource_type);
        patterns.into_iter().flat_map(move |patterns| {
            let wildcard = patterns.literal.get(WILDCARD).filter(|_| name != WILDCARD);
            let literal = patterns.literal.get(name);
            let prefixed = Prefixes { of: &patterns.prefixed, rest: Some(name) };
            wildcard.into_iter().chain(literal).chain(prefixed).flat_map(|entries| entries.iter())
        })
    }

    /// Every pattern of one type of resources, with its entries.
    pub(crate) fn patterns_of(
        &self,
        resource_type: ResourceType,
    ) -> impl Iterator<Item = (PatternType, &str, &AclEntry)> {
        self.patterns.get(&resource_type).into_iter().flat_map(|patterns| {
            PatternType::ALL.iter().flat_map(move |kind| {
                let entries = patterns.of(*kind).iter();
                entries.flat_map(move |(name, entries)| {
                    entries.iter().map(move |entry| (*kind, &**name, entry))
                })
            })
        })
    }

    /// Adds a binding; false if it was there.
    pub(crate) fn add(&mut self, binding: &AclBinding) -> bool {
        let AclBinding { pattern, entry } = binding;
        let of_type = self.patterns.entry(pattern.resource_type).or_default();
        let names = of_type.of_mut(pattern.pattern_type);
        let entries = match names.get_mut(&*pattern.name) {
            Some(entries) => entries,
            None => names.entry(Arc::from(&*pattern.name)).or_default(),
        };
        let is_new = Arc::make_mut(entries).insert(entry.clone());
        self.bindings += usize::from(is_new);
        is_new
    }

    /// Removes a binding; false if it was not there. Leaves no empty pattern behind: that it exists
    /// says that somebody cares about the resource.
    pub(crate) fn remove(&mut self, binding: &AclBinding) -> bool {
        let AclBinding { pattern, entry } = binding;
        if !self.contains(binding) {
            return false;
        }
        let Some(of_type) = self.patterns.get_mut(&pattern.resource_type) else { return false };
        let names = of_type.of_mut(pattern.pattern_type);
        let Some(entries) = names.get_mut(&*pattern.name) else { return false };
        Arc::make_mut(entries).remove(entry);
        if entries.is_empty() {
            names.remove(&*pattern.name);
        }
        if of_type.literal.is_empty() && of_type.prefixed.is_empty() {
            self.patterns.remove(&pattern.resource_type);
        }
        self.bindings -= 1;
        true
    }
}

impl Patterns {
    fn of(&self, pattern_type: PatternType) -> &BTreeMap<Arc<str>, Entries> {
        match pattern_type {
            PatternType::Literal => &self.literal,
            PatternType::Prefixed => &self.prefixed,
        }
    }

    fn of_mut(&mut self, pattern_type: PatternType) -> &mut BTreeMap<Arc<str>, Entries> {
        match pattern_type {
            PatternType::Literal => &mut self.literal,
            PatternType::Prefixed => &mut self.prefixed,
        }
    }
}

/// The entries of all prefixes of a name, the longest first. Each step finds the greatest key that
/// is not above what is left of the name: either it is a prefix, or no prefix is longer than what
/// it and the name have in common.
struct Prefixes<'a> {
    of: &'a BTreeMap<Arc<str>, Entries>,
    /// What prefixes are looked for of; `None` when there are no more.
    rest: Option<&'a str>,
}

impl<'a> Iterator for Prefixes<'a> {
    type Item = &'a Entries;

    fn next(&mut self) -> Option<&'a Entries> {
        loop {
            let rest = self.rest?;
            let range = (Bound::Unbounded, Bound::Included(rest));
            let Some((key, entries)) = self.of.range::<str, _>(range).next_back() else {
                self.rest = None;
                return None;
            };
            let common = common_prefix(key, rest);
            if common.len() == key.len() {
                self.rest = shortened(key).map(|shorter| &rest[..shorter]);
                return Some(entries);
            }
            self.rest = (!common.is_empty()).then(|| &rest[..common.len()]);
        }
    }
}

/// What two texts begin with, in whole characters.
fn common_prefix<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let end = (0..=same).rev().find(|end| one.is_char_boundary(*end)).unwrap_or(0);
    &one[..end]
}

/// The length of a text without its last character; `None` if nothing would be left.
fn shortened(text: &str) -> Option<usize> {
    text.char_indices().next_back().map(|(start, _)| start).filter(|start| *start > 0)
}
