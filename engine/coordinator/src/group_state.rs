//! What a group of any kind is doing.

/// What a group is doing, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// It has no members, but may have offsets.
    Empty,
    /// Of a classic group: members have to rejoin.
    PreparingRebalance,
    /// Of a classic group: the leader has to assign.
    CompletingRebalance,
    /// Of a consumer group: the target of its epoch has yet to be computed.
    Assigning,
    /// Of a consumer group: members are on the way to their targets.
    Reconciling,
    /// Every member has its assignment or may fetch it.
    Stable,
    /// It is being deleted, or does not exist.
    Dead,
}

impl GroupState {
    const ALL: [GroupState; 7] = [
        GroupState::Empty,
        GroupState::PreparingRebalance,
        GroupState::CompletingRebalance,
        GroupState::Assigning,
        GroupState::Reconciling,
        GroupState::Stable,
        GroupState::Dead,
    ];

    /// The state of a name, which is taken in any case of letters.
    pub fn from_name(name: &str) -> Option<GroupState> {
        GroupState::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }

    /// The name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Assigning => "Assigning",
            GroupState::Reconciling => "Reconciling",
            GroupState::Stable => "Stable",
            GroupState::Dead => "Dead",
        }
    }
}
