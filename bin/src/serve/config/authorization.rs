//! Rights, out of Kafka's keys: whether they count, and who has them all.

use std::collections::BTreeSet;

use corelog_cluster::{Authorizer, Unmentioned};
use corelog_security::Principal;
use corelog_security::tls::ClientAuth;

use super::Config;
use super::listener::Listener;
use super::problem::Problem;
use super::settings::Settings;
use super::unfit;

/// The rules by which rights are looked up; `None`: everybody may do everything.
pub(super) fn authorizer(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Authorizer> {
    let super_users = super_users(settings, problems);
    let unmentioned = if settings.boolean("allow.everyone.if.no.acl.found") {
        Unmentioned::Allowed
    } else {
        Unmentioned::Denied
    };
    let counts = !settings.text("authorizer.class.name").is_empty();
    counts.then_some(Authorizer { super_users, unmentioned })
}

/// Names of certificates have commas, so semicolons stand between users.
fn super_users(settings: &Settings, problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let users = settings.text("super.users").split(';').map(str::trim);
    let mut known = BTreeSet::new();
    for user in users.filter(|user| !user.is_empty()) {
        if let Some(principal) = Principal::parse(user) {
            known.insert(principal.to_string());
        } else {
            let why = format!("names {user:?}, which is no principal");
            let hint = "write User:NAME, with semicolons between users";
            problems.push(unfit(settings, "super.users", why, hint));
        }
    }
    known
}

/// What the operator should know about rights.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let Some(authorizer) = &config.authorizer else {
        let named = config.listeners.iter().filter(|listener| knows_clients(listener));
        let warnings = named.map(|listener| {
            let name = &listener.name;
            format!(
                "clients of {name} say who they are, and then may do anything: set \
                 authorizer.class.name and super.users to limit them"
            )
        });
        return warnings.collect();
    };
    let mut warnings = Vec::new();
    if authorizer.super_users.is_empty() && authorizer.unmentioned == Unmentioned::Denied {
        let text = "super.users is empty, so nobody may give the first right";
        warnings.push(text.to_owned());
    }
    warnings
}

/// Whether clients of a listener are somebody.
fn knows_clients(listener: &Listener) -> bool {
    let shows = |auth: ClientAuth| auth != ClientAuth::None;
    listener.sasl.is_some() || listener.tls.as_ref().is_some_and(|tls| shows(tls.client_auth))
}
