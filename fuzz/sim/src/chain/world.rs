//! What all tasks of a run share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::model::Model;
use super::scenario::Chain;
use crate::counts::ChainCounts;

/// One run's shared state. It outlives the lives.
pub(super) struct World {
    pub(super) chain: Chain,
    model: RefCell<Model>,
    random: RefCell<fastrand::Rng>,
    pub(super) findings: RefCell<Vec<String>>,
    pub(super) story: RefCell<Vec<String>>,
    pub(super) counts: RefCell<ChainCounts>,
    is_ending: Cell<bool>,
}

impl World {
    pub(super) fn new(chain: Chain) -> Rc<Self> {
        let random = fastrand::Rng::with_seed(chain.seed ^ 0x7a5c);
        Rc::new(Self {
            chain,
            model: RefCell::default(),
            random: RefCell::new(random),
            findings: RefCell::default(),
            story: RefCell::default(),
            counts: RefCell::default(),
            is_ending: Cell::new(false),
        })
    }

    /// A claim does not hold.
    pub(super) fn find(&self, what: String) {
        self.tell(format!("FOUND: {what}"));
        self.findings.borrow_mut().push(what);
        self.is_ending.set(true);
    }

    pub(super) fn tell(&self, what: String) {
        self.story.borrow_mut().push(what);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut ChainCounts)) {
        change(&mut self.counts.borrow_mut());
    }

    pub(super) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(..end)
    }

    pub(super) fn model<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        act(&mut self.model.borrow_mut())
    }

    /// Whether the tasks of this life should come to an end.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    pub(super) fn set_ending(&self, is_ending: bool) {
        self.is_ending.set(is_ending);
    }

    pub(super) fn is_well(&self) -> bool {
        self.findings.borrow().is_empty()
    }
}
