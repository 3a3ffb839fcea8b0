//! A backup that is put back: what was taken away since stays taken away (docs/recovery.md).

use std::time::Duration;

use serde_json::json;

use crate::{
    actors::{NewKey, a_key},
    clock::wait_for,
    stage::{ControlPlane, keyward, lone_edge},
};

cases![what_ended_after_the_backup_has_ended_after_it_is_restored];

/// A recovery waits for a minute before it looks at KV.
const RECOVERED_WITHIN: Duration = Duration::from_secs(240);

fn what_ended_after_the_backup_has_ended_after_it_is_restored() {
    // What recovery finds in the namespace and not in the database it ends, whosever it was.
    let mut lone = lone_edge::told_alone();
    lone.forget_all_records();
    let mut control_plane = ControlPlane::telling_and_waiting(&lone);
    let call = |key: &NewKey| lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    let wish = a_key("prediction", &["predict"]);
    let admin = control_plane.admin.clone();
    let [revoked, narrowed, untouched] = [(); 3].map(|()| admin.create(&wish));
    for key in [&revoked, &narrowed, &untouched] {
        call(key).until_admitted();
    }
    let backup = keyward::run(control_plane.folder(), &["backup", "before.db", "--json"]).expect(0);
    assert_eq!(backup.json()["backup"], json!("before.db"));

    let answer = admin.revoke(&revoked).expect(200);
    assert_eq!(answer.header("keyward-propagation"), Some("confirmed"));
    admin.patch(&narrowed, &json!({ "scopes": ["read"] })).expect(200);
    let later = admin.create(&wish);
    call(&later).until_admitted();
    // The mark that tells a restored database from the former one is written every two seconds.
    wait_for(RECOVERED_WITHIN, || (admin.sync()["waiting"] == 0).then_some(()));
    let served = keyward::run(control_plane.folder(), &["restore", "before.db"]).expect(1);
    assert!(served.stderr.contains("stop it first"), "{served:?}");
    control_plane.stop();
    let restored = keyward::run(control_plane.folder(), &["restore", "before.db", "--json"]).expect(0);
    assert!(restored.json()["former_database"].is_string(), "{restored:?}");
    // Nobody serves: the edge goes on with what it has.
    call(&revoked).refused_when_decided(401, "revoked");
    control_plane.start_again();

    let recovered = wait_for(RECOVERED_WITHIN, || {
        let sync = admin.sync();
        let recovery = &sync["deployments"][0]["recovery"];
        recovery["ended_at"].is_string().then(|| recovery.clone())
    });
    let recovered = recovered.unwrap_or_else(|| panic!("no recovery has ended: {:#}", admin.sync()));
    let shown = admin.show(&revoked);
    assert_eq!(
        (&shown["status"], &shown["ended_by"]),
        (&json!("revoked"), &json!("recovery")),
        "{recovered:#} {shown:#}"
    );
    call(&revoked).refused_when_decided(401, "revoked");
    // Nobody knows what was taken from it.
    assert_eq!(admin.show(&narrowed)["deactivated_by"], json!("recovery"));
    call(&narrowed).until_refused(401, "deactivated");
    assert_eq!(admin.show(&untouched)["is_active"], json!(true));
    call(&untouched).until_admitted();
    // Nobody could manage it.
    call(&later).until_refused(401, "revoked");
}
