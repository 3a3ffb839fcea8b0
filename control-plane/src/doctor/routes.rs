//! What the Worker protects, beside the services that there are keys for.

use keyward_shared::inspect::Inspection;

use super::{Findings, edge::Expected};

pub(super) fn check(expected: &Expected<'_>, seen: &Inspection, findings: &mut Findings<'_>) {
    let (check, of) = ("routes", Some(expected.id));
    let protected = seen.routes.iter().filter_map(|route| route.service.as_ref());
    let without: Vec<_> = expected
        .services
        .iter()
        .filter(|service| !protected.clone().any(|known| known == *service))
        .cloned()
        .collect();
    if !without.is_empty() {
        findings.warn(
            check,
            of,
            format_args!("no route takes keys of {}", without.join(", ")),
            "add routes to routes.toml and deploy the Worker, or take the services out of the control plane's settings",
        );
    }
    let mut unknown: Vec<_> = protected
        .clone()
        .filter(|service| !expected.services.contains(service))
        .cloned()
        .collect();
    unknown.dedup();
    if !unknown.is_empty() {
        findings.warn(
            check,
            of,
            format_args!(
                "routes ask for keys of {}, which nobody can make",
                unknown.join(", ")
            ),
            "add the services to the control plane's settings, or take the routes out of routes.toml",
        );
    }
    if without.is_empty() && unknown.is_empty() {
        let (all, protected) = (seen.routes.len(), protected.count());
        let found = format_args!("{protected} of {all} routes are protected, and every service has one");
        findings.ok(check, of, found);
    }
}
