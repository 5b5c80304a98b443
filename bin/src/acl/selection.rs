//! What the flags of `corelog acl` choose: resources, principals and operations, as bindings to
//! create or as filters.

use corelog_cluster::acl::{CLUSTER_NAME, WILDCARD};
use corelog_cluster::{AclOperation, PatternType, Permission, ResourceType};
use corelog_wire::api::create_acls::AclCreation;
use corelog_wire::api::delete_acls::DeleteAclsFilter;

use crate::failure::{Exit, Failure};

/// The number of a filter that all pass.
const ANY: i8 = 1;
/// The number of a filter that patterns pass which match the resource of a name.
const MATCH: i8 = 2;

/// Which resources.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Resources {
    /// A topic; * is all of them
    #[arg(long, value_name = "NAME")]
    topic: Vec<String>,
    /// A group; * is all of them
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// A transactional id; * is all of them
    #[arg(long, value_name = "NAME")]
    transactional_id: Vec<String>,
    /// A delegation token, by its id; * is all of them
    #[arg(long, value_name = "ID")]
    delegation_token: Vec<String>,
    /// A user that tokens are made for or seen of, as in User:alice; * is all of them
    #[arg(long, value_name = "PRINCIPAL")]
    user_principal: Vec<String>,
    /// The cluster itself
    #[arg(long)]
    cluster: bool,
    /// How names are meant: literal, prefixed, and for list and remove also any or match
    #[arg(long, value_name = "TYPE", default_value = "literal", value_parser = pattern_type)]
    resource_pattern_type: i8,
}

/// What is given.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Given {
    /// Who may, as in User:alice; User:* is everybody
    #[arg(long, value_name = "PRINCIPAL")]
    allow_principal: Vec<String>,
    /// Who may not, whatever else is given
    #[arg(long, value_name = "PRINCIPAL")]
    deny_principal: Vec<String>,
    /// From which address those who may; * is any
    #[arg(long, value_name = "ADDRESS", default_value = WILDCARD)]
    allow_host: Vec<String>,
    /// From which address those who may not; * is any
    #[arg(long, value_name = "ADDRESS", default_value = WILDCARD)]
    deny_host: Vec<String>,
    /// What, as in read or describe-configs; all if it is left out
    #[arg(long, value_name = "NAME", value_parser = operation)]
    operation: Vec<AclOperation>,
    /// What producers need: to write, describe and create topics, and to use transactional ids
    #[arg(long, conflicts_with_all = ["operation", "deny_principal"])]
    producer: bool,
    /// What consumers need: to read and describe topics, and to read in groups
    #[arg(long, conflicts_with_all = ["operation", "deny_principal"])]
    consumer: bool,
}

/// What is looked for.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Selection {
    /// Whose, as it was written
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Vec<String>,
    /// Only what this one may
    #[arg(long, value_name = "PRINCIPAL")]
    allow_principal: Vec<String>,
    /// Only what this one may not
    #[arg(long, value_name = "PRINCIPAL")]
    deny_principal: Vec<String>,
    /// Only this operation
    #[arg(long, value_name = "NAME", value_parser = operation)]
    operation: Vec<AclOperation>,
}

fn operation(text: &str) -> Result<AclOperation, String> {
    AclOperation::from_name(text).ok_or_else(|| {
        let names = AclOperation::ALL.iter().map(|it| it.name().to_ascii_lowercase());
        format!("write one of {}", names.collect::<Vec<_>>().join(", "))
    })
}

fn pattern_type(text: &str) -> Result<i8, String> {
    match text.to_ascii_lowercase().as_str() {
        "any" => Ok(ANY),
        "match" => Ok(MATCH),
        _ => PatternType::from_name(text)
            .map(PatternType::code)
            .ok_or_else(|| "write literal, prefixed, any or match".to_owned()),
    }
}

/// What the command line asks for and cannot be.
pub(super) fn unfit(what: &str, why: &str, hint: &str) -> Failure {
    Failure::new(Exit::Usage, what, why, hint)
}

