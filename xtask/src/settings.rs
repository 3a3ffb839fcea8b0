//! The files that tell the parts of a stack about each other, and the person about the stack.

use anyhow::{Context as _, Result};

use crate::{
    ports::{Ports, Role},
    secrets::{FAMILIES, Secrets},
};

/// The deployment that a development stack runs, as both the Worker and the control plane know it.
const DEPLOYMENT: &str = "dev";

/// The environment whose keys that deployment admits.
const ENVIRONMENT: &str = "production";

/// The services that a key may be for: those of the reference, which routes.toml has routes for.
const SERVICES: [&str; 2] = ["prediction", "platform"];

/// A request for each, of those that routes.toml lets through: what the web page tells people to try.
const EXAMPLES: [(&str, &str); 2] = [("prediction", "POST /v1/predict"), ("platform", "GET /platform")];

/// The issuer and audience of user tokens, which scripts sign with the secret in dev.env.
const JWT_ISSUER: &str = "urn:keyward:dev";
const JWT_AUDIENCE: &str = "keyward";

/// The binding of the Worker that holds the records.
const KV_BINDING: &str = "KEYS";

/// Which namespace of the local KV holds the records: what the Worker's own configuration says.
///
/// # Errors
/// When it does not say.
pub fn kv_namespace(wrangler_toml: &str) -> Result<String> {
    let table: toml::Table = toml::from_str(wrangler_toml).context("wrangler.toml is no TOML")?;
    let namespaces = table
        .get("kv_namespaces")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    let text = |namespace: &toml::Value, field: &str| namespace.get(field)?.as_str().map(str::to_owned);
    namespaces
        .filter(|namespace| text(namespace, "binding").as_deref() == Some(KV_BINDING))
        .find_map(|namespace| text(namespace, "id"))
        .with_context(|| {
            format!("wrangler.toml has no [[kv_namespaces]] with binding = \"{KV_BINDING}\" and an id")
        })
}

/// keyward.toml: the settings of the control plane. `database` is the path of its file.
#[must_use]
pub fn control_plane(ports: &Ports, secrets: &Secrets, database: &str, kv_namespace: &str) -> String {
    let rings: String = FAMILIES
        .iter()
        .zip(&secrets.tag_secrets)
        .map(|(family, ring)| format!("{family} = {}\n", quoted(ring.reveal())))
        .collect();
    format!(
        "# Written by `cargo xtask dev` at each start.\n\
         listen = {listen}\n\
         database_url = {database}\n\
         admin_token = {admin_token}\n\
         legacy_api_key = {legacy_api_key}\n\
         default_organization_id = {default_organization}\n\
         idempotency_secrets = {idempotency_secrets}\n\
         services = [{services}]\n\
         \n\
         [examples]\n\
         {examples}\
         \n\
         [jwt]\n\
         issuer = {jwt_issuer}\n\
         audience = {jwt_audience}\n\
         secret = {jwt_secret}\n\
         \n\
         [tag_secrets]\n\
         {rings}\n\
         [deployments.{DEPLOYMENT}]\n\
         environment = {environment}\n\
         kv_url = {kv_url}\n\
         namespace_id = {namespace}\n\
         record_secrets = {record_secrets}\n\
         edge_url = {edge_url}\n\
         sync_secrets = {sync_secrets}\n",
        listen = quoted(&ports.address(Role::ControlPlane).to_string()),
        database = quoted(&format!("sqlite://{database}")),
        admin_token = quoted(secrets.admin_token.reveal()),
        legacy_api_key = quoted(secrets.legacy_api_key.reveal()),
        default_organization = quoted(secrets.default_organization()),
        idempotency_secrets = quoted(secrets.idempotency_secrets.reveal()),
        services = SERVICES.map(quoted).join(", "),
        examples = EXAMPLES
            .map(|(service, request)| format!("{service} = {}\n", quoted(request)))
            .concat(),
        jwt_issuer = quoted(JWT_ISSUER),
        jwt_audience = quoted(JWT_AUDIENCE),
        jwt_secret = quoted(secrets.jwt_secret.reveal()),
        environment = quoted(ENVIRONMENT),
        kv_url = quoted(&kv_url(ports)),
        namespace = quoted(kv_namespace),
        record_secrets = quoted(secrets.record_secrets.reveal()),
        edge_url = quoted(&ports.url(Role::Edge)),
        sync_secrets = quoted(secrets.sync_secrets.reveal()),
    )
}

