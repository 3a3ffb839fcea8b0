//! The service itself, if it runs here.

use std::net::SocketAddr;

use reqwest::{Method, Url};

use super::{Findings, web};

pub(super) async fn check(listen: SocketAddr, findings: &mut Findings<'_>) {
    let check = "service";
    let Ok(url) = Url::parse(&format!("http://{listen}/readyz")) else {
        return;
    };
    match web::look(Method::GET, &url).await {
        Ok(seen) if seen.status == 200 => {
            findings.ok(
                check,
                None,
                format_args!("`keyward serve` answers at {listen} and is ready"),
            );
        }
        Ok(seen) => findings.warn(
            check,
            None,
            format_args!("http://{listen}/readyz answers with status {}", seen.status),
            "read its body and the log of `keyward serve`",
        ),
        Err(why) => findings.warn(
            check,
            None,
            format_args!("nobody answers at {listen} ({why})"),
            "start `keyward serve`, if it should run on this machine",
        ),
    }
}
