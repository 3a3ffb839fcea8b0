//! Organizations: who creates one owns it, and sees it.

use keyward_control_plane::domain::{
    UsageReport,
    usage::{Hour, HourTotal, MonthTotal, month_of},
};
use keyward_shared::Environment;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{DEFAULT, at},
    service::{ADMIN_TOKEN, Service, user},
};

const ORGANIZATIONS: &str = "/api/v1/organizations";

fn ids(list: &Value) -> Vec<&str> {
    let ids = list.as_array().unwrap().iter();
    ids.map(|one| one["organization_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_creates_an_organization_owns_it() {
    let service = Service::start().await;
    let una = user("una");
    let made = service
        .ask(&una, "POST", ORGANIZATIONS, Some(&json!({ "name": "Una's" })))
        .await
        .expect(201);
    assert_eq!(
        (&made["name"], &made["role"], &made["created_by"]),
        (&json!("Una's"), &json!("owner"), &json!("una"))
    );
    let id = made["organization_id"].as_str().unwrap();
    let path = format!("{ORGANIZATIONS}/{id}");
    assert_eq!(service.ask(&una, "GET", &path, None).await.expect(200), made);
    let members = service
        .ask(&una, "GET", &format!("{path}/members"), None)
        .await
        .expect(200);
    assert_eq!(
        (
            &members[0]["subject"],
            &members[0]["role"],
            members.as_array().unwrap().len()
        ),
        (&json!("una"), &json!("owner"), 1)
    );
    let info = service.ask(&una, "GET", "/api/userinfo", None).await.expect(200);
    assert_eq!(
        (info["org_id"].as_str(), &info["is_admin"]),
        (Some(id), &json!(true))
    );
    assert_eq!(info["organizations"][0]["role"], "owner");

    // A key goes to the only organization there is.
    let wish = json!({ "name": "k", "service_id": "prediction" });
    let key = service
        .ask(&una, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
    assert_eq!(key["key_info"]["organization_id"], id);
    assert_eq!(
        (&key["key_info"]["user_id"], &key["key_info"]["created_by"]),
        (&json!("una"), &json!("una"))
    );
    let second = service
        .ask(&una, "POST", ORGANIZATIONS, Some(&json!({ "name": "2" })))
        .await
        .expect(201);
    let unclear = service.ask(&una, "GET", "/api/v1/keys", None).await;
    unclear.expect_problem(400, "invalid_request");
    assert_eq!(unclear.body["field"], "organization_id");
    let named = format!("/api/v1/keys?organization_id={id}");
    let keys = service.ask(&una, "GET", &named, None).await.expect(200);
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let mine = service.ask(&una, "GET", ORGANIZATIONS, None).await.expect(200);
    assert_eq!(ids(&mine), [second["organization_id"].as_str().unwrap(), id]);
}

#[tokio::test]
async fn everybody_lists_their_own_and_the_platform_admin_all() {
    let stage = Stage::set().await;
    let (own, other) = (DEFAULT.to_string(), stage.other.to_string());
    for (who, expected) in [
        (Who::Platform, vec![other.as_str(), own.as_str()]),
        (Who::Static, vec![own.as_str()]),
        (Who::Viewer, vec![own.as_str()]),
        (Who::Stranger, vec![other.as_str()]),
        (Who::Nobody, vec![]),
    ] {
        let list = stage.ask(who, "GET", ORGANIZATIONS, None).await.expect(200);
        assert_eq!(ids(&list), expected, "{who:?}");
    }
}

#[tokio::test]
async fn a_list_of_organizations_pages() {
    let service = Service::start().await;
    for number in 0..4 {
        let name = json!({ "name": format!("o{number}") });
        service.clock.advance(1);
        service
            .ask(ADMIN_TOKEN, "POST", ORGANIZATIONS, Some(&name))
            .await
            .expect(201);
    }
    let all = service
        .ask(ADMIN_TOKEN, "GET", ORGANIZATIONS, None)
        .await
        .expect(200);
    let mut paged = Vec::new();
    let mut path = format!("{ORGANIZATIONS}?limit=2");
    loop {
        let page = service.ask(ADMIN_TOKEN, "GET", &path, None).await;
        paged.extend(page.body.as_array().unwrap().clone());
        let Some(link) = page.headers.get("link") else {
            break;
        };
        let link = link.to_str().unwrap();
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(Value::Array(paged), all);
    let wrong = service
        .ask(
            ADMIN_TOKEN,
            "GET",
            &format!("{ORGANIZATIONS}?limit=2&cursor=AQ"),
            None,
        )
        .await;
    wrong.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn bodies_are_checked() {
    let stage = Stage::set().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "owner": "me" }), "owner"),
    ] {
        let answer = stage.ask(Who::Nobody, "POST", ORGANIZATIONS, Some(&body)).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field);
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_is_not_the_callers_own() {
    let stage = Stage::set().await;
    for (path, detail) in [
        ("/api/v1/keys/%ff", "API key not found"),
        ("/api/v1/groups/%ff", "Group not found"),
        ("/api/v1/organizations/%ff", "Organization not found"),
        ("/api/v1/organizations/%ff/api-keys", "Organization not found"),
        ("/api/v1/organizations/%ff/members", "Organization not found"),
        ("/api/v1/organizations/x/api-keys/x", "Organization not found"),
    ] {
        for who in [Who::Platform, Who::Owner] {
            let answer = stage.ask(who, "GET", path, None).await;
            answer.expect_problem(404, "not_found");
            assert_eq!(answer.body["detail"], detail, "{path}");
        }
    }
}

#[tokio::test]
async fn an_organizations_usage_is_the_sum_of_its_keys_usage() {
    let stage = Stage::set().await;
    let keys = [
        stage.plant(DEFAULT, "dev").await,
        stage.plant(DEFAULT, "zoe").await,
    ];
    let foreign = stage.plant(stage.other, "stan").await;
    let hour = Hour::of(at(100));
    let report = |requests: u64| UsageReport {
        hours: [&keys[0], &keys[1], &foreign]
            .iter()
            .map(|key| HourTotal {
                key: key.id,
                hour,
                requests,
            })
            .collect(),
        months: [&keys[0], &keys[1], &foreign]
            .iter()
            .map(|key| MonthTotal {
                key: key.id,
                month: month_of(at(100)),
                meter: "predictions".into(),
                requests: 1,
            })
            .collect(),
        ..UsageReport::default()
    };
    for (deployment, requests) in [("main", 5), ("spare", 2)] {
        let (store, report) = (&stage.service.store, report(requests));
        store
            .record_usage(deployment, Environment::Production, &report)
            .await
            .unwrap();
    }
    for granularity in ["hour", "day", "month"] {
        let query = format!("usage?granularity={granularity}");
        let ask = async |path: String| stage.ask(Who::Viewer, "GET", &path, None).await.expect(200);
        let all = ask(format!("{ORGANIZATIONS}/{DEFAULT}/{query}")).await;
        assert_eq!(ask(format!("/api/v1/{query}")).await, all);
        assert_eq!(
            (&all["requests"], &all["deployments"]),
            (&json!(14), &json!({ "main": 10, "spare": 4 }))
        );
        let buckets = all["buckets"].as_array().unwrap();
        let mut sums = vec![0; buckets.len()];
        for key in &keys {
            let of_key = ask(format!("/api/v1/keys/{}/{query}", key.id)).await;
            assert_eq!((&of_key["from"], &of_key["to"]), (&all["from"], &all["to"]));
            for (sum, bucket) in sums.iter_mut().zip(of_key["buckets"].as_array().unwrap()) {
                *sum += bucket["requests"].as_u64().unwrap();
            }
        }
        let shown: Vec<_> = buckets
            .iter()
            .map(|bucket| bucket["requests"].as_u64().unwrap())
            .collect();
        assert_eq!(shown, sums, "{granularity}");
        let meters = &buckets[buckets.len() - 1]["meters"];
        let expected = if granularity == "month" {
            json!({ "predictions": 4 })
        } else {
            Value::Null
        };
        assert_eq!(*meters, expected);
    }
}