/// Where the local KV lists the names of the records; the same paths as those of the Cloudflare API.
#[must_use]
pub fn kv_keys_url(ports: &Ports, kv_namespace: &str) -> String {
    format!("{}/storage/kv/namespaces/{kv_namespace}/keys", kv_url(ports))
}

fn kv_url(ports: &Ports) -> String {
    format!("{}/cdn-cgi/explorer/api", ports.url(Role::Edge))
}

/// worker.env: variables and secrets of the Worker; they take the place of those in wrangler.toml.
#[must_use]
pub fn worker(ports: &Ports, secrets: &Secrets) -> String {
    let rings: String = secrets
        .tag_secrets_by_name()
        .map(|(name, ring)| format!("{name}={}\n", ring.reveal()))
        .collect();
    format!(
        "DEPLOYMENT={DEPLOYMENT}\nENVIRONMENT={ENVIRONMENT}\nCONTROL_PLANE_URL={}\nUPSTREAM_ORIGIN={}\n{rings}RECORD_SECRETS={}\nSYNC_SECRETS={}\n\
         ASSERTION_KEYS={}\nVERIFY_SECRETS=*:{}\n",
        ports.url(Role::ControlPlane),
        ports.url(Role::Origin),
        secrets.record_secrets.reveal(),
        secrets.sync_secrets.reveal(),
        secrets.assertion_keys.reveal(),
        secrets.verify_secret.reveal(),
    )
}

/// What the Worker calls itself where it signs.
#[must_use]
pub fn issuer() -> String {
    format!("urn:keyward:deployment:{DEPLOYMENT}")
}

/// The arguments of the sample origin: it admits nobody who did not pass the Worker.
#[must_use]
pub fn origin_arguments(ports: &Ports) -> Vec<String> {
    let options = [
        ("--listen", ports.address(Role::Origin).to_string()),
        ("--edge", ports.url(Role::Edge)),
        ("--issuer", issuer()),
    ];
    let options = options.into_iter();
    let options = options.flat_map(|(option, value)| [option.to_owned(), value]);
    options.chain(["--require-assertion".to_owned()]).collect()
}

