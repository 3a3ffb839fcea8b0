//! What a request says: its credential and its route.

use keyward_shared::{
    DenyReason, RouteTable,
    credential::bearer_token,
    reason::Malformed,
    route::path::{AmbiguousPath, RequestPath},
};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential {
    authorization: Option<String>,
    api_key: bool,
    token: Option<String>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Routes {
    /// The lines of a `routes.toml`.
    toml: Vec<String>,
    requests: Vec<Request>,
    ambiguous: Vec<String>,
    reserved: Vec<Reserved>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Method, space, path.
    request: String,
    /// The upstream of the route, which names it in this table.
    route: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reserved {
    path: String,
    reserved: bool,
}

#[test]
fn credentials() {
    let cases: Vec<Credential> = part(|document| document.credentials);
    check_all(&cases, |case| {
        let what = format!("{:?}, Api-Key {}", case.authorization, case.api_key);
        let answer = bearer_token(case.authorization.as_deref(), case.api_key);
        expect(&what, &case.token.as_deref(), &answer.ok())?;
        let refused = match answer {
            Ok(_) => None,
            Err(DenyReason::MissingCredential) => Some("missing"),
            Err(DenyReason::MalformedRequest(Malformed::TwoCredentials)) => Some("two_credentials"),
            Err(DenyReason::MalformedRequest(Malformed::TooLong)) => Some("too_long"),
            Err(DenyReason::MalformedRequest(Malformed::NotAscii)) => Some("not_ascii"),
            Err(_) => Some("another reason"),
        };
        expect(&what, &case.refused.as_deref(), &refused)
    });
}

#[test]
fn requests_find_their_route() {
    let routes: Routes = part(|document| document.routes);
    let checked = RouteTable::from_toml(&routes.toml.join("\n")).unwrap_or_else(|error| panic!("{error}"));
    let carried = RouteTable::from_json(&checked.to_json()).unwrap_or_else(|error| panic!("{error}"));
    check_all(&routes.requests, |case| {
        let (method, path) = case
            .request
            .split_once(' ')
            .ok_or("a request is a method and a path")?;
        let path = RequestPath::parse(path).map_err(|error| format!("{}: {error}", case.request))?;
        for table in [&checked, &carried] {
            let route = table.find(method, &path).map(|route| route.upstream.as_str());
            expect(&case.request, &case.route.as_deref(), &route)?;
        }
        Ok(())
    });
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_refused() {
    let routes: Routes = part(|document| document.routes);
    check_all(&routes.ambiguous, |path| {
        expect(path, &Err(AmbiguousPath), &RequestPath::parse(path))
    });
}

#[test]
fn the_paths_of_the_worker_itself() {
    let routes: Routes = part(|document| document.routes);
    check_all(&routes.reserved, |case| {
        let reserved = RequestPath::parse(&case.path).map(|path| path.is_reserved());
        expect(&case.path, &Ok(case.reserved), &reserved)
    });
}