impl Resources {
    pub(super) fn is_empty(&self) -> bool {
        self.named().next().is_none()
    }

    /// Types and names.
    fn named(&self) -> impl Iterator<Item = (ResourceType, &str)> {
        fn of(kind: ResourceType, names: &[String]) -> impl Iterator<Item = (ResourceType, &str)> {
            names.iter().map(move |name| (kind, name.as_str()))
        }
        let cluster = self.cluster.then_some((ResourceType::Cluster, CLUSTER_NAME));
        of(ResourceType::Topic, &self.topic)
            .chain(of(ResourceType::Group, &self.group))
            .chain(of(ResourceType::TransactionalId, &self.transactional_id))
            .chain(of(ResourceType::DelegationToken, &self.delegation_token))
            .chain(of(ResourceType::User, &self.user_principal))
            .chain(cluster)
    }
}

impl Given {
    /// A binding for each resource, principal, host and operation.
    pub(super) fn creations(
        &self,
        resources: &Resources,
    ) -> Result<Vec<AclCreation<'static>>, Failure> {
        const WHAT: &str = "cannot add ACLs";
        if resources.is_empty() {
            let hint = "name one with --topic, --group, --transactional-id, --delegation-token, \
                        --user-principal or --cluster";
            return Err(unfit(WHAT, "no resource is named", hint));
        }
        if self.allow_principal.is_empty() && self.deny_principal.is_empty() {
            let hint = "name one with --allow-principal or --deny-principal";
            return Err(unfit(WHAT, "no principal is named", hint));
        }
        if PatternType::from_code(resources.resource_pattern_type).is_none() {
            let hint = "write literal or prefixed";
            return Err(unfit(WHAT, "the pattern type is one of filters", hint));
        }
        let mut creations = Vec::new();
        for (resource, name) in resources.named() {
            for operation in self.operations_on(resource)? {
                let allowed = (&self.allow_principal, &self.allow_host, Permission::Allow);
                let denied = (&self.deny_principal, &self.deny_host, Permission::Deny);
                for (principals, hosts, permission) in [allowed, denied] {
                    for (principal, host) in pairs(principals, hosts) {
                        creations.push(AclCreation {
                            resource_type: resource.code(),
                            resource_name: name.to_owned().into(),
                            resource_pattern_type: pattern_of(resource, resources),
                            principal: principal.to_owned().into(),
                            host: host.to_owned().into(),
                            operation: operation.code(),
                            permission_type: permission.code(),
                        });
                    }
                }
            }
        }
        Ok(creations)
    }

    /// What is given on resources of this type.
    fn operations_on(&self, resource: ResourceType) -> Result<Vec<AclOperation>, Failure> {
        use AclOperation::{All, Create, Describe, IdempotentWrite, Read, Write};
        if !self.producer && !self.consumer {
            let all = self.operation.is_empty().then_some(All);
            return Ok(self.operation.iter().copied().chain(all).collect());
        }
        let producer: &[AclOperation] = match resource {
            ResourceType::Topic => &[Write, Describe, Create],
            ResourceType::TransactionalId => &[Write, Describe],
            ResourceType::Cluster => &[IdempotentWrite],
            ResourceType::Group | ResourceType::DelegationToken | ResourceType::User => &[],
        };
        let consumer: &[AclOperation] = match resource {
            ResourceType::Topic => &[Read, Describe],
            ResourceType::Group => &[Read],
            ResourceType::TransactionalId
            | ResourceType::Cluster
            | ResourceType::DelegationToken
            | ResourceType::User => &[],
        };
        let mut operations = Vec::new();
        for (is_asked, needed) in [(self.producer, producer), (self.consumer, consumer)] {
            for operation in needed.iter().filter(|_| is_asked) {
                if !operations.contains(operation) {
                    operations.push(*operation);
                }
            }
        }
        if operations.is_empty() {
            let why = format!("it needs nothing on a {resource}");
            return Err(unfit("cannot add ACLs", &why, "write --operation instead"));
        }
        Ok(operations)
    }
}

