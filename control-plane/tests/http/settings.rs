//! What is configured, as callers see it.

use serde_json::{Value, json};

use crate::cast::{Stage, Who};

#[tokio::test]
async fn everybody_sees_what_helps_and_only_the_platform_admin_the_rest() {
    let stage = Stage::set().await;
    let ask = async |who| {
        let answer = stage.ask(who, "GET", "/api/v1/settings", None).await;
        // The bytes of every ring here are ones.
        assert!(!answer.text.contains("AQEB"), "{}", answer.text);
        answer.expect(200)
    };
    let mut admin = ask(Who::Platform).await;
    let installation = admin["installation"].take();
    assert_eq!(installation["database"], "sqlite");
    assert_eq!(
        installation["rings"],
        json!({
            "tag_secrets.production": [1],
            "deployments.main.record_secrets": [1],
            "deployments.main.sync_secrets": [1],
        })
    );
    assert_eq!(
        admin["deployments"],
        json!([{ "id": "main", "environment": "production", "edge_url": "https://api.example.com" }])
    );
    assert_eq!(admin["examples"], json!({ "prediction": "POST /v1/predict" }));
    assert_eq!(admin["installation"], Value::Null);
    for who in [Who::Owner, Who::Viewer, Who::Nobody] {
        assert_eq!(ask(who).await, admin, "{who:?}");
    }
}
