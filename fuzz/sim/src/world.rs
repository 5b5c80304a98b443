//! What all tasks of a run share: the scenario, the model, the seeded randomness, what was found
//! wrong, and counters that show which paths a run took.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_model::{PartitionId, PartitionIndex, TopicId};

use crate::counts::Counts;
use crate::model::Partition;
use crate::scenario::{Scenario, Trouble};

/// One run's shared state. It outlives the lives.
#[derive(Debug)]
pub struct World {
    /// What is played.
    pub scenario: Scenario,
    /// The truth, by partition.
    pub model: RefCell<BTreeMap<PartitionId, Partition>>,
    /// Randomness of the tasks.
    pub random: RefCell<fastrand::Rng>,
    /// Claims that did not hold.
    pub findings: RefCell<Vec<String>>,
    /// What happened, for people.
    pub story: RefCell<Vec<String>>,
    /// How often.
    pub counts: RefCell<Counts>,
    /// The tasks of this life should come to an end.
    pub is_ending: Cell<bool>,
    /// The storage of this life is open.
    pub is_open: Cell<bool>,
    /// A bit was flipped, so that damage may be reported.
    pub is_rotten: Cell<bool>,
    /// The last life ended with a clean stop.
    pub was_closed: Cell<bool>,
    /// Operations may fail from here on.
    pub is_troubled: Cell<bool>,
}

impl World {
    /// The world before the first life.
    pub fn new(scenario: Scenario) -> Rc<Self> {
        let model = (0..scenario.partitions).map(|index| (partition(index), Partition::absent()));
        Rc::new(Self {
            model: RefCell::new(model.collect()),
            random: RefCell::new(fastrand::Rng::with_seed(scenario.seed ^ 0x0a11)),
            findings: RefCell::default(),
            story: RefCell::default(),
            counts: RefCell::default(),
            is_ending: Cell::new(false),
            is_open: Cell::new(false),
            is_rotten: Cell::new(false),
            is_troubled: Cell::new(false),
            was_closed: Cell::new(false),
            scenario,
        })
    }

    /// A claim does not hold.
    pub fn find(&self, what: String) {
        self.tell(format!("FOUND: {what}"));
        self.findings.borrow_mut().push(what);
        self.is_ending.set(true);
    }

    /// Takes note of what happens.
    pub fn tell(&self, what: String) {
        self.story.borrow_mut().push(what);
    }

    /// Changes the counters.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.borrow_mut());
    }

    /// True once in `times`.
    pub fn once_in(&self, times: u32) -> bool {
        self.random.borrow_mut().u32(..times) == 0
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(..end)
    }

    /// Changes or reads the truth about a partition.
    pub fn with<T>(&self, id: PartitionId, action: impl FnOnce(&mut Partition) -> T) -> T {
        action(self.model.borrow_mut().get_mut(&id).expect("all partitions are in the model"))
    }

    /// Ids of all partitions, existing or not.
    pub fn ids(&self) -> Vec<PartitionId> {
        self.model.borrow().keys().copied().collect()
    }

    /// Whether an I/O error of a read is the disk's fault.
    pub fn reads_may_fail(&self) -> bool {
        let trouble = self.scenario.trouble;
        matches!(trouble, Trouble::Reads | Trouble::Mixed) && self.is_troubled.get()
    }
}

/// The id of a partition by its number.
pub fn partition(index: u32) -> PartitionId {
    PartitionId { topic: TopicId::from_bytes([0x42; 16]), index: PartitionIndex(index as i32) }
}