fn pairs<'a>(
    principals: &'a [String],
    hosts: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    principals
        .iter()
        .flat_map(|principal| hosts.iter().map(move |host| (principal.as_str(), host.as_str())))
}

/// There is one cluster, so its name is never a prefix.
fn pattern_of(resource: ResourceType, resources: &Resources) -> i8 {
    match resource {
        ResourceType::Cluster => PatternType::Literal.code(),
        _ => resources.resource_pattern_type,
    }
}

impl Selection {
    pub(super) fn is_empty(&self) -> bool {
        let Self { principal, allow_principal, deny_principal, operation } = self;
        [principal, allow_principal, deny_principal].iter().all(|it| it.is_empty())
            && operation.is_empty()
    }

    /// A filter for each resource, principal and operation; what is not chosen is any.
    pub(super) fn filters(
        &self,
        resources: &Resources,
    ) -> Result<Vec<DeleteAclsFilter<'static>>, Failure> {
        let mut patterns: Vec<(i8, i8, Option<String>)> = resources
            .named()
            .map(|(kind, name)| (kind.code(), pattern_of(kind, resources), Some(name.to_owned())))
            .collect();
        if patterns.is_empty() {
            if resources.resource_pattern_type == MATCH {
                let hint = "name a resource, or leave --resource-pattern-type out";
                return Err(unfit("cannot choose ACLs", "nothing is there to match", hint));
            }
            patterns.push((ANY, ANY, None));
        }
        let principals = |names: &[String], permission: i8| {
            names.iter().map(|name| (Some(name.clone()), permission)).collect::<Vec<_>>()
        };
        let mut whose = principals(&self.principal, ANY);
        whose.extend(principals(&self.allow_principal, Permission::Allow.code()));
        whose.extend(principals(&self.deny_principal, Permission::Deny.code()));
        if whose.is_empty() {
            whose.push((None, ANY));
        }
        let mut operations: Vec<i8> = self.operation.iter().map(|it| it.code()).collect();
        if operations.is_empty() {
            operations.push(ANY);
        }
        let mut filters = Vec::new();
        for (resource_type, pattern_type, name) in &patterns {
            for (principal, permission) in &whose {
                filters.extend(operations.iter().map(|operation| DeleteAclsFilter {
                    resource_type_filter: *resource_type,
                    resource_name_filter: name.clone().map(Into::into),
                    pattern_type_filter: *pattern_type,
                    principal_filter: principal.clone().map(Into::into),
                    host_filter: None,
                    operation: *operation,
                    permission_type: *permission,
                }));
            }
        }
        Ok(filters)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct ToAdd {
        #[command(flatten)]
        resources: Resources,
        #[command(flatten)]
        given: Given,
    }

    #[derive(Debug, Parser)]
    struct ToChoose {
        #[command(flatten)]
        resources: Resources,
        #[command(flatten)]
        selection: Selection,
    }

    /// Resource, name, pattern, principal, operation and permission.
    type Added = (i8, String, i8, String, i8, i8);

    /// What flags add.
    fn added(flags: &str) -> Result<Vec<Added>, Failure> {
        let parsed = ToAdd::try_parse_from(format!("add {flags}").split(' ')).unwrap();
        let creations = parsed.given.creations(&parsed.resources)?;
        let plain = creations.into_iter().map(|it| {
            let (name, principal) = (it.resource_name.to_string(), it.principal.to_string());
            let (kind, pattern) = (it.resource_type, it.resource_pattern_type);
            (kind, name, pattern, principal, it.operation, it.permission_type)
        });
        Ok(plain.collect())
    }

