//! Rights and who has them: an [`AclBinding`] gives or denies a principal one operation on the
//! resources that a pattern matches, an [`AclFilter`] chooses among them. Kafka's numbers and names
//! (KIP-11, KIP-290).

use std::fmt;

/// An enum with Kafka's numbers and names.
macro_rules! kafka_enum {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i8)]
        pub enum $name { $($(#[$doc])* $variant = $code,)* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The one with this number in the Kafka protocol.
            pub fn from_code(code: i8) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.code() == code)
            }

            /// The one with this name, in any case and with `-` or `_` or nothing between words.
            pub fn from_name(name: &str) -> Option<Self> {
                let letters = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
                Self::ALL.iter().copied().find(|it| letters(it.name()) == letters(name))
            }

            /// Its number in the Kafka protocol.
            pub const fn code(self) -> i8 {
                self as i8
            }

            /// Kafka's name of it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

kafka_enum! {
    /// What a right is about.
    ResourceType {
        /// A topic, by its name.
        Topic = 2, "TOPIC";
        /// A group, by its id.
        Group = 3, "GROUP";
        /// The cluster, by the name [`CLUSTER_NAME`].
        Cluster = 4, "CLUSTER";
        /// A transactional id.
        TransactionalId = 5, "TRANSACTIONAL_ID";
        /// A delegation token, by its id.
        DelegationToken = 6, "DELEGATION_TOKEN";
        /// A user, by its principal.
        User = 7, "USER";
    }
}

kafka_enum! {
    /// How a binding names resources.
    PatternType {
        /// The one of this name, or all where the name is [`WILDCARD`].
        Literal = 3, "LITERAL";
        /// All whose names begin so.
        Prefixed = 4, "PREFIXED";
    }
}

kafka_enum! {
    /// What somebody wants to do.
    AclOperation {
        /// Everything.
        All = 2, "ALL";
        /// Read records, offsets; be a member of a group.
        Read = 3, "READ";
        /// Write records; use a transactional id.
        Write = 4, "WRITE";
        /// Create topics.
        Create = 5, "CREATE";
        /// Delete a topic, its records, a group.
        Delete = 6, "DELETE";
        /// Change a topic or the cluster.
        Alter = 7, "ALTER";
        /// See that it is there, and how it is.
        Describe = 8, "DESCRIBE";
        /// What only brokers do.
        ClusterAction = 9, "CLUSTER_ACTION";
        /// See configs.
        DescribeConfigs = 10, "DESCRIBE_CONFIGS";
        /// Change configs.
        AlterConfigs = 11, "ALTER_CONFIGS";
        /// Get a producer id without a right to write to any topic.
        IdempotentWrite = 12, "IDEMPOTENT_WRITE";
        /// Create delegation tokens for a user.
        CreateTokens = 13, "CREATE_TOKENS";
        /// See the delegation tokens of a user.
        DescribeTokens = 14, "DESCRIBE_TOKENS";
        /// Keep a transaction open for a coordinator of one's own (KIP-939).
        TwoPhaseCommit = 15, "TWO_PHASE_COMMIT";
    }
}

kafka_enum! {
    /// Whether a binding gives or takes.
    Permission {
        /// It takes, whatever others give.
        Deny = 2, "DENY";
        /// It gives.
        Allow = 3, "ALLOW";
    }
}

/// The name under which the cluster is a resource.
pub const CLUSTER_NAME: &str = "kafka-cluster";

/// The name of a literal pattern that matches every resource, and the host that is every host.
pub const WILDCARD: &str = "*";

/// The principal that is every principal.
pub const EVERYBODY: &str = "User:*";

/// Which resources a binding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourcePattern {
    /// What they are.
    pub resource_type: ResourceType,
    /// How `name` names them.
    pub pattern_type: PatternType,
    /// Never empty.
    pub name: String,
}

/// Who may or may not do what from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclEntry {
    /// Kind and name, as in `User:alice`; [`EVERYBODY`] is all.
    pub principal: String,
    /// An address; [`WILDCARD`] is all.
    pub host: String,
    /// What.
    pub operation: AclOperation,
    /// May or may not.
    pub permission: Permission,
}

/// One right, given or denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclBinding {
    /// On what.
    pub pattern: ResourcePattern,
    /// Whose, and which.
    pub entry: AclEntry,
}

impl fmt::Display for AclBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pattern, entry) = (&self.pattern, &self.entry);
        let (permission, operation) = (entry.permission, entry.operation);
        let (kind, name, way) = (pattern.resource_type, &pattern.name, pattern.pattern_type);
        let (who, host) = (&entry.principal, &entry.host);
        write!(f, "{permission} {who} from {host} to {operation} {kind} {name} ({way})")
    }
}

/// How a filter looks at patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternFilter {
    /// Any pattern that has the filter's name.
    Any,
    /// Any pattern that matches a resource of the filter's name.
    Match,
    /// Patterns of this type that have the filter's name.
    Of(PatternType),
}

impl PatternFilter {
    /// The one with this number in the Kafka protocol.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            1 => Some(Self::Any),
            2 => Some(Self::Match),
            other => PatternType::from_code(other).map(Self::Of),
        }
    }
}

/// Chooses bindings. What is `None` matches all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclFilter {
    /// What the pattern is about.
    pub resource_type: Option<ResourceType>,
    /// How the pattern is looked at.
    pub pattern: PatternFilter,
    /// The name of the pattern, or of a resource that it matches.
    pub name: Option<String>,
    /// The principal as it was written.
    pub principal: Option<String>,
    /// The host as it was written.
    pub host: Option<String>,
    /// The operation itself, not what implies it.
    pub operation: Option<AclOperation>,
    /// Given or denied.
    pub permission: Option<Permission>,
}

impl AclFilter {
    /// The filter that all bindings pass.
    pub const EVERYTHING: AclFilter = AclFilter {
        resource_type: None,
        pattern: PatternFilter::Any,
        name: None,
        principal: None,
        host: None,
        operation: None,
        permission: None,
    };

    /// Whether a binding passes.
    pub fn matches(&self, AclBinding { pattern, entry }: &AclBinding) -> bool {
        self.matches_pattern(pattern.resource_type, pattern.pattern_type, &pattern.name)
            && self.matches_entry(entry)
    }

    /// Whether the entry of a binding passes.
    pub(crate) fn matches_entry(&self, entry: &AclEntry) -> bool {
        is(self.principal.as_deref(), &*entry.principal)
            && is(self.host.as_deref(), &*entry.host)
            && is(self.operation.as_ref(), &entry.operation)
            && is(self.permission.as_ref(), &entry.permission)
    }

    /// Whether the pattern of a binding passes.
    pub(crate) fn matches_pattern(
        &self,
        resource_type: ResourceType,
        pattern_type: PatternType,
        pattern: &str,
    ) -> bool {
        let is_of_type = match self.pattern {
            PatternFilter::Of(wanted) => wanted == pattern_type,
            PatternFilter::Any | PatternFilter::Match => true,
        };
        if !is_of_type || !is(self.resource_type.as_ref(), &resource_type) {
            return false;
        }
        let Some(name) = self.name.as_deref() else { return true };
        match (self.pattern, pattern_type) {
            (PatternFilter::Any | PatternFilter::Of(_), _) => name == pattern,
            (PatternFilter::Match, PatternType::Literal) => name == pattern || pattern == WILDCARD,
            (PatternFilter::Match, PatternType::Prefixed) => name.starts_with(pattern),
        }
    }
}

fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, found: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}