/// dev.env: where the stack answers, for scripts. One `NAME=value` a line; the `|` of the static key is quoted for shells.
#[must_use]
pub fn dev_env(ports: &Ports, secrets: &Secrets) -> String {
    format!(
        "KEYWARD_URL={}\nKEYWARD_EDGE_URL={}\nKEYWARD_ORIGIN_URL={}\nKEYWARD_ADMIN_TOKEN={}\n\
         KEYWARD_JWT_SECRET={}\nKEYWARD_JWT_ISSUER={JWT_ISSUER}\nKEYWARD_JWT_AUDIENCE={JWT_AUDIENCE}\n\
         KEYWARD_LEGACY_API_KEY='{}'\nKEYWARD_VERIFY_SECRET={}\n",
        ports.url(Role::ControlPlane),
        ports.url(Role::Edge),
        ports.url(Role::Origin),
        secrets.admin_token.reveal(),
        secrets.jwt_secret.reveal(),
        secrets.legacy_api_key.reveal(),
        secrets.verify_secret.reveal(),
    )
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    // Debug escapes a few characters in ways that TOML does not know; the crate writes exactly what TOML reads.
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let folder = tempfile::tempdir().unwrap();
        let next = std::cell::Cell::new(0);
        Secrets::load_or_make(&folder.path().join("secrets"), |bytes| {
            next.set(next.get() + 1);
            bytes.fill(next.get());
            Ok(())
        })
        .unwrap()
    }

    fn ports() -> Ports {
        Ports::from_variables(|_| None).unwrap()
    }

    #[test]
    fn the_namespace_is_that_of_the_binding() {
        let text = "[[kv_namespaces]]\nbinding = \"OTHER\"\nid = \"1\"\n[[kv_namespaces]]\nbinding = \"KEYS\"\nid = \"2\"\n";
        assert_eq!(kv_namespace(text).unwrap(), "2");
        let error = kv_namespace("name = \"x\"").unwrap_err().to_string();
        assert!(error.contains("binding = \"KEYS\""), "{error}");
    }

    #[test]
    fn the_repositorys_own_wrangler_toml_has_a_namespace() {
        assert_eq!(
            kv_namespace(include_str!("../../wrangler.toml")).unwrap().len(),
            32
        );
    }

    #[test]
    fn the_control_plane_is_told_what_the_worker_is_told() {
        let secrets = secrets();
        let text = control_plane(&ports(), &secrets, "/a \"b\"/keyward.db", "00ff");
        let table: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(table["listen"].as_str(), Some("127.0.0.1:8080"));
        assert_eq!(
            table["database_url"].as_str(),
            Some("sqlite:///a \"b\"/keyward.db")
        );
        assert_eq!(table["services"].as_array().unwrap().len(), 2);
        let static_key = table["legacy_api_key"].as_str().unwrap();
        assert!(static_key.starts_with(table["default_organization_id"].as_str().unwrap()));
        assert_eq!(table["jwt"]["secret"].as_str(), Some(secrets.jwt_secret.reveal()));
        let deployment = &table["deployments"]["dev"];
        assert_eq!(
            deployment["kv_url"].as_str(),
            Some("http://127.0.0.1:8787/cdn-cgi/explorer/api")
        );
        assert_eq!(deployment["namespace_id"].as_str(), Some("00ff"));

        let worker = worker(&ports(), &secrets);
        let ring = table["tag_secrets"]["gateway"].as_str().unwrap();
        assert!(worker.contains(&format!("\nTAG_SECRETS_GATEWAY={ring}\n")));
        let record_secrets = deployment["record_secrets"].as_str().unwrap();
        let sync_secrets = deployment["sync_secrets"].as_str().unwrap();
        assert!(worker.contains(&format!(
            "\nRECORD_SECRETS={record_secrets}\nSYNC_SECRETS={sync_secrets}\n"
        )));
        let ask = format!("\nVERIFY_SECRETS=*:{}\n", secrets.verify_secret.reveal());
        assert!(worker.contains(&ask));
        // The Worker's alone.
        assert!(worker.contains("\nASSERTION_KEYS=1:") && !text.contains(secrets.assertion_keys.reveal()));
        assert_eq!(deployment["edge_url"].as_str(), Some("http://127.0.0.1:8787"));
        assert!(worker.contains("\nUPSTREAM_ORIGIN=http://127.0.0.1:9000\n"));
        assert!(worker.contains("\nCONTROL_PLANE_URL=http://127.0.0.1:8080\n"));
    }

    #[test]
    fn dev_env_has_lines_of_name_and_value() {
        let secrets = secrets();
        let text = dev_env(&ports(), &secrets);
        let lines: Vec<_> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
        assert_eq!(
            lines,
            [
                ("KEYWARD_URL", "http://127.0.0.1:8080"),
                ("KEYWARD_EDGE_URL", "http://127.0.0.1:8787"),
                ("KEYWARD_ORIGIN_URL", "http://127.0.0.1:9000"),
                ("KEYWARD_ADMIN_TOKEN", secrets.admin_token.reveal()),
                ("KEYWARD_JWT_SECRET", secrets.jwt_secret.reveal()),
                ("KEYWARD_JWT_ISSUER", "urn:keyward:dev"),
                ("KEYWARD_JWT_AUDIENCE", "keyward"),
                (
                    "KEYWARD_LEGACY_API_KEY",
                    &format!("'{}'", secrets.legacy_api_key.reveal())
                ),
                ("KEYWARD_VERIFY_SECRET", secrets.verify_secret.reveal()),
            ]
        );
    }
}