    fn chosen(flags: &str) -> Result<Vec<DeleteAclsFilter<'static>>, Failure> {
        let parsed = ToChoose::try_parse_from(format!("list {flags}").split(' ')).unwrap();
        parsed.selection.filters(&parsed.resources)
    }

    #[test]
    fn each_resource_operation_and_principal_is_a_binding() {
        let found = added(
            "--topic a --cluster --resource-pattern-type prefixed --allow-principal User:x \
             --deny-principal User:y --operation Read --operation describe-configs",
        );
        let of = |kind: i8, name: &str, pattern: i8, operation: i8| {
            [("User:x", 3), ("User:y", 2)].map(|(who, permission)| {
                (kind, name.to_owned(), pattern, who.to_owned(), operation, permission)
            })
        };
        let cluster = "kafka-cluster";
        let expected =
            [of(2, "a", 4, 3), of(2, "a", 4, 10), of(4, cluster, 3, 3), of(4, cluster, 3, 10)];
        assert_eq!(found.unwrap(), expected.concat());
        let all = added("--group g --allow-principal User:x").unwrap();
        assert_eq!(all, [(3, "g".to_owned(), 3, "User:x".to_owned(), 2, 3)]);
    }

    #[test]
    fn tokens_and_users_are_resources() {
        let allow = "--allow-principal User:x --operation";
        let of = |kind: i8, name: &str, operation: i8| {
            vec![(kind, name.to_owned(), 3, "User:x".to_owned(), operation, 3)]
        };
        let found = added(&format!("--delegation-token id-1 {allow} describe")).unwrap();
        assert_eq!(found, of(6, "id-1", 8));
        let found = added(&format!("--user-principal User:y {allow} create_tokens")).unwrap();
        assert_eq!(found, of(7, "User:y", 13));
        let filters = chosen("--user-principal User:y").unwrap();
        let named = filters.iter().map(|it| (it.resource_type_filter, &it.resource_name_filter));
        assert_eq!(named.collect::<Vec<_>>(), [(7, &Some("User:y".into()))]);
        let producer = added("--delegation-token id-1 --producer --allow-principal User:x");
        assert!(producer.is_err(), "a producer needs nothing on a token");
    }

    #[test]
    fn producers_and_consumers_get_what_they_need() {
        let operations = |flags: &str| {
            let found = added(&format!("--allow-principal User:x {flags}")).unwrap();
            found.into_iter().map(|it| (it.0, it.4)).collect::<Vec<_>>()
        };
        let producer = operations("--producer --topic t --transactional-id i");
        assert_eq!(producer, [(2, 4), (2, 8), (2, 5), (5, 4), (5, 8)]);
        assert_eq!(operations("--consumer --topic t --group g"), [(2, 3), (2, 8), (3, 3)]);
        assert!(added("--allow-principal User:x --producer --group g").is_err());
    }

    #[test]
    fn what_would_give_nothing_is_refused() {
        for flags in [
            "--allow-principal User:x",
            "--topic t",
            "--topic t --allow-principal User:x --resource-pattern-type match",
        ] {
            assert!(added(flags).is_err(), "{flags}");
        }
        assert!(operation("any").is_err() && pattern_type("some").is_err());
    }

    #[test]
    fn what_is_not_chosen_is_any() {
        let everything = DeleteAclsFilter {
            resource_type_filter: ANY,
            pattern_type_filter: ANY,
            operation: ANY,
            permission_type: ANY,
            ..Default::default()
        };
        let parsed = ToChoose::try_parse_from(["list"]).unwrap();
        assert!(parsed.resources.is_empty() && parsed.selection.is_empty());
        let filters = parsed.selection.filters(&parsed.resources).unwrap();
        assert_eq!(filters, std::slice::from_ref(&everything));
        let found =
            chosen("--topic t --resource-pattern-type match --deny-principal User:x").unwrap();
        let expected = DeleteAclsFilter {
            resource_type_filter: 2,
            resource_name_filter: Some("t".into()),
            pattern_type_filter: MATCH,
            principal_filter: Some("User:x".into()),
            permission_type: 2,
            ..everything
        };
        assert_eq!(found, [expected]);
        assert!(chosen("--resource-pattern-type match").is_err());
    }
}
